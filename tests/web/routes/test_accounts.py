"""The pages of invitations, new passwords and confirmed addresses: GET changes nothing, POST uses the token once."""

import asyncio
import re
import time
from html import unescape
from typing import Any

import httpx
import pytest

from app.adapters.passwords import MAX_WORKERS, verify_and_rehash
from app.application import Application
from app.domain.users import one_time_tokens, sessions, users
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, LIFETIMES, PASSWORD_RESET
from app.settings import Settings
from app.web import response_time
from tests.conftest import TestClock
from tests.support.account_mail import load_mail, queue_account_mail
from tests.support.clients import Client
from tests.support.database_dump import changed, snapshot
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, read_csrf, send_form

EMAIL = "jane@example.com"
PASSWORD = " a good password "
PATHS = {INVITATION: "/invitation", PASSWORD_RESET: "/password-reset", EMAIL_CONFIRMATION: "/confirm-email"}
FIELDS = {INVITATION: {"name": " Ms <Roe> ", "password": PASSWORD}, PASSWORD_RESET: {"password": PASSWORD}}
purposes = pytest.mark.parametrize("purpose", PATHS)


@pytest.fixture(autouse=True)
def quick_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_time, "MIN_REQUEST_SECONDS", 0.0)


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email=EMAIL)


async def create_token(make: Factory, user: int, purpose: str) -> str:
    token = await make.act(lambda work: one_time_tokens.create(work, user_id=user, purpose=purpose, email=EMAIL))
    assert token is not None
    return token


async def post(visitor: Client, purpose: str, token: str, **changed_fields: Any) -> httpx.Response:
    fields = {"csrf": await read_csrf(visitor), "token": token, **FIELDS.get(purpose, {}), **changed_fields}
    return await visitor.post(PATHS[purpose], data=fields)


async def request_link(visitor: Client, path: str, email: str) -> httpx.Response:
    return await send_form(visitor, path, {"email": email})


async def user_row(make: Factory, user: int) -> Any:
    return await make.row("SELECT * FROM users WHERE id = :id", id=user)


async def find_session_user(make: Factory, token: str) -> int | None:
    found = await make.act(lambda work: sessions.find(work, token))
    return None if found is None else found.user_id


def assert_secret_address(response: httpx.Response) -> None:
    """Nothing may store the page, or learn its address by a link on it."""
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


def assert_private(response: httpx.Response) -> None:
    assert_secret_address(response)
    policy = response.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"} <= set(policy)


@purposes
async def test_get_shows_the_form_and_changes_nothing(visitor: Client, make: Factory, jane: int, purpose: str) -> None:
    token = await create_token(make, jane, purpose)
    before = await snapshot(make.server.database)

    for method in ("GET", "HEAD", "GET"):
        page = await visitor.request(method, f"{PATHS[purpose]}?token={token}")

        assert page.status_code == 200
        assert_private(page)
    assert EMAIL in page.text
    assert hidden_fields(page, PATHS[purpose])["token"] == token
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_an_invitation_is_accepted_once(visitor: Client, make: Factory, jane: int) -> None:
    token = await create_token(make, jane, INVITATION)

    accepted, again = await post(visitor, INVITATION, token), await post(visitor, INVITATION, token, name="Other")

    assert (accepted.status_code, again.status_code) == (200, 410)
    assert_private(accepted)
    assert_private(again)
    row = await user_row(make, jane)
    assert row["name"] == "Ms <Roe>"
    assert row["email_confirmed_at"] is not None
    # The password is not trimmed.
    assert verify_and_rehash(PASSWORD, row["password_hash"]).is_valid
    assert "This link is no longer valid" in again.text
    assert "ask the team of Feedback to invite you again" in again.text


async def test_a_password_is_reset_once(visitor: Client, make: Factory, jane: int) -> None:
    token = await create_token(make, jane, PASSWORD_RESET)

    saved, again = await post(visitor, PASSWORD_RESET, token), await post(visitor, PASSWORD_RESET, token)

    assert (saved.status_code, again.status_code) == (200, 410)
    assert verify_and_rehash(PASSWORD, (await user_row(make, jane))["password_hash"]).is_valid
    assert '<a class="button" href="/password-reset">Get a new link</a>' in again.text


@pytest.mark.parametrize("purpose", [INVITATION, PASSWORD_RESET])
async def test_who_chooses_a_password_is_signed_in_with_a_new_session(
    visitor: Client, make: Factory, jane: int, purpose: str
) -> None:
    """After a reset all former sessions are gone: somebody else may have known the password."""
    browsers = [visitor, visitor.of(None, base="")]
    for browser in browsers:
        former = await make.act(lambda work: sessions.create(work, user_id=jane, method="password", user_agent=""))
        browser.cookies.set("earshot_session", former, domain="feedback.example.com")
    before = visitor.cookies["earshot_session"]
    token = await create_token(make, jane, purpose)

    saved = await post(visitor, purpose, token)

    [header] = [each for each in saved.headers.get_list("set-cookie") if each.startswith("earshot_session=")]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(header.split("; "))
    methods = [row["method"] for row in await make.rows("SELECT method FROM sessions ORDER BY id")]
    assert methods == (["email"] if purpose == PASSWORD_RESET else ["password", "email"])
    assert await find_session_user(make, before) is None
    assert await find_session_user(make, saved.cookies["earshot_session"]) == jane
    assert (await browsers[1].get("/profile")).status_code == (303 if purpose == PASSWORD_RESET else 200)


@purposes
async def test_a_link_that_is_not_valid_changes_no_session(
    visitor: Client, make: Factory, jane: int, purpose: str
) -> None:
    token = await make.act(lambda work: sessions.create(work, user_id=jane, method="password", user_agent=""))
    visitor.cookies.set("earshot_session", token, domain="feedback.example.com")

    refused = await post(visitor, purpose, "x")

    assert refused.status_code == 404
    assert "earshot_session" not in refused.cookies
    assert (await visitor.get("/profile")).status_code == 200


async def test_an_address_is_confirmed_once(visitor: Client, make: Factory, jane: int) -> None:
    token = await create_token(make, jane, EMAIL_CONFIRMATION)

    confirmed, again = [await post(visitor, EMAIL_CONFIRMATION, token) for _ in range(2)]

    assert (confirmed.status_code, again.status_code) == (200, 410)
    assert (await user_row(make, jane))["email_confirmed_at"] is not None
    assert '<a class="button" href="/confirm-email">Get a new link</a>' in again.text


@purposes
async def test_of_two_requests_at_the_same_time_one_uses_the_token(
    visitor: Client, make: Factory, jane: int, purpose: str
) -> None:
    token = await create_token(make, jane, purpose)

    csrf = await read_csrf(visitor)
    fields = {"csrf": csrf, "token": token, **FIELDS.get(purpose, {})}
    responses = await asyncio.gather(*[visitor.post(PATHS[purpose], data=fields) for _ in range(3)])

    assert sorted(response.status_code for response in responses) == [200, 410, 410]


@purposes
async def test_an_invalid_token_changes_nothing_and_the_page_says_what_to_do(
    visitor: Client, make: Factory, jane: int, clock: TestClock, purpose: str
) -> None:
    token = await create_token(make, jane, purpose)
    other_purpose = await create_token(make, jane, next(other for other in PATHS if other != purpose))
    await make.new_portal("Other", host="other.example.com", email=EMAIL)
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    elsewhere = visitor.of(None, base="", host="http://other.example.com")
    before = await snapshot(make.server.database)

    async def both(client: Client, sent: str) -> set[tuple[int, str]]:
        pages = [await client.get(PATHS[purpose], params={"token": sent}), await post(client, purpose, sent)]
        for page in pages:
            assert_private(page)
            assert "Get a new link" in page.text or "invite you again" in page.text
        return {(page.status_code, unescape(re.findall("<h1>(.*?)</h1>", page.text)[0])) for page in pages}

    unknown = {(404, "This link is not valid")}
    for wrong in ("x", token[:-1], token.swapcase(), f"{token}x", "\0", "é" * 300, other_purpose):
        assert await both(visitor, wrong) == unknown
    assert await both(elsewhere, token) == unknown
    clock.advance(seconds=LIFETIMES[purpose].total_seconds())
    assert await both(visitor, token) == {(410, "This link has expired")}
    assert changed(before, await snapshot(make.server.database)) == set()
    await make.act(lambda work: users.block(work, jane))
    assert await both(visitor, token) == {(410, "This link is no longer valid")}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "  "}, "Enter your name."),
        ({"name": "x" * 101}, "The name can have at most 100 characters."),
        ({"name": "a\0b"}, "The name contains a character that can't be used."),
        ({"password": "1234567"}, "The password must have at least 8 characters."),
        ({"password": "x" * 101}, "The password can have at most 100 characters."),
        ({"password": "12345678\0"}, "The password contains a character that can't be used."),
    ],
)
async def test_invalid_fields_are_named_and_do_not_use_the_token(
    visitor: Client, make: Factory, jane: int, fields: dict[str, str], message: str
) -> None:
    token = await create_token(make, jane, INVITATION)

    page = await post(visitor, INVITATION, token, **fields)

    assert page.status_code == 422
    ((field, value),) = fields.items()
    assert f'<p class="error" id="error-{field}">{message}</p>' in unescape(page.text)
    assert page.text.count("aria-invalid") == 1
    # The name stays in the form; a password never comes back.
    assert ("Ms &lt;Roe&gt;" in page.text) == (field != "name")
    assert PASSWORD not in page.text
    assert field != "password" or value not in page.text
    assert (await post(visitor, INVITATION, token)).status_code == 200


async def test_missing_fields_are_named_together(visitor: Client, make: Factory, jane: int) -> None:
    token = await create_token(make, jane, INVITATION)

    page = await visitor.post("/invitation", data={"csrf": await read_csrf(visitor), "token": token})

    assert page.status_code == 422
    assert page.text.count('class="error"') == 2


@pytest.mark.parametrize(
    ("purpose", "kind"),
    [(PASSWORD_RESET, "user.password_reset_requested"), (EMAIL_CONFIRMATION, "user.confirmation_requested")],
)
async def test_the_response_to_a_request_does_not_depend_on_the_address(
    visitor: Client, make: Factory, jane: int, purpose: str, kind: str
) -> None:
    pages = []
    for email in (EMAIL, "nobody@example.com"):
        page = await request_link(visitor, PATHS[purpose], email)
        assert_private(page)
        content = page.text.replace(email, "")
        pages.append((page.status_code, content, sorted(page.headers)))

    assert pages[0] == pages[1]
    assert pages[0][0] == 200
    assert [event["subject_id"] for event in await make.facts(kind)] == [jane]


async def test_a_user_with_other_letters_in_the_address_gets_a_link(visitor: Client, make: Factory) -> None:
    """ProductLift's API accepts such addresses."""
    jörg = await make.user(email="jörg@straße.example")

    page = await request_link(visitor, "/password-reset", " Jörg@straße.example ")

    assert page.status_code == 200
    assert [event["subject_id"] for event in await make.facts("user.password_reset_requested")] == [jörg]


async def test_the_time_of_the_response_does_not_depend_on_the_address(
    visitor: Client, jane: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_time, "MIN_REQUEST_SECONDS", 0.25)
    for email in (EMAIL, "nobody@example.com"):
        started_at = time.perf_counter()
        await request_link(visitor, "/password-reset", email)

        assert time.perf_counter() - started_at >= 0.25


@pytest.mark.parametrize(
    "email",
    [
        "",
        "jane",
        "jane@",
        "a@b@example.com",
        "a b@example.com",
        "<a@example.com>",
        "a\0b@example.com",
        "x" * 250 + "@example.com",
    ],
)
async def test_an_invalid_address_is_named(visitor: Client, email: str) -> None:
    for path in ("/password-reset", "/confirm-email"):
        page = await request_link(visitor, path, email)

        assert page.status_code == 422
        assert "Enter an email address, such as jane@example.com." in page.text


async def test_the_whole_way_to_a_new_password(visitor: Client, make: Factory, jane: int) -> None:
    await request_link(visitor, "/password-reset", EMAIL)
    (email,) = await queue_account_mail(make)
    content = await load_mail(make, email)
    assert not isinstance(content, str)
    assert content.account is not None
    link = str(content.account.link)

    page = await visitor.get(link.removeprefix(content.base_url))
    fields = hidden_fields(page, "/password-reset")
    saved = await visitor.post("/password-reset", data={**fields, "password": PASSWORD})

    assert saved.status_code == 200
    assert verify_and_rehash(PASSWORD, (await user_row(make, jane))["password_hash"]).is_valid
    assert [sent.kind for sent in await queue_account_mail(make)] == ["password_changed"]


async def test_the_host_of_a_request_is_in_no_mail(visitor: Client, make: Factory, jane: int) -> None:
    """Whoever asks for the link of another user must not choose where it leads."""
    await request_link(visitor.of(None, base="", host="http://evil.example"), "/password-reset", EMAIL)

    (event,) = await make.facts("user.password_reset_requested")
    assert event["base_url"] is None


async def test_the_public_url_is_in_the_mail(settings: Settings, clock: TestClock, make: Factory, jane: int) -> None:
    async with (
        running_application(settings, clock, base_url="https://example.com/feedback") as below,
        Client(below, token=None, base="", host="http://evil.example") as visitor,
    ):
        await request_link(visitor, "/feedback/password-reset", EMAIL)

    (event,) = await make.facts("user.password_reset_requested")
    assert event["base_url"] == "https://example.com/feedback"


async def test_an_unknown_host_has_no_such_page(visitor: Client, make: Factory, jane: int) -> None:
    await make.new_portal("Other", host="other.example.com", email=EMAIL)
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    token = await create_token(make, jane, PASSWORD_RESET)
    stranger = visitor.of(None, base="", host="http://unknown.example.com")

    for path in PATHS.values():
        assert (await stranger.get(f"{path}?token={token}")).status_code == 404
        assert (await stranger.post(path, data={"token": token, "email": EMAIL})).status_code == 404
    assert await make.facts("user.password_reset_requested") == []


@purposes
@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site", "origin": "http://feedback.example.com"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "null"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "http://[evil"}, False),
        ({"origin": "http://feedback.example.com:8080"}, True),
        ({"origin": "null"}, True),
        ({}, True),
    ],
)
async def test_a_form_of_another_site_is_rejected(
    visitor: Client, make: Factory, jane: int, purpose: str, headers: dict[str, str], is_own: bool
) -> None:
    token = await create_token(make, jane, purpose)

    fields = {"csrf": await read_csrf(visitor), "token": token, **FIELDS.get(purpose, {})}
    response = await visitor.post(PATHS[purpose], data=fields, headers=headers)

    assert response.status_code == (200 if is_own else 403)
    assert (await make.value("SELECT used_at FROM one_time_tokens") is not None) == is_own


@purposes
async def test_other_methods_are_not_allowed(visitor: Client, purpose: str) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await visitor.request(method, f"{PATHS[purpose]}?token=x")).status_code == 405


@purposes
@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"token=" + b"x" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % number for number in range(200)), "application/x-www-form-urlencoded", 400),
        (b'{"token": "x"}', "application/json", (404, 422)),
        (b"\xff\xfe%ff=%00", "application/x-www-form-urlencoded", (404, 422)),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", (404, 422)),
        (b"", "application/x-www-form-urlencoded", (404, 422)),
    ],
)
async def test_an_unreadable_form_is_rejected(
    visitor: Client, purpose: str, content: bytes, content_type: str, status: Any
) -> None:
    response = await visitor.post(PATHS[purpose], content=content, headers={"content-type": content_type})

    assert response.status_code in (status if isinstance(status, tuple) else (status,))
    assert "text/html" in response.headers["content-type"]
    assert_secret_address(response)


async def test_a_full_queue_of_passwords_is_a_503(
    visitor: Client, make: Factory, jane: int, server: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.services.passwords, "_places", asyncio.Semaphore(MAX_WORKERS))
    token = await create_token(make, jane, PASSWORD_RESET)

    fields = {"csrf": await read_csrf(visitor), "token": token, "password": PASSWORD}
    responses = await asyncio.gather(*[visitor.post("/password-reset", data=fields) for _ in range(MAX_WORKERS + 1)])

    assert sorted(response.status_code for response in responses) == [200, 410, 503]
    (unavailable,) = (response for response in responses if response.status_code == 503)
    assert_secret_address(unavailable)


@purposes
async def test_no_password_is_hashed_for_an_invalid_token(
    visitor: Client, server: Application, monkeypatch: pytest.MonkeyPatch, purpose: str
) -> None:
    """Hashing takes a tenth of a second of CPU time, which only who has a link may cause."""

    async def fail(password: str) -> str:
        raise AssertionError

    monkeypatch.setattr(server.services.passwords, "hash_password", fail)

    assert (await post(visitor, purpose, "x")).status_code == 404
