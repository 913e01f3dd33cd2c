"""Signing up: who may, what nobody learns, the approval by the team, and accounts of an address that is not theirs."""

import asyncio
from contextlib import closing
from typing import Any

import pytest

from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.notifications.content import Account, Content
from app.domain.portals import portals
from app.domain.users import sessions, sign_in, sign_up
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.account_mail import load_mail, queue_account_mail
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory
from tests.support.stored_events import BASE_URL

EMAIL = "jane@example.com"
BROWSER = "the token of a browser"


async def set_up(make: Factory, **settings: Any) -> None:
    for name, value in settings.items():
        await make.act(lambda work, name=name, value=value: portals.update_setting(work, setting=name, value=value))


async def register(
    make: Factory, email: str = EMAIL, *, name: str = "Jane Roe", password: str | None = "hash", browser: str = BROWSER
) -> None:
    await make.act(
        lambda work: sign_up.sign_up(work, email=email, name=name, password_hash=password, browser_token=browser)
    )


async def user_row(make: Factory, email: str = EMAIL) -> Any:
    return await make.row("SELECT * FROM users WHERE email = :email", email=email)


async def kinds(make: Factory) -> list[str]:
    """The events of the users other than the owner."""
    rows = await make.rows(f"SELECT kind FROM facts WHERE subject_id <> {make.owner} ORDER BY id")
    return [row["kind"] for row in rows]


async def test_an_open_portal_lets_everybody_sign_up(make: Factory) -> None:
    await register(make, " Jane@Example.com ", name=" Jane Roe ")

    row = await user_row(make)
    assert (row["email_key"], row["name"], row["role"], row["password_hash"]) == (EMAIL, "Jane Roe", "user", "hash")
    assert (bool(row["awaits_approval"]), row["email_confirmed_at"]) == (False, None)
    assert await kinds(make) == ["user.registered", "user.sign_in_requested"]


async def test_an_address_that_is_known_gets_the_same_email_and_no_change(make: Factory, clock: TestClock) -> None:
    await register(make)
    before = dict(await user_row(make))
    clock.advance(minutes=6)

    await register(make, "JANE@example.com", name="Mallory", password="another", browser="another")

    after = dict(await user_row(make))
    assert after == before
    assert await kinds(make) == ["user.registered", "user.sign_in_requested", "user.sign_in_requested"]
    emails = await queue_account_mail(make)
    contents = [await load_mail(make, email) for email in emails]
    assert [(content.kind, content.to_email) for content in contents if isinstance(content, Content)] == [
        ("sign_in", EMAIL)
    ] * 2


async def test_a_closed_portal_lets_nobody_sign_up(make: Factory) -> None:
    await make.user(email=EMAIL)
    await set_up(make, sign_up="closed")

    for email in (EMAIL, "roe@example.com"):
        with pytest.raises(Conflict, match=r"sign_up\.closed"):
            await register(make, email)

    assert await make.value("SELECT count(*) FROM users") == 2
    assert await make.facts("user.sign_in_requested") == []


async def test_a_portal_may_accept_addresses_of_some_domains_only(make: Factory) -> None:
    await make.user(email="jane@other.example")
    await set_up(make, sign_up_domains='["example.com", "example.org"]')
    await register(make, "jane@EXAMPLE.org")

    # The same for a user who is there, and for lookalikes.
    for email in ("jane@other.example", "a@sub.example.com", "a@example.com.evil.example", "a@badexample.com"):
        with pytest.raises(ValidationFailed) as caught:
            await register(make, email)
        assert caught.value.errors == [FieldError("email", "other_domain", {"domains": "example.com, example.org"})]

    assert await make.value("SELECT count(*) FROM users") == 3


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"email": "jane"}, "email", "invalid"),
        ({"email": "jane@example.com\n"}, None, None),
        ({"email": "jane@exa mple.com"}, "email", "invalid"),
        ({"email": ""}, "email", "invalid"),
        ({"email": "a" * 250 + "@example.com"}, "email", "invalid"),
        ({"name": " "}, "name", "blank"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"name": "Jane\0"}, "name", "invalid"),
    ],
)
async def test_invalid_values_create_nobody(
    make: Factory, values: dict[str, str], field: str | None, code: str | None
) -> None:
    if field is None:
        await register(make, **values)
        assert (await user_row(make))["email"] == EMAIL
        return
    with pytest.raises(ValidationFailed) as caught:
        await register(make, **values)

    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]
    assert await make.value("SELECT count(*) FROM users") == 1


async def test_a_user_signs_in_after_the_approval_by_the_team(make: Factory) -> None:
    await set_up(make, sign_up="approval")
    await register(make)
    row = await user_row(make)
    jane = row["id"]

    assert bool(row["awaits_approval"])
    assert await kinds(make) == ["user.registered", "user.approval_requested", "user.sign_in_requested"]
    (email,) = await queue_account_mail(make)
    code = email.values["code"]
    owner = await make.act(lambda work: sign_in.use_code(work, code, browser_token=BROWSER))
    assert owner is not None
    with pytest.raises(Conflict, match="awaits_approval"):
        await make.act(lambda work: sessions.create(work, user_id=jane, method="email", user_agent=""))

    await make.act(lambda work: sign_up.approve(work, jane))

    await make.act(lambda work: sessions.create(work, user_id=jane, method="email", user_agent=""))
    approval = (await queue_account_mail(make))[-1]
    content = await load_mail(make, approval)
    assert isinstance(content, Content)
    assert (content.kind, content.to_email, content.account) == ("approval", EMAIL, Account(link=f"{BASE_URL}/"))
    with pytest.raises(Conflict, match=r"approval\.not_awaited"):
        await make.act(lambda work: sign_up.approve(work, jane))


async def test_a_user_is_approved_in_the_own_portal_only(make: Factory) -> None:
    await set_up(make, sign_up="approval")
    await register(make)
    jane = (await user_row(make))["id"]
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")

    with pytest.raises(NotFound):
        await make.act(lambda work: sign_up.approve(work, jane), portal=other)
    assert await make.act(sign_up.list_awaiting, portal=other) == []
    assert [row["id"] for row in await make.act(sign_up.list_awaiting)] == [jane]

    assert bool((await user_row(make))["awaits_approval"])
    # The settings are those of the own portal, too, and the address is free there.
    await make.act(
        lambda work: sign_up.sign_up(work, email=EMAIL, name="Jane", password_hash=None, browser_token=BROWSER),
        portal=other,
    )
    states = await make.rows("SELECT portal_id, awaits_approval FROM users WHERE email = :email", email=EMAIL)
    assert {row["portal_id"]: bool(row["awaits_approval"]) for row in states} == {make.portal: True, other: False}


async def test_of_concurrent_sign_ups_with_one_address_one_creates_the_user(make: Factory, settings: Settings) -> None:
    def operation(number: int) -> Any:
        return lambda work: sign_up.sign_up(
            work, email=EMAIL, name=f"Jane {number}", password_hash=f"hash {number}", browser_token=str(number)
        )

    with closing(ConcurrentWriter(settings, make.portal, 3)) as write:
        results = await asyncio.to_thread(write, *map(operation, range(3)))

    assert results == [None] * 3
    row = await user_row(make)
    assert row["password_hash"] == f"hash {row['name'][-1]}"
    assert await kinds(make) == ["user.registered", *["user.sign_in_requested"] * 3]


@pytest.mark.parametrize(
    ("way", "browser", "is_kept"),
    [("link", BROWSER, True), ("link", "another", False), ("link", None, False), ("code", BROWSER, True)],
)
async def test_a_password_stays_if_the_browser_that_signed_up_confirms_the_address(
    make: Factory, way: str, browser: str | None, is_kept: bool
) -> None:
    await register(make)
    jane = (await user_row(make))["id"]
    session = await make.act(lambda work: sessions.create(work, user_id=jane, method="password", user_agent=""))
    (email,) = await queue_account_mail(make)

    if way == "link":
        await make.act(lambda work: sign_in.use_link(work, email.token, browser_token=browser))
    else:
        assert await make.act(lambda work: sign_in.use_code(work, email.values["code"], browser_token=BROWSER))

    row = await user_row(make)
    assert (row["password_hash"] is not None, row["email_confirmed_at"] is not None) == (is_kept, True)
    assert (await make.act(lambda work: sessions.find(work, session)) is not None) is is_kept
    assert len(await make.facts("user.password_changed")) == (0 if is_kept else 1)


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_who_has_the_address_gets_the_account_of_whoever_signed_up_with_it(
    make: Factory, clock: TestClock, is_confirmed: bool
) -> None:
    await register(make, browser="Mallory's")
    jane = (await user_row(make))["id"]
    if is_confirmed:
        await make.run("UPDATE users SET email_confirmed_at = created_at WHERE id = :id", id=jane)
    await make.run(
        "INSERT INTO passkeys (portal_id, user_id, credential_id, public_key, name, created_at) "
        "SELECT portal_id, id, 'id', 'key', 'Phone', created_at FROM users WHERE id = :id",
        id=jane,
    )
    session = await make.act(lambda work: sessions.create(work, user_id=jane, method="password", user_agent=""))
    await queue_account_mail(make)
    clock.advance(minutes=6)

    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token="Jane's"))
    (email,) = await queue_account_mail(make)
    assert await make.act(lambda work: sign_in.use_code(work, email.values["code"], browser_token="Jane's"))

    assert ((await user_row(make))["password_hash"] is not None) is is_confirmed
    assert (await make.act(lambda work: sessions.find(work, session)) is not None) is is_confirmed
    assert await make.value("SELECT count(*) FROM passkeys") == (1 if is_confirmed else 0)


async def test_a_password_that_the_team_set_stays(make: Factory) -> None:
    jane = await make.user(email=EMAIL)
    await make.run("UPDATE users SET password_hash = 'hash' WHERE id = :id", id=jane)
    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token=BROWSER))
    (email,) = await queue_account_mail(make)

    await make.act(lambda work: sign_in.use_link(work, email.token, browser_token=None))

    assert (await user_row(make))["password_hash"] == "hash"
