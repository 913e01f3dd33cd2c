"""Adding a passkey, and signing in by one."""

import asyncio
import json
import re
from html import unescape
from typing import Any

import httpx
import pytest

from app.adapters.passkeys import MAX_SECONDS
from app.domain.users import sign_in
from app.web.cookies import DEVICE
from tests.conftest import TestClock
from tests.support.authenticator import USER_PRESENT, Authenticator
from tests.support.clients import HOST, Client
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, messages, send_form

ADD, SIGN_IN = "/profile/passkeys/new", "/login/passkey"
NOT_VALID = "This passkey did not work. Try again, or sign in another way."
NOT_ADDED = "The passkey could not be added. Try again, or with another device."
_OPTIONS = re.compile(r'data-options="([^"]*)"')


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email="jane@example.com")


@pytest.fixture
async def member(visitor: Client, make: Factory, jane: int) -> Client:
    """A browser in which jane is signed in."""
    client = visitor.of(None, base="")
    token = await make.act(lambda work: sign_in.create_link(work, jane))
    await send_form(client, "/sign-in/link", {}, page=f"/sign-in/link?token={token}")
    return client


def read_options(page: httpx.Response) -> Any:
    [options] = _OPTIONS.findall(page.text)
    return json.loads(unescape(options))


async def add(member: Client, device: Authenticator, **changed: str) -> httpx.Response:
    page = await member.get(ADD)
    credential = device.create(read_options(page))
    fields = {**hidden_fields(page, ADD), "credential": credential, "name": "My phone", **changed}
    return await member.post(ADD, data=fields)


async def use(visitor: Client, device: Authenticator, *, page: str = "/login", **changed: str) -> httpx.Response:
    shown = await visitor.get(page)
    credential = device.sign(read_options(shown))
    return await visitor.post(SIGN_IN, data={**hidden_fields(shown, SIGN_IN), "credential": credential, **changed})


async def session_count(make: Factory) -> int:
    return int(await make.value("SELECT count(*) FROM sessions WHERE method = 'passkey'"))


async def test_a_passkey_signs_in_and_leads_back(visitor: Client, member: Client, make: Factory, jane: int) -> None:
    device = Authenticator(HOST)
    added = await add(member, device)
    assert (added.status_code, added.headers["location"]) == (303, "/profile/sessions")

    response = await use(visitor, device, page="/login?next=/roadmap")

    assert (response.status_code, response.headers["location"]) == (303, "/roadmap")
    assert await make.value("SELECT user_id FROM sessions WHERE method = 'passkey'") == jane
    [passkey] = await make.rows("SELECT user_id, name, sign_count, last_used_at FROM passkeys")
    assert (passkey["user_id"], passkey["name"], passkey["sign_count"]) == (jane, "My phone", 1)
    assert passkey["last_used_at"] is not None


async def test_what_the_browser_is_asked_for(visitor: Client, member: Client) -> None:
    device = Authenticator(HOST)
    await add(member, device)

    registration, signing_in = read_options(await member.get(ADD)), read_options(await visitor.get("/login"))

    assert registration["rp"] == {"name": "Feedback", "id": "feedback.example.com"}
    assert registration["authenticatorSelection"]["residentKey"] == "required"
    assert registration["authenticatorSelection"]["userVerification"] == "required"
    assert len(registration["excludeCredentials"]) == 1
    assert (signing_in["rpId"], signing_in["userVerification"]) == ("feedback.example.com", "required")
    assert registration["challenge"] != signing_in["challenge"]


async def test_a_device_that_does_not_count_can_be_used_again(visitor: Client, member: Client, make: Factory) -> None:
    device = Authenticator(HOST, counts=False)
    await add(member, device)

    for _ in range(2):
        assert (await use(visitor.of(None, base=""), device)).status_code == 303
    assert await session_count(make) == 2


@pytest.mark.parametrize("counts", [True, False])
async def test_a_signature_is_used_once(visitor: Client, member: Client, make: Factory, counts: bool) -> None:
    device = Authenticator(HOST, counts=counts)
    await add(member, device)
    shown = await visitor.get("/login")
    fields = {**hidden_fields(shown, SIGN_IN), "credential": device.sign(read_options(shown))}

    device_cookie = f"{DEVICE}={visitor.cookies[DEVICE]}"

    responses = await asyncio.gather(*[visitor.post(SIGN_IN, data=fields) for _ in range(2)])
    # Somebody has recorded the request, with its cookie.
    again = await visitor.of(None, base="").post(SIGN_IN, data=fields, headers={"cookie": device_cookie})

    assert sorted(response.status_code for response in responses) == [303, 422]
    assert (again.status_code, messages(again)[-1]) == (422, NOT_VALID)
    assert await session_count(make) == 1


async def test_a_copied_passkey_is_refused(visitor: Client, member: Client, make: Factory) -> None:
    device = Authenticator(HOST)
    await add(member, device)
    await use(visitor.of(None, base=""), device)
    device.sign_count -= 1

    page = await use(visitor, device)

    assert (page.status_code, messages(page)[-1]) == (422, NOT_VALID)
    assert await session_count(make) == 1


async def test_what_is_not_signed_by_the_passkey_is_refused(
    visitor: Client, member: Client, make: Factory, clock: TestClock
) -> None:
    device, unknown, elsewhere = Authenticator(HOST), Authenticator(HOST), Authenticator("https://evil.example")
    impostor, unverified = Authenticator(HOST), Authenticator(HOST)
    for each in (device, unverified):
        await add(member, each)
    elsewhere.__dict__ |= {"credential_id": device.credential_id, "_key": device.__dict__["_key"]}
    impostor.credential_id = device.credential_id
    unverified.flags = USER_PRESENT
    other_page = await visitor.of(None, base="").get("/login")

    pages = [
        *[await use(visitor, each) for each in (unknown, elsewhere, impostor, unverified)],
        *[await use(visitor, device, credential=text) for text in ("", "x", "{}", "[]", '{"id": 7}', "[" * 4000)],
        *[await use(visitor, device, ticket=text) for text in ("", "x", hidden_fields(other_page, SIGN_IN)["ticket"])],
        await use(visitor, device, ticket=hidden_fields(await member.get(ADD), ADD)["ticket"]),
    ]
    shown = await visitor.get("/login")
    fields = {**hidden_fields(shown, SIGN_IN), "credential": device.sign(read_options(shown))}
    clock.advance(seconds=MAX_SECONDS + 1)
    pages.append(await visitor.post(SIGN_IN, data=fields))

    assert [(page.status_code, messages(page)[-1]) for page in pages] == [(422, NOT_VALID)] * len(pages)
    assert await session_count(make) == 0


async def test_a_blocked_user_cannot_use_a_passkey(visitor: Client, member: Client, make: Factory, jane: int) -> None:
    device = Authenticator(HOST)
    await add(member, device)
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=jane)

    page = await use(visitor, device)

    assert page.status_code == 403
    assert "This account is blocked." in page.text


async def test_old_forms_are_shown_again(visitor: Client, member: Client, make: Factory) -> None:
    device = Authenticator(HOST)

    new, used = await add(member, device, csrf="old"), await use(visitor, device, csrf="old")

    for page in (new, used):
        assert page.status_code == 422
        assert any(message.startswith("This form was open for too long") for message in messages(page))
    assert 'value="My phone"' in new.text
    assert await make.rows("SELECT id FROM passkeys") == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"credential": ""}, NOT_ADDED),
        ({"credential": "{}"}, NOT_ADDED),
        ({"ticket": "x"}, NOT_ADDED),
        ({"name": " "}, "Enter a name of up to 100 characters."),
        ({"name": "x" * 101}, "Enter a name of up to 100 characters."),
    ],
)
async def test_an_invalid_form_adds_no_passkey(
    member: Client, make: Factory, changed: dict[str, str], message: str
) -> None:
    page = await add(member, Authenticator(HOST), **changed)

    assert page.status_code == 422
    assert message in messages(page)
    assert await make.rows("SELECT id FROM passkeys") == []


async def test_a_passkey_is_added_once(member: Client, make: Factory) -> None:
    device = Authenticator(HOST)
    await add(member, device)

    page = await add(member, device)

    assert "This passkey was added already." in messages(page)
    assert await make.value("SELECT count(*) FROM passkeys") == 1


async def test_a_passkey_of_another_portal_is_unknown(visitor: Client, member: Client, make: Factory) -> None:
    device = Authenticator(HOST)
    await add(member, device)
    await make.run("UPDATE portals SET host = 'other.example.com'")
    await make.new_portal("Other", host="feedback.example.com", email="other@example.com")

    page = await use(visitor, device)

    assert (page.status_code, messages(page)[-1]) == (422, NOT_VALID)


async def test_visitors_cannot_add_a_passkey(visitor: Client) -> None:
    for response in (await visitor.get(ADD), await visitor.post(ADD, data={"name": "x"})):
        assert (response.status_code, response.headers["location"]) == (303, "/login?next=%2Fprofile%2Fpasskeys%2Fnew")


async def test_an_ip_address_has_no_passkeys(visitor: Client) -> None:
    """Browsers make none for it."""
    page = await visitor.of(None, base="", host="http://192.0.2.9").get("/login")

    assert page.status_code == 200
    assert "data-passkey" not in page.text
