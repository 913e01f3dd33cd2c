"""Signing in by OpenID Connect: whom an identity and an address find, who is created, and which role groups give."""

import asyncio
from contextlib import closing
from typing import Any

import pytest

from app.domain.errors import Conflict, NotFound, ValidationFailed
from app.domain.portals import portals
from app.domain.users import deletion, identities, identity_providers, sessions, sign_up
from app.domain.users.identities import Claims, IdentifiedUser
from app.domain.users.identity_providers import ProviderSettings
from app.settings import Settings
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory

EMAIL = "jane@example.com"


def claims(
    subject: str = "subject",
    *,
    email: str | None = EMAIL,
    verified: bool = True,
    name: str | None = "Jane Roe",
    groups: tuple[str, ...] | None = None,
) -> Claims:
    return Claims(subject, email, verified, name, groups)


@pytest.fixture
async def provider(make: Factory) -> int:
    settings = ProviderSettings(name="Acme", issuer="https://id.example", client_id="earshot")
    return await make.act(lambda work: identity_providers.create(work, settings))


async def set_provider(make: Factory, provider: int, **settings: Any) -> None:
    await make.act(lambda work: identity_providers.edit(work, provider, ProviderSettings(**settings)))


async def set_portal(make: Factory, **settings: Any) -> None:
    for name, value in settings.items():
        await make.act(lambda work, name=name, value=value: portals.update_setting(work, setting=name, value=value))


async def sign_in(make: Factory, provider: int, who: Claims, *, portal: int | None = None) -> IdentifiedUser:
    return await make.act(lambda work: identities.sign_in_by_provider(work, provider, who), portal=portal)


async def user_row(make: Factory, user: int) -> Any:
    return await make.row("SELECT * FROM users WHERE id = :id", id=user)


async def test_a_new_user_is_created_and_found_by_the_identity(make: Factory, provider: int) -> None:
    first = await sign_in(make, provider, claims(email=" Jane@Example.com "))

    row = await user_row(make, first.user_id)
    assert (row["email"], row["name"], row["role"], row["password_hash"]) == (EMAIL, "Jane Roe", "user", None)
    assert (row["email_confirmed_at"] is not None, row["signed_up_at"] is not None) == (True, True)
    assert [event["subject_id"] for event in await make.facts("user.registered")][1:] == [first.user_id]
    # The subject identifies the user, whatever else the provider says by now.
    assert await sign_in(make, provider, claims(email="roe@example.com", name="Other")) == first
    assert dict(await user_row(make, first.user_id)) == dict(row)
    assert await sign_in(make, provider, claims("Subject", email=None)) != first
    assert await make.value("SELECT count(*) FROM identities") == 2


@pytest.mark.parametrize("role", ["user", "moderator", "admin", "owner"])
async def test_a_verified_address_finds_its_user(make: Factory, provider: int, role: str) -> None:
    jane = make.owner if role == "owner" else await make.user(email=EMAIL, role=role)
    email = "owner@example.com" if role == "owner" else EMAIL

    found = await sign_in(make, provider, claims(email=email.upper(), name="Other"))

    assert found == IdentifiedUser(jane, awaits_approval=False)
    row = await user_row(make, jane)
    assert (row["role"], row["email_confirmed_at"] is not None) == (role, True)
    assert row["name"] != "Other"
    assert await sign_in(make, provider, claims(email=None)) == found


@pytest.mark.parametrize("role", ["user", "moderator", "admin"])
async def test_an_address_that_is_not_verified_finds_nobody(make: Factory, provider: int, role: str) -> None:
    jane = await make.user(email=EMAIL, role=role)
    before = dict(await user_row(make, jane))

    with pytest.raises(Conflict, match=r"identity\.email_taken"):
        await sign_in(make, provider, claims(verified=False))

    assert dict(await user_row(make, jane)) == before
    assert await make.rows("SELECT id FROM identities") == []
    other = await sign_in(make, provider, claims(email="roe@example.com", verified=False))
    row = await user_row(make, other.user_id)
    assert (row["email"], row["email_confirmed_at"]) == ("roe@example.com", None)


async def test_who_signed_up_with_the_address_of_another_loses_the_account(make: Factory, provider: int) -> None:
    await make.act(
        lambda work: sign_up.sign_up(work, email=EMAIL, name="Mallory", password_hash="hash", browser_token="Mallory's")
    )
    user = await make.value("SELECT id FROM users WHERE email = :email", email=EMAIL)
    session = await make.act(lambda work: sessions.create(work, user_id=user, method="password", user_agent=""))

    assert (await sign_in(make, provider, claims())).user_id == user

    assert (await user_row(make, user))["password_hash"] is None
    assert await make.act(lambda work: sessions.find(work, session)) is None
    assert await make.value("SELECT count(*) FROM identities WHERE user_id = :id", id=user) == 1


@pytest.mark.parametrize(
    ("rules", "who", "error"),
    [
        ({"sign_up": "closed"}, claims(), Conflict("sign_up.closed")),
        ({"sign_up_domains": '["example.org"]'}, claims(), ValidationFailed([])),
        # Such an address may be of any domain.
        ({"sign_up_domains": '["example.com"]'}, claims(verified=False), ValidationFailed([])),
        ({"sign_up_domains": '["example.com"]'}, claims(email=None), ValidationFailed([])),
    ],
)
async def test_a_new_user_needs_the_permission_of_the_portal(
    make: Factory, provider: int, rules: dict[str, str], who: Claims, error: Exception
) -> None:
    await set_portal(make, **rules)

    with pytest.raises(type(error)):
        await sign_in(make, provider, who)

    assert await make.value("SELECT count(*) FROM users") == 1
    # Who has an account needs no permission to create one.
    jane = await make.user(email=EMAIL)
    assert (await sign_in(make, provider, claims())).user_id == jane


async def test_a_new_user_may_need_an_approval(make: Factory, provider: int) -> None:
    await set_portal(make, sign_up="approval", sign_up_domains='["example.com"]')

    found = await sign_in(make, provider, claims())

    assert found.awaits_approval
    assert [event["subject_id"] for event in await make.facts("user.approval_requested")] == [found.user_id]
    await make.act(lambda work: sign_up.approve(work, found.user_id))
    assert await sign_in(make, provider, claims()) == IdentifiedUser(found.user_id, awaits_approval=False)


async def test_a_blocked_user_is_rejected_and_a_deleted_one_is_a_stranger(make: Factory, provider: int) -> None:
    jane = (await sign_in(make, provider, claims())).user_id
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=jane)

    for who in (claims(), claims("another subject")):
        with pytest.raises(Conflict, match=r"sign_in\.blocked"):
            await sign_in(make, provider, who)
    assert await make.value("SELECT count(*) FROM identities") == 1
    await make.act(lambda work: deletion.delete(work, jane, with_content=False))
    assert (await sign_in(make, provider, claims())).user_id != jane


@pytest.mark.parametrize(
    ("groups", "before", "after"),
    [
        (("support",), "user", "moderator"),
        (("support", "it", "other"), "user", "admin"),
        (("other",), "admin", "user"),
        ((), "moderator", "user"),
        (("it",), "owner", "owner"),
        ((), "owner", "owner"),
    ],
)
async def test_the_groups_decide_the_role_of_everybody_but_the_owner(
    make: Factory, provider: int, groups: tuple[str, ...], before: str, after: str
) -> None:
    await set_provider(make, provider, groups_claim="groups", roles={"support": "moderator", "it": "admin"})
    jane = make.owner if before == "owner" else await make.user(email=EMAIL, role=before)
    email = "owner@example.com" if before == "owner" else EMAIL
    if before == "admin":
        await make.key(jane, "productlift")

    for _ in range(2):
        await sign_in(make, provider, claims(email=email, groups=groups))
        assert (await user_row(make, jane))["role"] == after

    assert await make.value("SELECT count(*) FROM api_keys WHERE user_id = :id AND revoked_at IS NULL", id=jane) == 0


async def test_a_token_without_groups_leaves_the_role_alone(make: Factory, provider: int) -> None:
    await set_provider(make, provider, groups_claim="groups", roles={"it": "admin"})
    jane = await make.user(email=EMAIL, role="moderator")

    await sign_in(make, provider, claims(groups=None))

    assert (await user_row(make, jane))["role"] == "moderator"


@pytest.mark.parametrize("changed", [{"roles": {"it": "user"}}, {"groups_claim": "groups"}])
async def test_without_a_claim_or_roles_the_role_is_left_alone(
    make: Factory, provider: int, changed: dict[str, Any]
) -> None:
    await set_provider(make, provider, **changed)
    jane = await make.user(email=EMAIL, role="admin")

    await sign_in(make, provider, claims(groups=("it",)))

    assert (await user_row(make, jane))["role"] == "admin"


@pytest.mark.parametrize(
    ("name", "email", "expected"),
    [
        (" Jane\r\nRoe ", EMAIL, "JaneRoe"),
        (None, "jane.roe@example.com", "Jane Roe"),
        ("\n", None, "User"),
        ("x" * 300, None, "x" * 100),
    ],
)
async def test_a_new_user_has_a_plain_name(
    make: Factory, provider: int, name: str | None, email: str | None, expected: str
) -> None:
    found = await sign_in(make, provider, claims(name=name, email=email))

    assert (await user_row(make, found.user_id))["name"] == expected


@pytest.mark.parametrize("email", ["no address", "\0@example.com", "x" * 250 + "@example.com"])
async def test_an_invalid_address_is_none(make: Factory, provider: int, email: str) -> None:
    found = await sign_in(make, provider, claims(email=email))

    assert (await user_row(make, found.user_id))["email"] is None


@pytest.mark.parametrize("subject", ["", "a\0b", "x" * 256])
async def test_an_invalid_subject_is_rejected(make: Factory, provider: int, subject: str) -> None:
    with pytest.raises(ValidationFailed):
        await sign_in(make, provider, claims(subject))

    assert await make.value("SELECT count(*) FROM users") == 1


async def test_a_provider_serves_its_portal_while_it_is_enabled(make: Factory, provider: int) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email=EMAIL)
    for where in (other, make.portal):
        if where == make.portal:
            await set_provider(make, provider, is_enabled=False)
        with pytest.raises(NotFound):
            await sign_in(make, provider, claims(), portal=where)

    assert await make.rows("SELECT id FROM identities") == []


async def test_a_user_of_another_portal_is_not_found(make: Factory, provider: int) -> None:
    _, stranger = await make.new_portal("Other", host="other.example.com", email=EMAIL)

    found = await sign_in(make, provider, claims())

    assert found.user_id != stranger
    assert (await user_row(make, found.user_id))["portal_id"] == make.portal


@pytest.mark.parametrize("email", [EMAIL, None])
async def test_of_concurrent_first_sign_ins_one_creates_the_user(
    make: Factory, provider: int, settings: Settings, email: str | None
) -> None:
    with closing(ConcurrentWriter(settings, make.portal, 3)) as write:
        for number in range(3):
            address = None if email is None else f"{number}{email}"
            who = claims(str(number), email=address)

            results = await asyncio.to_thread(
                write, *[lambda work, who=who: identities.sign_in_by_provider(work, provider, who)] * 3
            )

            assert results == [None] * 3
            assert await make.value("SELECT count(*) FROM users") == number + 2
            assert await make.value("SELECT count(*) FROM identities") == number + 1
