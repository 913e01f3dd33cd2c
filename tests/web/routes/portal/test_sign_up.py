"""Signing up, as the settings of the portal allow."""

import json
import re
from typing import Any

import httpx
import pytest

from app.adapters.passwords import verify_and_rehash
from app.application import Application
from app.web import response_time
from tests.conftest import TestClock
from tests.support.account_mail import queue_account_mail
from tests.support.clients import Client
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, messages, send_form

EMAIL = "jane@example.com"
FIELDS = {"name": " Jane Roe ", "email": f" {EMAIL} ", "password": " a good password ", "website": ""}
STALE = "This form was open for too long, or your browser keeps no cookies. Nothing is lost: send it again."
TOO_QUICK = "That was quicker than people type. Nothing is lost: send the form again."
FILLED = (
    "A field that people don't see was filled in, perhaps by your browser. It is empty now. Nothing is lost: send the "
    "form again."
)


@pytest.fixture(autouse=True)
def quick_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_time, "MIN_REQUEST_SECONDS", 0.0)


async def sign_up(
    visitor: Client, clock: TestClock, *, page: str = "/register", seconds: float = 3, **changed_fields: Any
) -> httpx.Response:
    """Open the page, take some time to fill in the form, and send it."""
    fields = hidden_fields(await visitor.get(page), "/register")
    clock.advance(seconds=seconds)
    return await visitor.post("/register", data={**fields, **FIELDS, **changed_fields})


async def test_an_account_is_created_and_the_code_of_the_email_signs_in(
    visitor: Client, make: Factory, clock: TestClock
) -> None:
    page = await sign_up(visitor, clock, page="/register?next=/submit")

    assert page.status_code == 200
    assert "<h1>Check your email</h1>" in page.text
    [user] = await make.rows("SELECT * FROM users WHERE email = :email", email=EMAIL)
    assert (user["name"], user["email_confirmed_at"], user["awaits_approval"]) == ("Jane Roe", None, False)
    # The password is not trimmed.
    assert verify_and_rehash(" a good password ", user["password_hash"]).is_valid
    [mail] = [each for each in await queue_account_mail(make) if each.kind == "sign_in"]
    fields = {**hidden_fields(page, "/login/code"), "code": mail.values["code"]}
    response = await visitor.post("/login/code", data=fields)
    assert (response.status_code, response.headers["location"]) == (303, "/submit")
    [confirmed] = await make.rows("SELECT * FROM users WHERE email = :email", email=EMAIL)
    assert confirmed["email_confirmed_at"] is not None
    # It was the same browser, so the password stays.
    assert confirmed["password_hash"] == user["password_hash"]


@pytest.mark.parametrize("restriction", ["", "is_private = TRUE", "sign_up_domains = '[\"example.com\"]'"])
async def test_the_password_of_an_address_that_is_not_confirmed_is_as_good_as_a_wrong_one(
    visitor: Client, make: Factory, clock: TestClock, restriction: str
) -> None:
    """Whoever signs up learns neither whether there was an account before, nor what a private portal has."""
    known = await make.user(email="known@example.com")
    await make.run(
        "UPDATE users SET password_hash = 'x', signed_up_at = created_at, email_confirmed_at = created_at "
        "WHERE id = :id",
        id=known,
    )
    if restriction:
        await make.run(f"UPDATE portals SET {restriction}")
    pages = []
    for email in ("known@example.com", EMAIL):
        browser = visitor.of(None, base="")
        await sign_up(browser, clock, email=email)
        page = await send_form(browser, "/login", {"email": email, "password": FIELDS["password"]})
        secrets = hidden_fields(page, "/login")["csrf"], email
        pages.append((page.status_code, _without_secrets(page.text, *secrets)))

    assert pages[0] == pages[1]
    assert pages[0][0] == 422
    assert await make.rows("SELECT id FROM sessions") == []
    # The code of the email confirms the address, and from then on the password signs in.
    [*_, mail] = [each for each in await queue_account_mail(make) if each.kind == "sign_in"]
    waiting = await browser.get("/login/code")
    fields = {**hidden_fields(waiting, "/login/code"), "code": mail.values["code"]}
    assert (await browser.post("/login/code", data=fields)).status_code == 303
    again = await send_form(visitor, "/login", {"email": EMAIL, "password": FIELDS["password"]})
    assert again.status_code == 303


def _without_secrets(text: str, *secrets: str) -> str:
    """The page without what differs at each visit."""
    for secret in secrets:
        text = text.replace(secret, "")
    return re.sub(r'(data-options|name="ticket" value)="[^"]*"', "", text)


async def test_an_existing_address_is_not_revealed(
    visitor: Client, make: Factory, clock: TestClock, server: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make.user(email=EMAIL, name="Former")
    hash_password, count = server.services.passwords.hash_password, 0

    async def count_hashes(password: str) -> str:
        nonlocal count
        count += 1
        return await hash_password(password)

    monkeypatch.setattr(server.services.passwords, "hash_password", count_hashes)
    texts = []
    for email in (EMAIL, "new@example.com"):
        page = await sign_up(visitor, clock, email=email)
        csrf = hidden_fields(page, "/login/code")["csrf"]
        texts.append((page.status_code, page.text.replace(email, "").replace(csrf, "")))

    assert texts[0] == texts[1]
    assert count == 2
    [former] = await make.rows("SELECT name, password_hash FROM users WHERE email = :email", email=EMAIL)
    assert (former["name"], former["password_hash"]) == ("Former", None)
    assert len(await make.facts("user.sign_in_requested")) == 2


async def test_with_approval_the_account_waits_for_the_team(visitor: Client, make: Factory, clock: TestClock) -> None:
    await make.run("UPDATE portals SET sign_up = 'approval'")
    assert "The team looks at each new account" in (await visitor.get("/register")).text

    page = await sign_up(visitor, clock)

    [mail] = [each for each in await queue_account_mail(make) if each.kind == "sign_in"]
    fields = {**hidden_fields(page, "/login/code"), "code": mail.values["code"]}
    refused = await visitor.post("/login/code", data=fields)
    assert refused.status_code == 403
    assert "The team has not approved this account yet." in refused.text
    [user] = await make.rows("SELECT awaits_approval, email_confirmed_at FROM users WHERE email = :email", email=EMAIL)
    assert user["awaits_approval"] == 1
    assert user["email_confirmed_at"] is not None


async def test_sign_up_can_be_closed(visitor: Client, make: Factory, clock: TestClock) -> None:
    fields = hidden_fields(await visitor.get("/register"), "/register")
    clock.advance(seconds=3)
    await make.run("UPDATE portals SET sign_up = 'closed'")
    before = await snapshot(make.server.database)

    shown, sent = await visitor.get("/register"), await visitor.post("/register", data={**fields, **FIELDS})

    assert (shown.status_code, sent.status_code) == (200, 403)
    for page in (shown, sent):
        assert "<h1>Sign-up is closed</h1>" in page.text
        assert 'action="/register"' not in page.text
    assert 'href="/register' not in (await visitor.get("/login")).text
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_sign_up_can_be_limited_to_domains(visitor: Client, make: Factory, clock: TestClock) -> None:
    await make.run("UPDATE portals SET sign_up_domains = :domains", domains=json.dumps(["example.org", "example.net"]))

    other = await sign_up(visitor, clock)
    right = await sign_up(visitor, clock, email="jane@EXAMPLE.org")

    assert "Of one of these domains: example.org, example.net" in (await visitor.get("/register")).text
    assert messages(other) == ["Only addresses of these domains can sign up: example.org, example.net"]
    assert (other.status_code, right.status_code) == (422, 200)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": " "}, "Enter your name."),
        ({"name": "a\0b"}, "The name contains a character that can't be used."),
        ({"email": "jane"}, "Enter an email address, such as jane@example.com."),
        ({"password": "1234567"}, "The password must have at least 8 characters."),
        ({"password": "x" * 101}, "The password can have at most 100 characters."),
    ],
)
async def test_invalid_fields_are_named_and_the_others_kept(
    visitor: Client, make: Factory, clock: TestClock, fields: dict[str, str], message: str
) -> None:
    page = await sign_up(visitor, clock, page="/register?next=/submit", **{"name": "Ms <Roe>", **fields})

    assert (page.status_code, messages(page)) == (422, [message])
    assert hidden_fields(page, "/register")["next"] == "/submit"
    assert ("Ms &lt;Roe&gt;" in page.text) == ("name" not in fields)
    assert FIELDS["password"] not in page.text
    assert await make.value("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize(
    ("fields", "seconds", "message"),
    [
        ({"website": "https://spam.example"}, 60, FILLED),
        ({}, 1, TOO_QUICK),
        ({"shown_at": "1"}, 60, TOO_QUICK),
        ({"shown_at": ""}, 60, TOO_QUICK),
        ({"csrf": "old"}, 60, STALE),
    ],
)
async def test_programs_and_old_forms_create_no_account(
    visitor: Client, make: Factory, clock: TestClock, fields: dict[str, str], seconds: float, message: str
) -> None:
    page = await sign_up(visitor, clock, seconds=seconds, **fields)

    assert (page.status_code, messages(page)) == (422, [message])
    assert "Jane Roe" in page.text
    assert await make.value("SELECT count(*) FROM users") == 1


async def test_a_form_that_was_sent_too_quickly_can_be_sent_again(
    visitor: Client, make: Factory, clock: TestClock
) -> None:
    page = await sign_up(visitor, clock, seconds=1)
    clock.advance(seconds=1.1)

    again = await visitor.post("/register", data={**hidden_fields(page, "/register"), **FIELDS})

    assert again.status_code == 200
    assert await make.value("SELECT count(*) FROM users") == 2


async def test_a_new_user_can_have_no_password(visitor: Client, make: Factory, clock: TestClock) -> None:
    await sign_up(visitor, clock, password="")

    assert await make.value("SELECT password_hash FROM users WHERE email = :email", email=EMAIL) is None
