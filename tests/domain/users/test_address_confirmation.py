"""Addresses that are not confirmed: what a password is worth, and what ends when the address proves to be another's."""

from typing import Any

import pytest

from app.domain.errors import Conflict
from app.domain.portals import portals
from app.domain.users import (
    accounts,
    address_confirmation,
    identities,
    identity_providers,
    one_time_tokens,
    sessions,
    sign_in,
    sign_on,
    sign_up,
    users,
)
from app.domain.users.identities import Claims
from app.domain.users.identity_providers import ProviderSettings
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, PASSWORD_RESET
from app.domain.users.sign_on import SignOn
from tests.support.account_mail import queue_account_mail
from tests.support.factory import Factory

EMAIL = "jane@example.com"
STRANGER = "the browser of a stranger"
BROWSER = "the browser of Jane"
WAYS = ("link", "code", "password reset", "confirmation", "invitation", "provider", "sign-on")
HOLDS = ("password", "passkey", "identity", "session", "link")


@pytest.fixture
async def provider(make: Factory) -> int:
    settings = ProviderSettings(name="Acme", issuer="https://id.example", client_id="earshot")
    return await make.act(lambda work: identity_providers.create(work, settings))


async def set_portal(make: Factory, **settings: Any) -> None:
    for name, value in settings.items():
        await make.act(lambda work, name=name, value=value: portals.update_setting(work, setting=name, value=value))


async def register(make: Factory, *, browser: str = STRANGER, password: str | None = "hash") -> int:
    await make.act(
        lambda work: sign_up.sign_up(work, email=EMAIL, name="Jane", password_hash=password, browser_token=browser)
    )
    return int(await make.value("SELECT id FROM users WHERE email = :email", email=EMAIL))


async def take_hold(make: Factory, user: int, provider: int, hold: str) -> str:
    """Give the stranger who signed up a way to sign in, and return its token if it has one."""
    if hold == "password":
        await make.run("UPDATE users SET password_hash = 'hash' WHERE id = :id", id=user)
    elif hold == "session":
        return await make.act(lambda work: sessions.create(work, user_id=user, method="link", user_agent=""))
    elif hold == "link":
        return await make.act(lambda work: sign_in.create_link(work, user))
    else:
        table, columns, values = {
            "passkey": ("passkeys", "credential_id, public_key, name", "'id', 'key', 'Phone'"),
            "identity": ("identities", "provider_id, subject, last_used_at", f"{provider}, 'a stranger', created_at"),
        }[hold]
        await make.run(
            f"INSERT INTO {table} (portal_id, user_id, created_at, {columns}) "
            f"SELECT portal_id, id, created_at, {values} FROM users WHERE id = :id",
            id=user,
        )
    return ""


async def has_hold(make: Factory, user: int, hold: str, token: str) -> bool:
    if hold == "password":
        stored = await make.value("SELECT password_hash FROM users WHERE id = :id", id=user)
        return bool(stored == "hash")
    if hold == "session":
        return await make.act(lambda work: sessions.find(work, token)) is not None
    if hold == "link":
        try:
            await make.act(lambda work: sign_in.find_link_owner(work, token))
        except Conflict:
            return False
        return True
    if hold == "passkey":
        return bool(await make.value("SELECT count(*) FROM passkeys WHERE user_id = :id", id=user))
    return bool(await make.value("SELECT count(*) FROM identities WHERE subject = 'a stranger'"))


async def prove_address(make: Factory, user: int, provider: int, way: str) -> None:
    """What the person does whose address it is."""

    def create_token(purpose: str) -> Any:
        return make.act(lambda work: one_time_tokens.create(work, user_id=user, purpose=purpose, email=EMAIL))

    if way in ("link", "code"):
        await make.act(lambda work: sign_in.request(work, EMAIL, browser_token=BROWSER))
        email = [each for each in await queue_account_mail(make) if each.kind == "sign_in"][-1]
        if way == "link":
            await make.act(lambda work: sign_in.use_link(work, email.token, browser_token=BROWSER))
        else:
            assert await make.act(lambda work: sign_in.use_code(work, email.values["code"], browser_token=BROWSER))
    elif way == "password reset":
        token = await create_token(PASSWORD_RESET)
        await make.act(lambda work: accounts.reset_password(work, token, password_hash="new"))
    elif way == "confirmation":
        token = await create_token(EMAIL_CONFIRMATION)
        await make.act(lambda work: accounts.confirm_email(work, token, browser_token=BROWSER))
    elif way == "invitation":
        token = await create_token(INVITATION)
        await make.act(lambda work: accounts.accept_invitation(work, token, name="Jane", password_hash="new"))
    elif way == "provider":
        claims = Claims("Jane", EMAIL, True, "Jane")
        await make.act(lambda work: identities.sign_in_by_provider(work, provider, claims))
    else:
        await make.act(lambda work: sign_on.sign_on(work, SignOn(EMAIL, "u-1", "Jane", {})))


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("way", WAYS)
async def test_whoever_signed_up_with_the_address_of_another_loses_every_way_to_sign_in(
    make: Factory, provider: int, way: str, hold: str
) -> None:
    user = await register(make, password="hash" if hold == "password" else None)
    token = await take_hold(make, user, provider, hold)
    assert await has_hold(make, user, hold, token)

    await prove_address(make, user, provider, way)

    assert not await has_hold(make, user, hold, token)
    row = await make.row("SELECT email_confirmed_at, password_hash FROM users WHERE id = :id", id=user)
    assert row["email_confirmed_at"] is not None
    assert row["password_hash"] == ("new" if way in ("password reset", "invitation") else None)
    # Once, so that nobody gets two emails.
    assert len(await make.facts("user.email_confirmed")) == 1
    assert len(await make.facts("user.password_changed")) == int("password" in (hold, way.partition(" ")[0]))


@pytest.mark.parametrize("hold", ["password", "passkey", "identity"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_a_user_keeps_what_is_the_users_own(
    make: Factory, provider: int, way: str, hold: str, is_confirmed: bool
) -> None:
    """A confirmed address, or one that the team entered, is nobody else's."""
    user = await register(make) if is_confirmed else await make.user(email=EMAIL)
    if is_confirmed:
        await make.run("UPDATE users SET email_confirmed_at = created_at, password_hash = NULL WHERE id = :id", id=user)
    token = await take_hold(make, user, provider, hold)

    await prove_address(make, user, provider, way)

    is_replaced = hold == "password" and way in ("password reset", "invitation")
    assert await has_hold(make, user, hold, token) is not is_replaced


@pytest.mark.parametrize(("browser", "is_kept"), [(STRANGER, False), (BROWSER, True), (None, False)])
async def test_a_confirmation_keeps_everything_in_the_browser_that_signed_up_only(
    make: Factory, browser: str | None, is_kept: bool
) -> None:
    user = await register(make, browser=BROWSER)
    session = await make.act(lambda work: sessions.create(work, user_id=user, method="link", user_agent=""))
    # The browser of a stranger has asked for an email as well.
    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token=STRANGER))
    token = await make.act(
        lambda work: one_time_tokens.create(work, user_id=user, purpose=EMAIL_CONFIRMATION, email=EMAIL)
    )

    await make.act(lambda work: accounts.confirm_email(work, str(token), browser_token=browser))

    assert await has_hold(make, user, "password", "") is is_kept
    assert await has_hold(make, user, "session", session) is is_kept


async def test_a_user_whose_address_the_team_changes_keeps_the_account(make: Factory, provider: int) -> None:
    user = await register(make, browser=BROWSER)
    await make.run("UPDATE users SET email_confirmed_at = created_at WHERE id = :id", id=user)
    await take_hold(make, user, provider, "passkey")
    await make.act(lambda work: users.update(work, user, email="roe@example.com"))

    found = await make.act(lambda work: sign_in.find_by_email(work, "roe@example.com", sends_mail=True))
    await make.act(lambda work: address_confirmation.confirm(work, user, is_own_sign_up=False))

    assert found.is_enough
    assert await has_hold(make, user, "password", "")
    assert await has_hold(make, user, "passkey", "")


async def test_a_stranger_whose_address_the_team_corrects_keeps_nothing(make: Factory) -> None:
    user = await register(make)
    await make.act(lambda work: users.update(work, user, email="roe@example.com"))

    await make.act(lambda work: address_confirmation.confirm(work, user, is_own_sign_up=False))

    assert not await has_hold(make, user, "password", "")


@pytest.mark.parametrize("sends_mail", [True, False])
@pytest.mark.parametrize(
    ("portal_settings", "is_restricted"),
    [
        ({}, False),
        ({"sign_up": "approval"}, False),
        ({"is_private": True}, True),
        ({"sign_up_domains": '["example.com"]'}, True),
    ],
)
@pytest.mark.parametrize("origin", ["sign-up", "confirmed sign-up", "team"])
async def test_a_password_is_enough_for_a_confirmed_address_and_without_mail_on_an_open_portal(
    make: Factory, origin: str, portal_settings: dict[str, Any], is_restricted: bool, sends_mail: bool
) -> None:
    await set_portal(make, **portal_settings)
    if origin == "team":
        user = await make.user(email=EMAIL)
        await make.run("UPDATE users SET password_hash = 'hash' WHERE id = :id", id=user)
    else:
        user = await register(make)
        await make.run("UPDATE users SET awaits_approval = FALSE WHERE id = :id", id=user)
    if origin == "confirmed sign-up":
        await make.run("UPDATE users SET email_confirmed_at = created_at WHERE id = :id", id=user)
    expected = origin != "sign-up" or not (sends_mail or is_restricted)

    found = await make.act(lambda work: sign_in.find_by_email(work, EMAIL, sends_mail=sends_mail))

    def complete(work: Any) -> str:
        return sign_in.complete(work, found, sends_mail=sends_mail, new_hash=None, user_agent="")

    assert (found.user_id, found.password_hash, found.is_enough) == (user, "hash", expected)
    if expected:
        await make.act(complete)
    else:
        with pytest.raises(Conflict, match=r"sign_in\.unconfirmed"):
            await make.act(complete)
    assert await make.value("SELECT count(*) FROM sessions") == int(expected)
