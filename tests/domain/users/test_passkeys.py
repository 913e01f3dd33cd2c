"""Passkeys: added, found, used and deleted, by their user only and in their portal only."""

import asyncio
import secrets
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from app.application import Application
from app.background import delete_expired_sign_ins
from app.domain.errors import Conflict, Forbidden, NotFound, ValidationFailed
from app.domain.permissions import Actor
from app.domain.posts import devices
from app.domain.users import deletion, passkeys, sessions
from app.domain.users.passkeys import MAX_PASSKEYS, StoredPasskey
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user()


async def add(
    make: Factory, user: int, credential: str = "credential", *, name: str = "Phone", count: int = 0,
    portal: int | None = None, actor: Actor | None = None,
) -> int:  # fmt: skip
    return await make.act(
        lambda work: passkeys.add(
            work, user_id=user, credential_id=credential, public_key="key", sign_count=count, name=name
        ),
        portal=portal,
        actor=actor or Actor(user, "user"),
    )


async def find(make: Factory, credential: str, *, portal: int | None = None) -> StoredPasskey | None:
    return await make.act(lambda work: passkeys.find_by_credential(work, credential), portal=portal)


def record_use(passkey: StoredPasskey, count: int, *, challenge: str = "") -> Any:
    """The rule. Each challenge is another one by default."""
    return lambda work: passkeys.record_use(
        work,
        passkey,
        sign_count=count,
        challenge=challenge or secrets.token_hex(),
        expires_at=work.now + timedelta(minutes=10),
    )


async def use(make: Factory, count: int, *, challenge: str = "") -> None:
    passkey = await find(make, "credential")
    assert passkey is not None
    await make.act(record_use(passkey, count, challenge=challenge))


async def test_a_passkey_is_added_found_listed_and_deleted(make: Factory, jane: int) -> None:
    own = Actor(jane, "user")
    first = await add(make, jane, name=" Phone ", count=7)
    second = await add(make, jane, "other", name="Laptop")

    assert await find(make, "credential") == StoredPasskey(first, jane, "key", 7)
    assert await find(make, "Credential") is None
    listed = await make.act(lambda work: passkeys.list_of_user(work, jane), actor=own)
    assert [(each.id, each.name, each.credential_id, each.last_used_at) for each in listed] == [
        (first, "Phone", "credential", None),
        (second, "Laptop", "other", None),
    ]
    await make.act(lambda work: passkeys.delete_passkey(work, first, user_id=jane), actor=own)
    assert await find(make, "credential") is None
    assert await find(make, "other") is not None


async def test_the_counter_of_a_passkey_must_grow(make: Factory, jane: int) -> None:
    await add(make, jane, count=7)
    await use(make, 8)

    for count in (8, 7, 0):
        with pytest.raises(Conflict, match="replayed"):
            await use(make, count)
    await use(make, 2**32 - 1)

    found = await find(make, "credential")
    assert found is not None
    assert found.sign_count == 2**32 - 1
    listed = await make.act(lambda work: passkeys.list_of_user(work, jane))
    assert listed[0].last_used_at is not None


async def test_a_passkey_that_does_not_count_is_used_again_for_another_challenge(make: Factory, jane: int) -> None:
    await add(make, jane)

    await use(make, 0)
    await use(make, 0)
    await use(make, 1)

    with pytest.raises(Conflict, match="replayed"):
        await use(make, 0)


async def test_a_challenge_signs_in_once(make: Factory, jane: int, clock: TestClock, server: Application) -> None:
    clock.set(clock())
    await add(make, jane)
    await use(make, 0, challenge="signed")

    for _ in range(2):
        with pytest.raises(Conflict, match="replayed"):
            await use(make, 0, challenge="signed")
        clock.advance(minutes=10)
        await delete_expired_sign_ins(server.database)
    await use(make, 0, challenge="another")


async def test_of_concurrent_uses_with_one_counter_one_succeeds(make: Factory, jane: int, settings: Settings) -> None:
    passkey = await add(make, jane)
    with closing(ConcurrentWriter(settings, make.portal, 3)) as write:
        results = await asyncio.to_thread(write, *[record_use(StoredPasskey(passkey, jane, "key", 0), 1)] * 3)

    assert sorted(str(getattr(result, "code", result)) for result in results) == [
        "None", "passkey.replayed", "passkey.replayed",
    ]  # fmt: skip


async def test_passkeys_of_one_user_sign_in_at_the_same_time(make: Factory, jane: int, settings: Settings) -> None:
    """PostgreSQL would end one of two transactions that wait for each other, and it would be called again."""
    number, calls = 4, []
    stored = [StoredPasskey(await add(make, jane, f"credential {each}"), jane, "key", 0) for each in range(number)]

    def sign_in(passkey: StoredPasskey) -> Any:
        def run(work: Any) -> None:
            calls.append(passkey.id)
            record_use(passkey, 0)(work)
            sessions.create(work, user_id=jane, method="passkey", user_agent="")
            devices.claim(work, user_id=jane, device_digest=str(passkey.id))

        return run

    with closing(ConcurrentWriter(settings, make.portal, number)) as write:
        for _ in range(3):
            calls.clear()
            results = await asyncio.to_thread(write, *map(sign_in, stored))

            assert results == [None] * number
            assert sorted(calls) == [passkey.id for passkey in stored]


async def test_a_passkey_is_of_its_user_and_portal_only(make: Factory, jane: int) -> None:
    passkey = await add(make, jane)
    stranger = await make.user(role="admin")
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")

    for actor in (Actor(stranger, "admin"), Actor(make.owner, "owner")):
        with pytest.raises(Forbidden, match="manage_account"):
            await add(make, jane, "another", actor=actor)
        for rule in (
            lambda work: passkeys.list_of_user(work, jane),
            lambda work: passkeys.delete_passkey(work, passkey, user_id=jane),
        ):
            with pytest.raises(Forbidden, match="manage_account"):
                await make.act(rule, actor=actor)
    with pytest.raises(NotFound):
        await make.act(
            lambda work: passkeys.delete_passkey(work, passkey, user_id=stranger), actor=Actor(stranger, "admin")
        )
    with pytest.raises(NotFound):
        await add(make, jane, "another", portal=other)
    assert await find(make, "credential", portal=other) is None
    assert await make.act(lambda work: passkeys.list_of_user(work, jane), portal=other) == []
    for rule in (
        lambda work: passkeys.delete_passkey(work, passkey, user_id=jane),
        record_use(StoredPasskey(passkey, jane, "key", 0), 1),
    ):
        with pytest.raises((NotFound, Conflict)):
            await make.act(rule, portal=other)
    assert await find(make, "credential") == StoredPasskey(passkey, jane, "key", 0)


async def test_a_credential_belongs_to_one_user_of_a_portal(make: Factory, jane: int) -> None:
    other, owner = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await add(make, jane)
    await add(make, owner, portal=other)

    for user in (jane, await make.user()):
        with pytest.raises(Conflict, match=r"passkey\.taken"):
            await add(make, user)


@pytest.mark.parametrize("change", ["blocked_at = created_at", "deleted_at = created_at, email = NULL"])
async def test_a_blocked_or_deleted_user_gets_no_passkey(make: Factory, jane: int, change: str) -> None:
    await make.run(f"UPDATE users SET {change} WHERE id = :id", id=jane)

    with pytest.raises(NotFound):
        await add(make, jane)


async def test_invalid_passkeys_are_rejected(make: Factory, jane: int) -> None:
    for credential in ("", "x" * 1401):
        with pytest.raises(Conflict, match=r"passkey\.invalid"):
            await add(make, jane, credential)
    for name in (" ", "x" * 101, "a\nb"):
        with pytest.raises(ValidationFailed):
            await add(make, jane, name=name)
    assert await find(make, "x" * 5000) is None
    assert await find(make, "\0") is None


async def test_a_user_has_a_limited_number_of_passkeys(make: Factory, jane: int, settings: Settings) -> None:
    for number in range(MAX_PASSKEYS - 1):
        await add(make, jane, str(number))
    await add(make, await make.user(), "other")

    with closing(ConcurrentWriter(settings, make.portal, 2)) as write:
        results = await asyncio.to_thread(
            write,
            *[
                lambda work, credential=credential: passkeys.add(
                    work, user_id=jane, credential_id=credential, public_key="key", sign_count=0, name="Phone"
                )
                for credential in ("a", "b")
            ],
        )

    assert sorted(str(getattr(result, "code", result)) for result in results) == ["None", "passkey.too_many"]


async def test_a_passkey_of_a_deleted_user_is_not_found(make: Factory, jane: int) -> None:
    await add(make, jane)

    await make.act(lambda work: deletion.delete(work, jane, with_content=False))

    assert await find(make, "credential") is None
