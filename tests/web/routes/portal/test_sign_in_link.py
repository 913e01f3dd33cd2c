"""The link by which a user signs in: from an email, or from the command of an operator."""

import asyncio

import httpx
import pytest

from app.domain.users import sign_in, users
from app.domain.users.sign_in_requests import LIFETIME
from app.web import response_time
from tests.conftest import TestClock
from tests.support.account_mail import load_mail, queue_account_mail
from tests.support.clients import Client
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, messages, read_csrf, send_form

EMAIL = "jane@example.com"
STALE = "This form was open for too long, or your browser keeps no cookies. Nothing is lost: send it again."


@pytest.fixture(autouse=True)
def quick_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_time, "MIN_REQUEST_SECONDS", 0.0)


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email=EMAIL)


async def create_path(make: Factory, user: int) -> str:
    token = await make.act(lambda work: sign_in.create_link(work, user))
    return f"/sign-in/link?token={token}"


async def open_mail(make: Factory) -> str:
    """The path of the link in the email."""
    [email] = await queue_account_mail(make)
    content = await load_mail(make, email)
    assert not isinstance(content, str)
    assert content.account is not None
    return str(content.account.link).removeprefix(content.base_url or "")


async def use_link(visitor: Client, path: str) -> httpx.Response:
    return await send_form(visitor, "/sign-in/link", {}, page=path)


def assert_secret_address(response: httpx.Response) -> None:
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_get_changes_nothing(visitor: Client, make: Factory, jane: int) -> None:
    """Programs that scan mail open links."""
    path = await create_path(make, jane)
    before = await snapshot(make.server.database)

    for method in ("GET", "HEAD", "GET"):
        page = await visitor.request(method, path)

        assert page.status_code == 200
        assert "earshot_session" not in page.cookies
        assert_secret_address(page)
    assert "You sign in as <b>Jane Roe</b>." in page.text
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_the_link_of_the_operator_signs_in_once(visitor: Client, make: Factory, jane: int) -> None:
    path = await create_path(make, jane)
    page = await visitor.get(path)
    fields = hidden_fields(page, "/sign-in/link")

    first = await visitor.post("/sign-in/link", data=fields)
    again = await visitor.post("/sign-in/link", data={**fields, "csrf": await read_csrf(visitor)})

    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert again.status_code == 410
    assert "This link is no longer valid" in again.text
    assert_secret_address(again)
    [session] = await make.rows("SELECT user_id, method FROM sessions")
    assert (session["user_id"], session["method"]) == (jane, "link")
    # Nobody has shown that the address is theirs.
    assert await make.value("SELECT email_confirmed_at FROM users WHERE id = :id", id=jane) is None


async def test_the_link_of_the_email_leads_to_the_page_that_asked_for_it(
    visitor: Client, make: Factory, jane: int
) -> None:
    fields = {"email": EMAIL, "password": ""}
    await send_form(visitor, "/login", fields, page="/login?next=/submit%3Fboard%3Dx%26y%3Dé")
    path = await open_mail(make)

    response = await use_link(visitor, path)

    assert (response.status_code, response.headers["location"]) == (303, "/submit?board=x&y=%C3%A9")
    assert "earshot_next" not in visitor.cookies
    assert await make.value("SELECT method FROM sessions") == "email"
    assert await make.value("SELECT email_confirmed_at FROM users WHERE id = :id", id=jane) is not None


async def test_a_forged_cookie_leads_to_no_other_site(visitor: Client, make: Factory, jane: int) -> None:
    visitor.cookies.set("earshot_next", "//evil.example", domain="feedback.example.com")

    response = await use_link(visitor, await create_path(make, jane))

    assert response.headers["location"] == "/"


async def test_the_link_works_in_another_browser(visitor: Client, make: Factory, jane: int) -> None:
    await send_form(visitor, "/login", {"email": EMAIL, "password": ""})
    path = await open_mail(make)

    response = await use_link(visitor.of(None, base=""), path)

    assert (response.status_code, response.headers["location"]) == (303, "/")


async def test_of_two_requests_at_the_same_time_one_signs_in(visitor: Client, make: Factory, jane: int) -> None:
    fields = hidden_fields(await visitor.get(await create_path(make, jane)), "/sign-in/link")

    responses = await asyncio.gather(*[visitor.post("/sign-in/link", data=fields) for _ in range(3)])

    assert sorted(response.status_code for response in responses) == [303, 410, 410]
    assert await make.value("SELECT count(*) FROM sessions") == 1


async def test_an_invalid_link_says_what_to_do(visitor: Client, make: Factory, jane: int, clock: TestClock) -> None:
    path = await create_path(make, jane)
    for wrong in ("x", "", "é" * 300, "%00"):
        page = await visitor.get(f"/sign-in/link?token={wrong}")
        assert (page.status_code, "<h1>This link is not valid</h1>" in page.text) == (404, True)
    blocked = await create_path(make, await make.user(email="other@example.com"))
    await make.act(lambda work: users.block(work, jane + 1))
    assert (await visitor.get(blocked)).status_code == 410
    clock.advance(seconds=LIFETIME.total_seconds())

    expired = await visitor.get(path)

    assert expired.status_code == 410
    assert "<h1>This link has expired</h1>" in expired.text
    assert '<a class="button" href="/login">Sign in</a>' in expired.text


async def test_an_old_form_is_shown_again(visitor: Client, make: Factory, jane: int) -> None:
    """Without the token, another page could sign the visitor in as somebody else."""
    fields = hidden_fields(await visitor.get(await create_path(make, jane)), "/sign-in/link")

    page = await visitor.post("/sign-in/link", data={**fields, "csrf": "old"})

    assert (page.status_code, messages(page)) == (422, [STALE])
    assert await make.value("SELECT count(*) FROM sessions") == 0
    assert (await visitor.post("/sign-in/link", data=hidden_fields(page, "/sign-in/link"))).status_code == 303


async def test_the_link_confirms_the_address_of_a_user_who_awaits_approval(
    visitor: Client, make: Factory, jane: int
) -> None:
    await send_form(visitor, "/login", {"email": EMAIL, "password": ""})
    path = await open_mail(make)
    await make.run("UPDATE users SET awaits_approval = TRUE WHERE id = :id", id=jane)

    page = await use_link(visitor, path)

    assert page.status_code == 403
    assert "The team has not approved this account yet." in page.text
    assert await make.value("SELECT email_confirmed_at FROM users WHERE id = :id", id=jane) is not None
    assert await make.value("SELECT count(*) FROM sessions") == 0
