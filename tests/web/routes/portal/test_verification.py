"""What a stolen session is not enough for: another passkey or key of the account, or its first password."""

import json
import re
from html import unescape

import httpx
import pytest

from app.adapters.passwords import hash_password
from app.domain.users import recent_sign_in, users
from tests.conftest import TestClock
from tests.support.account_mail import queue_account_mail
from tests.support.authenticator import Authenticator
from tests.support.clients import HOST, Client
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, messages
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.profile_forms import place, send

PAGE, PASSKEYS, KEYS = "/profile/verification", "/profile/passkeys/new", "/profile/keys"
PASSWORD = "a-good-password"
MINUTES = recent_sign_in.MAX_AGE.total_seconds() / 60


@pytest.fixture
async def jane(make: Factory) -> int:
    user = await make.user(email="jane@example.com", role="admin")
    await make.run("UPDATE users SET email_confirmed_at = created_at WHERE id = :id", id=user)
    return user


async def set_password(make: Factory, user: int) -> None:
    hashed = hash_password(PASSWORD)
    await make.act(lambda work: users.update(work, user, password_hash=hashed))


async def add_passkey(browser: Client, device: Authenticator) -> httpx.Response:
    page = await browser.get(PASSKEYS)
    options = json.loads(unescape(re.findall(r'data-options="([^"]*)"', page.text)[0]))
    fields = {**hidden_fields(page, PASSKEYS), "credential": device.create(options), "name": "My phone"}
    return await browser.post(PASSKEYS, data=fields)


def next_to(path: str) -> str:
    return f"{PAGE}?next={path.replace('/', '%2F')}"


async def count(make: Factory, table: str) -> int:
    return int(await make.value(f"SELECT count(*) FROM {table}"))


async def test_a_recent_sign_in_is_enough_and_each_key_is_told_by_email(
    make: Factory, sign_in: SignIn, clock: TestClock, jane: int
) -> None:
    browser = await sign_in(jane)
    clock.advance(minutes=MINUTES - 1)

    assert place(await add_passkey(browser, Authenticator(HOST))) == (303, "/profile/sessions")
    assert (await send(browser, KEYS, KEYS, name="Importer", dialect="astuto")).status_code == 200
    password = await send(browser, "/profile/password", password=PASSWORD)

    assert place(password) == (303, "/profile?notice=password-set")
    kinds = [email.kind for email in await queue_account_mail(make)]
    assert kinds == ["passkey_added", "key_created", "password_changed"]


async def test_an_old_session_is_asked_again(make: Factory, sign_in: SignIn, clock: TestClock, jane: int) -> None:
    browser = await sign_in(jane)
    page, account = await browser.get(PASSKEYS), await browser.get("/profile")
    clock.advance(minutes=MINUTES, seconds=1)

    options = json.loads(unescape(re.findall(r'data-options="([^"]*)"', page.text)[0]))
    fields = {**hidden_fields(page, PASSKEYS), "credential": Authenticator(HOST).create(options), "name": "x"}
    password = {**hidden_fields(account, "/profile/password"), "password": PASSWORD}

    assert place(await browser.get(PASSKEYS)) == (303, next_to(PASSKEYS))
    late = await browser.post(PASSKEYS, data=fields)
    assert late.status_code in (303, 422)
    assert place(await send(browser, KEYS, KEYS, name="Importer", dialect="astuto")) == (303, next_to(KEYS))
    assert place(await browser.post("/profile/password", data=password)) == (303, next_to("/profile"))
    assert 'action="/profile/password"' not in (await browser.get("/profile")).text
    assert [await count(make, table) for table in ("passkeys", "api_keys")] == [0, 0]
    assert await make.value("SELECT password_hash FROM users WHERE id = :id", id=jane) is None
    assert await queue_account_mail(make) == []


async def test_the_password_renews_the_session_and_leads_back_with_what_was_typed(
    make: Factory, sign_in: SignIn, clock: TestClock, jane: int
) -> None:
    await set_password(make, jane)
    browser = await sign_in(jane)
    former = browser.cookies["earshot_session"]
    clock.advance(hours=1)
    asked = await send(browser, KEYS, KEYS, name="Importer <1>", dialect="productlift", expires_on="2099-01-02")
    page = asked.headers["location"]

    wrong = await send(browser, PAGE, page, current_password="wrong", next=KEYS)
    stale = await browser.post(PAGE, data={"csrf": "old", "current_password": PASSWORD, "next": KEYS})
    right = await send(browser, PAGE, page, current_password=PASSWORD, next=KEYS)

    assert (wrong.status_code, messages(wrong)) == (422, ["That is not your present password."])
    assert stale.status_code == 422
    assert place(right) == (303, KEYS)
    assert browser.cookies["earshot_session"] != former
    assert await count(make, "sessions") == 1
    shown = await browser.get(KEYS)
    assert 'value="Importer &lt;1&gt;"' in shown.text
    assert 'value="2099-01-02"' in shown.text
    assert re.search(r'value="productlift" checked', shown.text)
    created = await browser.post(
        KEYS, data={**hidden_fields(shown, KEYS), "name": "Importer", "dialect": "productlift"}
    )
    assert created.status_code == 200
    assert "Importer &lt;1&gt;" not in (await browser.get(KEYS)).text


async def test_a_passkey_of_the_same_user_renews_the_session(
    make: Factory, sign_in: SignIn, clock: TestClock, jane: int
) -> None:
    browser, device, foreign = await sign_in(jane), Authenticator(HOST), Authenticator(HOST)
    await add_passkey(browser, device)
    await add_passkey(await sign_in(await make.user()), foreign)
    clock.advance(hours=1)
    path = f"{PAGE}/passkey"

    async def use(key: Authenticator) -> httpx.Response:
        page = await browser.get(f"{PAGE}?next={PASSKEYS}")
        options = json.loads(unescape(re.findall(r'data-options="([^"]*)"', page.text)[0]))
        return await browser.post(path, data={**hidden_fields(page, path), "credential": key.sign(options)})

    refused, accepted = await use(foreign), await use(device)

    assert (refused.status_code, messages(refused)[0]) == (422, "This passkey did not work. Try again, or another way.")
    assert place(accepted) == (303, PASSKEYS)
    assert (await browser.get(PASSKEYS)).status_code == 200
    assert await make.rows("SELECT method FROM sessions WHERE user_id = :id", id=jane) == [{"method": "passkey"}]


async def test_a_code_by_email_renews_the_session_that_asked_for_it(
    make: Factory, sign_in: SignIn, clock: TestClock, jane: int
) -> None:
    browser, other = await sign_in(jane), await sign_in(jane)
    clock.advance(hours=1)
    sent = await send(browser, f"{PAGE}/send", f"{PAGE}?next=/profile", next="/profile")
    [email] = await queue_account_mail(make)
    code = email.values["code"]
    fields = hidden_fields(sent, f"{PAGE}/code")

    elsewhere = await send(other, f"{PAGE}/code", PAGE, code=code)
    wrong = await browser.post(f"{PAGE}/code", data={**fields, "code": "12"})
    right = await browser.post(f"{PAGE}/code", data={**fields, "code": f"{code[:3]} {code[3:]}"})

    assert [elsewhere.status_code, wrong.status_code] == [422, 422]
    assert place(right) == (303, "/profile")
    assert 'action="/profile/password"' in (await browser.get("/profile")).text


async def test_no_code_is_sent_to_an_address_that_is_not_confirmed(
    make: Factory, sign_in: SignIn, clock: TestClock, jane: int
) -> None:
    """Whoever reads it would confirm the address of somebody else's account."""
    await make.run("UPDATE users SET email_confirmed_at = NULL")
    browser = await sign_in(jane)
    clock.advance(hours=1)

    page = await browser.get(PAGE)
    response = await send(browser, f"{PAGE}/send", PAGE)

    assert f"{PAGE}/send" not in page.text
    assert response.status_code == 404
    assert await queue_account_mail(make) == []


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
async def test_the_page_leads_to_no_other_site(make: Factory, sign_in: SignIn, jane: int, target: str) -> None:
    await set_password(make, jane)
    browser = await sign_in(jane)

    response = await send(browser, PAGE, PAGE, current_password=PASSWORD, next=target)

    assert place(response) == (303, "/")


async def test_a_visitor_is_led_to_the_sign_in(visitor: Client) -> None:
    for path in (PAGE, f"{PAGE}/send", f"{PAGE}/code", f"{PAGE}/passkey"):
        response = await visitor.post(path, data={})
        assert place(response) == (303, "/login?next=%2Fprofile"), path


@pytest.mark.parametrize("is_chosen", [True, False])
async def test_a_change_of_the_password_may_end_all_other_ways(
    visitor: Client, make: Factory, sign_in: SignIn, jane: int, is_chosen: bool
) -> None:
    await set_password(make, jane)
    key = await make.key(jane, "astuto")
    browser, other = await sign_in(jane), await sign_in(jane)
    await add_passkey(browser, Authenticator(HOST))
    choice = {"remove_passkeys": "yes", "revoke_keys": "yes"} if is_chosen else {}

    response = await send(
        browser, "/profile/password", current_password=PASSWORD, password="another-password", **choice
    )

    assert place(response) == (303, "/profile?notice=password-changed")
    assert (await other.get("/profile")).status_code == 303
    assert (await browser.get("/profile")).status_code == 200
    assert await count(make, "passkeys") == (0 if is_chosen else 1)
    assert (await visitor.of(key).get("/boards")).status_code == (401 if is_chosen else 200)
