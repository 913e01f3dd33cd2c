"""Signing in by a password or a code, and signing out."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from app.application import Application
from app.domain.permissions import VISITOR
from app.domain.portals import portals
from app.domain.posts import devices
from app.domain.posts.create import NewPost
from app.domain.users import sign_in as domain_sign_in
from app.domain.users import users
from app.settings import Settings
from app.web import response_time
from tests.conftest import TestClock
from tests.support.account_mail import queue_account_mail
from tests.support.clients import Client
from tests.support.database_dump import changed, snapshot
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, messages, read_csrf, send_form
from tests.web.routes.portal.sign_in_forms import EMAIL, HASH, PASSWORD, find_viewer, sign_in

WRONG = (
    "The address or the password is wrong, or you have not confirmed the address yet. Leave the password empty to get "
    "a code by email, which also confirms the address."
)
STALE = "This form was open for too long, or your browser keeps no cookies. Nothing is lost: send it again."


@pytest.fixture(autouse=True)
def quick_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_time, "MIN_REQUEST_SECONDS", 0.0)


async def request_code(visitor: Client, make: Factory, *, target: str = "/") -> tuple[httpx.Response, str]:
    """The page that waits for the code, and the code of the email."""
    await make.run("UPDATE sign_in_requests SET created_at = '2026-01-01 00:00:00.000000'")
    page = await sign_in(visitor, password="", target=target)
    [mail] = [each for each in await queue_account_mail(make) if each.kind == "sign_in"]
    return page, mail.values["code"]


async def enter_code(visitor: Client, page: httpx.Response, code: str) -> httpx.Response:
    return await visitor.post("/login/code", data={**hidden_fields(page, "/login/code"), "code": code})


async def session_count(make: Factory) -> int:
    return int(await make.value("SELECT count(*) FROM sessions"))


async def test_a_password_signs_in_and_leads_back(visitor: Client, make: Factory, jane: int) -> None:
    response = await sign_in(visitor, email=f" {EMAIL.upper()} ", target="/roadmap?a=1&b=%26")

    assert (response.status_code, response.headers["location"]) == (303, "/roadmap?a=1&b=%26")
    assert await find_viewer(visitor) == "Jane Roe"
    [session] = await make.rows("SELECT user_id, method, user_agent FROM sessions")
    assert (session["user_id"], session["method"]) == (jane, "password")
    assert session["user_agent"].startswith("python-httpx")


@pytest.mark.parametrize(("email", "password"), [(EMAIL, "not-the-one"), ("nobody@example.com", PASSWORD)])
async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    visitor: Client, make: Factory, jane: int, email: str, password: str
) -> None:
    page = await sign_in(visitor, email=email, password=password, target="/roadmap")

    assert page.status_code == 422
    assert messages(page) == [WRONG]
    assert f'value="{email}"' in page.text
    assert password not in page.text
    assert hidden_fields(page, "/login")["next"] == "/roadmap"
    assert await session_count(make) == 0


async def test_every_password_takes_one_verification(
    visitor: Client, make: Factory, jane: int, server: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the time would tell which addresses have an account."""
    verify, hashes = server.services.passwords.verify, []
    await make.user(email="without-password@example.com")
    blocked = await make.user(email="blocked@example.com")
    await make.run(
        "UPDATE users SET blocked_at = created_at, password_hash = :hash WHERE id = :id", id=blocked, hash=HASH
    )

    async def count(password: str, stored: str | None) -> Any:
        hashes.append(stored)
        return await verify(password, stored)

    monkeypatch.setattr(server.services.passwords, "verify", count)
    emails = (EMAIL, "nobody@example.com", "without-password@example.com", "blocked@example.com")
    pages = [await sign_in(visitor, email=email, password="wrong") for email in emails]

    assert hashes == [HASH, None, None, HASH]
    assert {(page.status_code, *messages(page)) for page in pages} == {(422, WRONG)}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("blocked_at = created_at", "This account is blocked."),
        ("awaits_approval = TRUE", "The team has not approved this account yet. You get an email when it has."),
    ],
)
async def test_a_user_who_may_not_sign_in_is_told_after_the_right_password(
    visitor: Client, make: Factory, jane: int, column: str, message: str
) -> None:
    await make.run(f"UPDATE users SET {column} WHERE id = :id", id=jane)

    right, wrong = await sign_in(visitor), await sign_in(visitor, password="wrong")

    assert (right.status_code, messages(right), messages(wrong)) == (422, [message], [WRONG])
    assert await session_count(make) == 0


async def test_the_session_is_replaced_at_each_sign_in(visitor: Client, make: Factory, jane: int) -> None:
    """Whoever knew the former token has nothing."""
    page = await visitor.get("/login")
    fields = {**hidden_fields(page, "/login"), "email": EMAIL, "password": PASSWORD}
    first = (await visitor.post("/login", data=fields)).cookies["earshot_session"]
    fresh = visitor.of(None, base="")
    fresh.cookies.update({"earshot_session": first})
    assert await find_viewer(fresh) == "Jane Roe"
    token = await make.act(lambda work: domain_sign_in.create_link(work, jane))
    link = f"/sign-in/link?token={token}"

    signed_in = await send_form(visitor, "/sign-in/link", {}, page=link)

    assert signed_in.cookies["earshot_session"] != first
    assert await find_viewer(fresh) is None
    assert await session_count(make) == 1


@pytest.mark.parametrize(
    ("host", "is_secure"), [("http://feedback.example.com", False), ("https://feedback.example.com", True)]
)
async def test_the_flags_of_the_cookies(visitor: Client, jane: int, host: str, is_secure: bool) -> None:
    prefix = "__Host-" if is_secure else ""
    client = visitor.of(None, base="", host=host)
    shown = await client.get("/login")
    fields = {**hidden_fields(shown, "/login"), "email": EMAIL, "password": PASSWORD}

    signed_in = await client.post("/login", data=fields)

    for response, name in ((shown, f"{prefix}earshot_device"), (signed_in, f"{prefix}earshot_session")):
        [header] = [each for each in response.headers.get_list("set-cookie") if each.startswith(f"{name}=")]
        flags = set(header.split("; ")[1:])
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= flags
        assert ("Secure" in flags) == is_secure
        assert not [flag for flag in flags if flag.startswith("Domain")]
    assert await find_viewer(client) == "Jane Roe"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_no_step_leads_to_another_site(visitor: Client, make: Factory, jane: int, target: str) -> None:
    waiting, code = await request_code(visitor, make, target=target)
    fields = {**hidden_fields(waiting, "/login/code"), "next": target, "code": code}

    by_code = await visitor.post("/login/code", data=fields)
    when_signed_in = await visitor.get("/login", params={"next": target})

    assert (by_code.status_code, by_code.headers["location"]) == (303, "/")
    assert (when_signed_in.status_code, when_signed_in.headers["location"]) == (303, "/")


async def test_a_code_signs_in_and_leads_back(visitor: Client, make: Factory, jane: int) -> None:
    waiting, code = await request_code(visitor, make, target="/submit?board=x")
    assert f"If <b>{EMAIL}</b> can sign in here" in waiting.text

    response = await enter_code(visitor, waiting, f" {code[:3]} {code[3:]} ")

    assert (response.status_code, response.headers["location"]) == (303, "/submit?board=x")
    assert await find_viewer(visitor) == "Jane Roe"
    assert await make.value("SELECT method FROM sessions") == "email"
    assert await make.value("SELECT email_confirmed_at FROM users WHERE id = :id", id=jane) is not None


async def test_a_code_is_valid_in_the_browser_that_asked_for_it(visitor: Client, make: Factory, jane: int) -> None:
    waiting, code = await request_code(visitor, make)
    other = visitor.of(None, base="")

    elsewhere = await send_form(other, "/login/code", {"code": code})

    assert elsewhere.status_code == 422
    assert messages(elsewhere) == [
        "This code is wrong, was used, or came more than 15 minutes ago. The link of the email works as well."
    ]
    assert await session_count(make) == 0
    assert (await enter_code(visitor, waiting, code)).status_code == 303


async def test_wrong_codes_end_the_request(visitor: Client, make: Factory, jane: int) -> None:
    waiting, code = await request_code(visitor, make)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"

    malformed = await enter_code(visitor, waiting, "12345")
    statuses = [(await enter_code(visitor, waiting, wrong)).status_code for _ in range(5)]
    right = await enter_code(visitor, waiting, code)

    assert messages(malformed) == ["The code has six digits."]
    assert 'value="12345"' in malformed.text
    assert (statuses, right.status_code) == ([422] * 5, 422)
    assert hidden_fields(right, "/login/code")["email"] == EMAIL
    assert await session_count(make) == 0


async def test_the_answer_to_a_requested_code_does_not_depend_on_the_address(
    visitor: Client, make: Factory, jane: int
) -> None:
    pages = [await sign_in(visitor, email=email, password="") for email in (EMAIL, "nobody@example.com")]

    texts = [page.text.replace(EMAIL, "").replace("nobody@example.com", "") for page in pages]
    tokens = [hidden_fields(page, "/login/code")["csrf"] for page in pages]
    assert texts[0].replace(tokens[0], "") == texts[1].replace(tokens[1], "")
    assert [page.status_code for page in pages] == [200, 200]
    assert [event["subject_id"] for event in await make.facts("user.sign_in_requested")] == [jane]


@pytest.mark.parametrize("email", ["", "jane", "a b@example.com", "x" * 250 + "@example.com"])
async def test_an_invalid_address_is_named_and_kept(visitor: Client, email: str) -> None:
    page = await sign_in(visitor, email=email)

    assert page.status_code == 422
    assert messages(page) == ["Enter an email address, such as jane@example.com."]
    assert 'aria-describedby="error-email"' in page.text
    assert f'name="email" type="text" value="{email}"' in page.text


async def test_an_old_form_keeps_what_was_typed(visitor: Client, make: Factory, jane: int) -> None:
    fields = {"email": EMAIL, "password": PASSWORD, "next": "/roadmap", "csrf": "old"}

    page = await visitor.post("/login", data=fields)

    assert page.status_code == 422
    assert messages(page) == [STALE]
    assert f'value="{EMAIL}"' in page.text
    assert await session_count(make) == 0
    again = {**hidden_fields(page, "/login"), "email": EMAIL, "password": PASSWORD}
    assert (await visitor.post("/login", data=again)).headers["location"] == "/roadmap"


async def test_the_token_of_another_browser_is_not_valid(visitor: Client, make: Factory, jane: int) -> None:
    csrf = await read_csrf(visitor.of(None, base=""))
    await read_csrf(visitor)

    for path in ("/login", "/login/code"):
        page = await visitor.post(path, data={"csrf": csrf, "email": EMAIL, "password": PASSWORD, "code": "123456"})
        assert (page.status_code, messages(page)) == (422, [STALE])
    assert await session_count(make) == 0


@pytest.mark.parametrize("path", ["/login", "/login/code", "/logout", "/register", "/sign-in/link"])
async def test_another_site_cannot_send_the_forms(visitor: Client, make: Factory, jane: int, path: str) -> None:
    fields = {"csrf": await read_csrf(visitor), "email": EMAIL, "password": PASSWORD}
    before = await snapshot(make.server.database)

    response = await visitor.post(path, data=fields, headers={"sec-fetch-site": "cross-site"})

    assert response.status_code == 403
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_signing_out_ends_the_session(visitor: Client, make: Factory, jane: int) -> None:
    await sign_in(visitor)
    stale = await visitor.post("/logout", data={"csrf": "old"})
    assert (stale.status_code, await session_count(make)) == (422, 1)

    response = await visitor.post("/logout", data=hidden_fields(stale, "/logout"))

    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert "earshot_session" not in visitor.cookies
    assert await session_count(make) == 0
    assert await find_viewer(visitor) is None


async def test_get_signs_nobody_out(visitor: Client, make: Factory, jane: int) -> None:
    await sign_in(visitor)

    assert (await visitor.get("/logout")).status_code == 200
    assert await session_count(make) == 1


async def test_posts_and_votes_of_the_browser_become_those_of_the_user(
    visitor: Client, make: Factory, jane: int
) -> None:
    await make.run("UPDATE portals SET allows_anonymous_posts = TRUE, allows_anonymous_votes = TRUE")
    await visitor.get("/login")
    device = devices.digest(visitor.cookies["earshot_device"])
    post = await make.post()
    await make.anonymous_vote(post, devices.anonymous_id(device))
    new_post = NewPost(title="From a browser", description=None, author=None, moderation=None, default_status=True)
    created = await make.act(lambda work: devices.create_post(work, new_post, device_digest=device), actor=VISITOR)

    await sign_in(visitor)

    assert await make.value("SELECT user_id FROM posts WHERE id = :id", id=created.id) == jane
    assert [vote["user_id"] for vote in await make.rows("SELECT user_id FROM votes")] == [jane]


async def test_a_private_portal_shows_only_the_pages_of_signing_in(visitor: Client, make: Factory, jane: int) -> None:
    post = await make.post(title="A secret plan")
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))
    code = await make.code(post)

    for path in ("/", f"/p/a-secret-plan-{code}", "/boards/feature-requests"):
        response = await visitor.get(path)
        assert (response.status_code, response.headers["location"]) == (303, f"/login?{urlencode({'next': path})}")
    by_htmx = await visitor.get("/", headers={"hx-request": "true"})
    assert (by_htmx.content, by_htmx.headers["hx-redirect"]) == (b"", "/login?next=%2F")
    page = await visitor.get("/login")
    assert "This portal is private. Sign in to see it." in page.text
    assert 'href="/roadmap"' not in page.text
    assert "/feed.atom" not in page.text
    assert 'href="/register"' in page.text
    await sign_in(visitor)
    assert "A secret plan" in (await visitor.get("/")).text


async def test_the_other_name_of_the_page_leads_there(visitor: Client) -> None:
    response = await visitor.get("/sign-in?next=/roadmap")

    assert (response.status_code, response.headers["location"]) == (302, "/login?next=/roadmap")


async def test_users_of_another_portal_cannot_sign_in(visitor: Client, make: Factory, jane: int) -> None:
    await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    elsewhere = visitor.of(None, base="", host="http://other.example.com")

    page = await sign_in(elsewhere)
    await sign_in(visitor)
    elsewhere.cookies.update({"earshot_session": visitor.cookies["earshot_session"]})

    assert messages(page) == [WRONG]
    assert await find_viewer(elsewhere) is None
    assert (await visitor.of(None, base="", host="http://unknown.example.com").get("/login")).status_code == 404


async def test_a_password_that_is_changed_meanwhile_does_not_sign_in(
    visitor: Client, make: Factory, jane: int, server: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = server.services.passwords.verify

    async def change(password: str, stored: str | None) -> Any:
        await make.run("UPDATE users SET password_hash = 'another' WHERE id = :id", id=jane)
        return await verify(password, stored)

    monkeypatch.setattr(server.services.passwords, "verify", change)

    assert messages(await sign_in(visitor)) == [WRONG]
    assert await session_count(make) == 0


async def test_two_sign_ins_at_the_same_time_both_succeed(visitor: Client, make: Factory, jane: int) -> None:
    clients = [visitor.of(None, base="") for _ in range(2)]

    responses = await asyncio.gather(*[sign_in(client) for client in clients])

    assert [response.status_code for response in responses] == [303, 303]
    assert await session_count(make) == 2


async def test_the_page_about_too_many_forms_says_how_long(settings: Settings, clock: TestClock, make: Factory) -> None:
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as client,
    ):
        responses = [await client.post("/login", data={}) for _ in range(21)]

    assert [response.status_code for response in responses] == [422] * 20 + [429]
    assert "Try again in 5 minutes." in responses[-1].text


async def test_a_blocked_user_is_signed_out(visitor: Client, make: Factory, jane: int) -> None:
    await sign_in(visitor)
    await make.act(lambda work: users.block(work, jane))

    assert await find_viewer(visitor) is None
