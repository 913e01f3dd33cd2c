"""Accounts: invitations, new passwords, confirmed addresses, and what a change of a user records."""

import asyncio
import json
from contextlib import closing
from typing import Any

import pytest

from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.users import accounts, one_time_tokens, sign_on, users
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, PASSWORD_RESET
from app.domain.users.sign_on import SignOn
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory

EMAIL = "jane@example.com"
REQUESTS = [
    (accounts.request_password_reset, "user.password_reset_requested"),
    (accounts.request_confirmation, "user.confirmation_requested"),
]


async def create_token(make: Factory, user: int, purpose: str) -> str:
    token = await make.act(lambda work: one_time_tokens.create(work, user_id=user, purpose=purpose, email=EMAIL))
    assert token is not None
    return token


async def user_row(make: Factory, user: int) -> Any:
    return await make.row("SELECT * FROM users WHERE id = :id", id=user)


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email=EMAIL)


async def test_an_accepted_invitation_sets_name_and_password_and_confirms_the_address(make: Factory, jane: int) -> None:
    token = await create_token(make, jane, INVITATION)
    reset = await create_token(make, jane, PASSWORD_RESET)

    owner = await make.act(
        lambda work: accounts.accept_invitation(work, token, name="Ms Roe", password_hash="the hash")
    )

    row = await user_row(make, jane)
    assert (owner.user_id, row["name"], row["password_hash"]) == (jane, "Ms Roe", "the hash")
    assert row["email_confirmed_at"] is not None
    assert [event["subject_id"] for event in await make.facts("user.invitation_accepted")] == [jane]
    assert await make.facts("user.password_changed") == []
    for used, purpose in ((token, INVITATION), (reset, PASSWORD_RESET)):
        with pytest.raises(Conflict, match=r"token\.used"):
            await make.act(lambda work, used=used, purpose=purpose: accounts.find_owner(work, used, purpose=purpose))


async def test_a_reset_password_is_stored_and_confirms_the_address(make: Factory, jane: int) -> None:
    token = await create_token(make, jane, PASSWORD_RESET)

    await make.act(lambda work: accounts.reset_password(work, token, password_hash="the hash"))

    row = await user_row(make, jane)
    assert (row["name"], row["password_hash"]) == ("Jane Roe", "the hash")
    assert row["email_confirmed_at"] is not None
    assert [event["subject_id"] for event in await make.facts("user.password_changed")] == [jane]


async def test_a_confirmed_address_is_stored_with_the_time(make: Factory, jane: int, clock: TestClock) -> None:
    token = await create_token(make, jane, EMAIL_CONFIRMATION)

    await make.act(lambda work: accounts.confirm_email(work, token, browser_token=None))
    first = (await user_row(make, jane))["email_confirmed_at"]
    clock.advance(hours=1)
    again = await create_token(make, jane, EMAIL_CONFIRMATION)
    await make.act(lambda work: accounts.confirm_email(work, again, browser_token=None))

    assert first is not None
    assert (await user_row(make, jane))["email_confirmed_at"] == first


@pytest.mark.parametrize("purpose", [INVITATION, PASSWORD_RESET, EMAIL_CONFIRMATION])
async def test_a_token_of_another_purpose_changes_nothing(make: Factory, jane: int, purpose: str) -> None:
    token = await create_token(make, jane, purpose)
    rules = {
        INVITATION: lambda work: accounts.accept_invitation(work, token, name="Ms Roe", password_hash="x"),
        PASSWORD_RESET: lambda work: accounts.reset_password(work, token, password_hash="x"),
        EMAIL_CONFIRMATION: lambda work: accounts.confirm_email(work, token, browser_token=None),
    }
    before = dict(await user_row(make, jane))

    for other, rule in rules.items():
        if other != purpose:
            with pytest.raises(Conflict, match=r"token\.unknown"):
                await make.act(rule)

    assert dict(await user_row(make, jane)) == before


@pytest.mark.parametrize(("request_link", "kind"), REQUESTS)
async def test_a_link_is_requested_for_a_known_address_at_most_once_in_five_minutes(
    make: Factory, jane: int, clock: TestClock, request_link: Any, kind: str
) -> None:
    clock.set(clock())
    for seconds in (0, 299, 1):
        clock.advance(seconds=seconds)
        await make.act(lambda work: request_link(work, " JANE@example.com "))

    events = await make.facts(kind)
    assert [(event["subject_id"], event["user_id"], event["actor_id"]) for event in events] == [(jane, jane, None)] * 2
    # An event is kept for a month, so it has neither a token nor the address.
    assert {event["body"] for event in events} == {None}


async def test_requests_for_one_link_do_not_hold_back_the_other(make: Factory, jane: int) -> None:
    """A stranger may ask for either again and again."""
    await make.act(lambda work: accounts.request_confirmation(work, EMAIL))
    await make.act(lambda work: accounts.request_password_reset(work, EMAIL))
    await make.act(lambda work: accounts.request_confirmation(work, EMAIL))

    assert len(await make.facts("user.password_reset_requested")) == 1
    assert len(await make.facts("user.confirmation_requested")) == 1


async def test_of_concurrent_requests_one_is_recorded(make: Factory, jane: int, settings: Settings) -> None:
    with closing(ConcurrentWriter(settings, make.portal, 3)) as write:
        await asyncio.to_thread(write, *[lambda work: accounts.request_password_reset(work, EMAIL)] * 3)

    assert [event["subject_id"] for event in await make.facts("user.password_reset_requested")] == [jane]


@pytest.mark.parametrize(("request_link", "kind"), REQUESTS)
async def test_nothing_is_recorded_for_an_unknown_blocked_or_deleted_user(
    make: Factory, jane: int, request_link: Any, kind: str
) -> None:
    await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=jane)

    for email in (EMAIL, "nobody@example.com", "other@example.com", ""):
        await make.act(lambda work, email=email: request_link(work, email))

    assert await make.facts(kind) == []


async def test_no_link_is_requested_for_a_confirmed_address(make: Factory, jane: int) -> None:
    await make.run("UPDATE users SET email_confirmed_at = created_at WHERE id = :id", id=jane)

    await make.act(lambda work: accounts.request_confirmation(work, EMAIL))
    assert await make.facts("user.confirmation_requested") == []
    await make.act(lambda work: accounts.request_password_reset(work, EMAIL))
    assert len(await make.facts("user.password_reset_requested")) == 1


async def test_a_new_address_is_recorded_with_the_old_one_and_confirmed_by_single_sign_on_only(
    make: Factory, jane: int
) -> None:
    changes: list[tuple[Any, bool]] = [
        (lambda work: users.update(work, jane, email="roe@example.com"), False),
        (lambda work: sign_on.sign_on(work, SignOn("third@example.com", "u-1", None, {})), True),
    ]
    await make.run("UPDATE users SET uid = 'u-1' WHERE id = :id", id=jane)
    for change, is_confirmed in changes:
        await make.run("UPDATE users SET email_confirmed_at = created_at WHERE id = :id", id=jane)

        await make.act(change)

        assert ((await user_row(make, jane))["email_confirmed_at"] is not None) is is_confirmed
    assert [json.loads(event["body"]) for event in await make.facts("user.email_changed")] == [
        {"old_email": EMAIL, "new_email": "roe@example.com"},
        {"old_email": "roe@example.com", "new_email": "third@example.com"},
    ]


async def test_other_changes_record_no_change_of_sign_in(make: Factory, jane: int) -> None:
    await make.run("UPDATE users SET email_confirmed_at = created_at, password_hash = 'x' WHERE id = :id", id=jane)

    await make.act(lambda work: users.update(work, jane, email="JANE@example.com", name="Ms Roe", password_hash="x"))

    assert (await user_row(make, jane))["email_confirmed_at"] is not None
    assert await make.facts("user.email_changed") == await make.facts("user.password_changed") == []


async def test_a_new_password_is_recorded(make: Factory, jane: int) -> None:
    await make.act(lambda work: users.update(work, jane, password_hash="new"))

    assert [event["subject_id"] for event in await make.facts("user.password_changed")] == [jane]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("email = NULL, email_key = NULL", "invitation.no_address"),
        ("password_hash = 'x'", "invitation.has_password"),
        ("blocked_at = created_at", "invitation.blocked"),
    ],
)
async def test_a_user_who_can_not_accept_is_not_invited(make: Factory, jane: int, change: str, code: str) -> None:
    await make.run(f"UPDATE users SET {change} WHERE id = :id", id=jane)

    with pytest.raises(Conflict) as refused:
        await make.act(lambda work: users.invite(work, jane, None))

    assert refused.value.code == code
    assert await make.facts("user.invited") == []


async def test_an_unknown_or_deleted_user_is_not_invited(make: Factory, jane: int) -> None:
    await make.run("UPDATE users SET deleted_at = created_at, email = NULL WHERE id = :id", id=jane)

    for user in (jane, 4711):
        with pytest.raises(NotFound):
            await make.act(lambda work, user=user: users.invite(work, user, None))


@pytest.mark.parametrize(
    ("check", "value", "error"),
    [
        (accounts.check_password, "x" * 7, FieldError("password", "too_short", {"min": 8})),
        (accounts.check_password, "x" * 101, FieldError("password", "too_long", {"max": 100})),
        (accounts.check_password, "12345678\0", FieldError("password", "invalid")),
        (accounts.check_name, " ", FieldError("name", "blank")),
        (accounts.check_name, "x" * 101, FieldError("name", "too_long", {"max": 100})),
        (accounts.check_name, "a\nb", FieldError("name", "invalid")),
        (accounts.check_name, "a\0b", FieldError("name", "invalid")),
    ],
)
def test_an_invalid_name_or_password_is_rejected(check: Any, value: str, error: FieldError) -> None:
    with pytest.raises(ValidationFailed) as failed:
        check(value)

    assert failed.value.errors == [error]


@pytest.mark.parametrize("password", ["x" * 8, "x" * 100, "  8 char ", "\N{PILE OF POO}" * 8])
def test_a_password_is_not_changed(password: str) -> None:
    assert accounts.check_password(password) == password


@pytest.mark.parametrize(
    ("name", "checked"), [(" Jane ", "Jane"), ("x" * 100, "x" * 100), ("علی\u200cرضا", "علی\u200cرضا")]
)
def test_a_name_is_trimmed(name: str, checked: str) -> None:
    assert accounts.check_name(name) == checked
