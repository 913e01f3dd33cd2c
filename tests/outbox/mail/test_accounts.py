"""Emails about accounts: to whom, with which link, encrypted, and not any more once the link is no use."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.notifications.content import Account, Content
from app.domain.outbox import deliveries
from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import accounts, deletion, one_time_tokens, own_email, profile, sign_in, users
from app.outbox.mail.accounts import build_expander
from tests.conftest import TestClock
from tests.support.account_mail import Queued, load_mail, queue_account_mail
from tests.support.factory import Factory
from tests.support.stored_events import BASE_URL, read_events

EMAIL = "jane@example.com"


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email=EMAIL)


async def load(make: Factory, email: Queued) -> Content:
    content = await load_mail(make, email)
    assert isinstance(content, Content), content
    return content


async def invite(make: Factory, user: int, message: str | None = None) -> Queued:
    await make.act(lambda work: users.invite(work, user, message))
    (email,) = await queue_account_mail(make)
    return email


@pytest.mark.parametrize("message", [None, "Welcome! %link%"])
async def test_an_invitation_has_the_link_and_the_message(make: Factory, jane: int, message: str | None) -> None:
    email = await invite(make, jane, message)
    content = await load(make, email)

    assert (content.kind, content.user_id, content.to_email, content.base_url) == (
        "invitation", jane, EMAIL, BASE_URL,
    )  # fmt: skip
    assert content.account is not None
    assert (content.account.link, content.account.message) == (f"{BASE_URL}/invitation?token={email.token}", message)
    owner = await make.act(lambda work: accounts.find_owner(work, email.token, purpose="invitation"))
    assert owner.user_id == jane


@pytest.mark.parametrize(("own", "expected"), [(None, "de"), ("fr", "fr")])
async def test_mail_is_in_the_language_of_its_user(make: Factory, jane: int, own: str | None, expected: str) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="locale", value="de"))
    email = await invite(make, jane)
    # As it is when the email is sent.
    await make.act(lambda work: profile.edit(work, jane, locale=own))

    assert (await load(make, email)).locale == expected


async def test_an_invitation_without_a_message_has_the_text_of_the_portal(make: Factory, jane: int) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="invite_message", value="Come in!"))

    for message, text in ((None, "Come in!"), ("Welcome!", "Welcome!")):
        content = await load(make, await invite(make, jane, message))
        assert content.account is not None
        assert content.account.message == text


@pytest.mark.parametrize(
    ("request_link", "kind", "path"),
    [
        (accounts.request_password_reset, "password_reset", "/password-reset"),
        (accounts.request_confirmation, "email_confirmation", "/confirm-email"),
    ],
)
async def test_a_requested_link_goes_to_the_address(
    make: Factory, jane: int, request_link: Any, kind: str, path: str
) -> None:
    await make.act(lambda work: request_link(work, EMAIL))
    (email,) = await queue_account_mail(make)
    content = await load(make, email)

    assert (content.kind, content.to_email) == (kind, EMAIL)
    assert content.account is not None
    assert content.account.link == f"{BASE_URL}{path}?token={email.token}"
    await make.act(lambda work: one_time_tokens.use(work, email.token, purpose=kind))


async def test_a_changed_address_is_told_to_the_old_one_and_confirmed_by_the_new_one(make: Factory, jane: int) -> None:
    await make.act(lambda work: users.update(work, jane, email="roe@example.com"))
    notice, confirmation = [await load(make, email) for email in await queue_account_mail(make)]

    assert (notice.kind, notice.to_email) == ("email_changed", EMAIL)
    assert (confirmation.kind, confirmation.to_email) == ("email_confirmation", "roe@example.com")
    assert notice.account is not None
    assert confirmation.account is not None
    assert (notice.account.link, notice.account.new_email) == (None, "roe@example.com")
    assert confirmation.account.new_email == "roe@example.com"


def change_as_operator(work: UnitOfWork, user: int) -> None:
    users.update(work, user, email="roe@example.com")


def request_change(work: UnitOfWork, user: int) -> None:
    own_email.request_change(work, user, email="roe@example.com", verified_hash="hash")


@pytest.mark.parametrize(
    ("rule", "kind"),
    [(change_as_operator, "user.email_changed"), (request_change, "user.confirmation_requested")],
)
async def test_no_address_stays_in_an_event(
    make: Factory, jane: int, rule: Callable[[UnitOfWork, int], None], kind: str
) -> None:
    await make.run("UPDATE users SET password_hash = 'hash' WHERE id = :id", id=jane)
    await make.act(lambda work: rule(work, jane))
    (event,) = [event for event in await read_events(make) if event.kind == kind]

    await make.act(lambda work: build_expander(make.server.services.cipher)(work, event))

    assert "roe@example.com" in event.body["new_email"]
    assert (await make.facts(kind))[0]["body"] is None


async def test_the_first_address_of_a_user_is_only_confirmed(make: Factory) -> None:
    user = await make.user(email=None)
    await make.act(lambda work: users.update(work, user, email=EMAIL))

    assert [email.kind for email in await queue_account_mail(make)] == ["email_confirmation"]


async def test_a_changed_password_is_told(make: Factory, jane: int) -> None:
    await make.act(lambda work: users.update(work, jane, password_hash="new"))
    (email,) = await queue_account_mail(make)
    content = await load(make, email)

    assert (content.kind, content.to_email, content.account and content.account.link) == (
        "password_changed", EMAIL, None,
    )  # fmt: skip


async def test_a_link_and_a_code_to_sign_in_go_to_the_address(make: Factory, jane: int) -> None:
    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token="browser"))
    (email,) = await queue_account_mail(make)
    content = await load(make, email)

    assert (content.kind, content.to_email, content.account) == (
        "sign_in",
        EMAIL,
        Account(link=f"{BASE_URL}/sign-in/link?token={email.token}", code=email.values["code"]),
    )
    await make.act(lambda work: sign_in.use_link(work, email.token, browser_token=None))
    assert await load_mail(make, email) == "its link was used, or replaced by a newer one"


async def test_an_email_to_sign_in_is_not_sent_after_fifteen_minutes(
    make: Factory, jane: int, clock: TestClock
) -> None:
    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token="browser"))
    (email,) = await queue_account_mail(make)

    clock.advance(minutes=16)

    assert await load_mail(make, email) == "its link has expired"


async def test_what_is_queued_is_encrypted(make: Factory, jane: int) -> None:
    cipher = make.server.services.cipher
    await make.act(lambda work: users.invite(work, jane, "Welcome!"))
    (event,) = [event for event in await read_events(make) if event.kind == "user.invited"]

    await make.act(lambda work: deliveries.add_all(work, build_expander(cipher)(work, event)))

    (row,) = await make.rows("SELECT * FROM deliveries")
    stored = f"{row} {await make.rows('SELECT * FROM facts')} {await make.rows('SELECT digest FROM one_time_tokens')}"
    payload = json.loads(cipher.decrypt(row["payload"]))
    assert (row["kind"], row["user_id"], row["event_id"]) == ("invitation", jane, event.id)
    assert row["is_encrypted"]
    assert payload["email"] == EMAIL
    assert payload["token"] not in stored
    assert EMAIL not in stored


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda work, user: users.block(work, user), "its link was used, or replaced by a newer one"),
        (
            lambda work, user: users.update(work, user, password_hash="x"),
            "its link was used, or replaced by a newer one",
        ),
        (lambda work, user: users.update(work, user, email="x@y"), "its link was used, or replaced by a newer one"),
        (lambda work, user: deletion.delete(work, user, with_content=False), "its link is not valid any more"),
    ],
)
async def test_an_email_whose_link_has_ended_is_not_sent(make: Factory, jane: int, change: Any, why: str) -> None:
    email = await invite(make, jane)

    await make.act(lambda work: change(work, jane))

    assert await load_mail(make, email) == why


async def test_an_email_whose_link_has_expired_is_not_sent(make: Factory, jane: int, clock: TestClock) -> None:
    email = await invite(make, jane)

    clock.advance(days=91)

    assert await load_mail(make, email) == "its link has expired"


async def test_of_two_invitations_only_the_newer_is_sent(make: Factory, jane: int) -> None:
    first, second = await invite(make, jane), await invite(make, jane)

    assert await load_mail(make, first) == "its link was used, or replaced by a newer one"
    assert isinstance(await load_mail(make, second), Content)


async def test_an_email_without_content_is_not_sent(make: Factory, jane: int) -> None:
    email = Queued("invitation", jane, None, "")

    assert await load_mail(make, Queued(email.kind, jane, None, None)) == "its content was deleted"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    ["password_hash = 'x'", "blocked_at = created_at", "email = NULL, deleted_at = created_at", "email = NULL"],
)
async def test_an_event_of_a_user_who_is_not_invited_any_more_makes_no_email(
    make: Factory, jane: int, change: str
) -> None:
    await make.act(lambda work: users.invite(work, jane, None))
    await make.run(f"UPDATE users SET {change} WHERE id = :id", id=jane)

    assert await queue_account_mail(make) == []


async def test_other_events_make_no_email_about_the_account(make: Factory, jane: int) -> None:
    await make.comment(await make.post(author=jane))

    assert await queue_account_mail(make) == []
