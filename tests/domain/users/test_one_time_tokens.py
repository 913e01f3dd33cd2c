"""Tokens that emails carry: stored as digests, valid once, for a time, for one purpose, in one portal."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.errors import Conflict
from app.domain.users import deletion, one_time_tokens, sign_on, users
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, LIFETIMES, PASSWORD_RESET
from app.domain.users.sign_on import SignOn
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory

EMAIL = "jane@example.com"


@pytest.fixture
def write(settings: Settings, make: Factory) -> Iterator[ConcurrentWriter]:
    """Three threads that write at the same time."""
    writer = ConcurrentWriter(settings, make.portal, 3)
    yield writer
    writer.close()


async def create(make: Factory, user: int, purpose: str = PASSWORD_RESET, *, email: str = EMAIL) -> str:
    token = await make.act(lambda work: one_time_tokens.create(work, user_id=user, purpose=purpose, email=email))
    assert token is not None
    return token


async def reason(make: Factory, token: str, purpose: str = PASSWORD_RESET, *, portal: int | None = None) -> str | None:
    """Why the token is not valid, or None; the same whether it is only verified or used."""
    codes = []
    for rule in (one_time_tokens.verify, one_time_tokens.use):
        try:
            await make.act(lambda work, rule=rule: rule(work, token, purpose=purpose), portal=portal)
            codes.append(None)
        except Conflict as error:
            codes.append(error.code)
    assert codes[0] == codes[1]
    return codes[0]


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email=EMAIL)


async def test_only_the_digest_of_a_token_is_stored(make: Factory, jane: int) -> None:
    token = await create(make, jane)

    row = await make.row("SELECT * FROM one_time_tokens")
    assert row["digest"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(dict(row))
    # 32 random bytes.
    assert len(token) == 43
    assert token != await create(make, jane)


async def test_a_token_is_valid_once_and_verifying_does_not_use_it(make: Factory, jane: int) -> None:
    token = await create(make, jane)

    for _ in range(3):
        owner = await make.act(lambda work: one_time_tokens.verify(work, token, purpose=PASSWORD_RESET))
    assert (owner.user_id, owner.email) == (jane, EMAIL)
    assert await make.act(lambda work: one_time_tokens.use(work, token, purpose=PASSWORD_RESET)) == owner
    assert await reason(make, token) == "token.used"


@pytest.mark.parametrize("purpose", LIFETIMES)
async def test_a_token_is_valid_until_it_expires(make: Factory, jane: int, clock: TestClock, purpose: str) -> None:
    clock.set(clock())
    first, seconds = await create(make, jane, purpose), LIFETIMES[purpose].total_seconds()

    clock.advance(seconds=seconds - 1)
    assert (await make.act(lambda work: one_time_tokens.verify(work, first, purpose=purpose))).user_id == jane
    clock.advance(seconds=1)
    assert await reason(make, first, purpose) == "token.expired"


async def test_a_token_is_unknown_elsewhere(make: Factory, jane: int) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email=EMAIL)
    token = await create(make, jane)

    assert await reason(make, token, portal=other) == "token.unknown"
    assert await reason(make, token, INVITATION) == "token.unknown"
    for wrong in ("", "x", token[:-1], f"{token}A", token.swapcase(), "\ud800", "\0", "é" * 5000):
        assert await reason(make, wrong) == "token.unknown"
    assert await reason(make, token) is None


async def test_a_newer_token_ends_an_older_one_of_its_purpose(make: Factory, jane: int) -> None:
    first, other = await create(make, jane), await create(make, jane, INVITATION)
    second = await create(make, jane)

    assert await reason(make, first) == "token.used"
    assert await reason(make, other, INVITATION) is None
    assert await reason(make, second) is None


async def test_a_change_of_the_user_ends_all_tokens(make: Factory, jane: int) -> None:
    changes: list[Any] = [
        lambda work: users.update(work, jane, password_hash="another"),
        lambda work: users.update(work, jane, email="roe@example.com"),
        lambda work: sign_on.sign_on(work, SignOn(EMAIL, "u-1", None, {})),
        lambda work: users.block(work, jane),
        lambda work: deletion.delete(work, jane, with_content=False),
    ]
    emails = [EMAIL, EMAIL, "roe@example.com", EMAIL, EMAIL]
    expected = ["token.used", "token.used", "token.used", "token.used", "token.unknown"]
    await make.run("UPDATE users SET uid = 'u-1' WHERE id = :id", id=jane)

    for change, email, code in zip(changes, emails, expected, strict=True):
        await make.run("UPDATE users SET blocked_at = NULL WHERE id = :id", id=jane)
        tokens = {purpose: await create(make, jane, purpose, email=email) for purpose in LIFETIMES}

        await make.act(change)

        assert {purpose: await reason(make, token, purpose) for purpose, token in tokens.items()} == dict.fromkeys(
            LIFETIMES, code
        )
    # Nothing is left that contains the address of a deleted user.
    assert await make.rows("SELECT * FROM one_time_tokens") == []


async def test_another_change_of_the_user_ends_no_token(make: Factory, jane: int) -> None:
    token = await create(make, jane)

    await make.act(lambda work: users.update(work, jane, name="Ms Roe", role="admin", email=" JANE@example.com"))

    assert await reason(make, token) is None


@pytest.mark.parametrize("column", ["blocked_at", "deleted_at"])
async def test_a_blocked_or_deleted_user_gets_no_token(make: Factory, jane: int, column: str) -> None:
    await make.run(f"UPDATE users SET {column} = created_at, email = NULL WHERE id = :id", id=jane)

    assert (
        await make.act(lambda work: one_time_tokens.create(work, user_id=jane, purpose=INVITATION, email=EMAIL)) is None
    )


async def test_of_two_concurrent_uses_one_succeeds(make: Factory, jane: int, write: ConcurrentWriter) -> None:
    for _ in range(5):
        token = await create(make, jane)

        results = await asyncio.to_thread(
            write, *[lambda work, token=token: one_time_tokens.use(work, token, purpose=PASSWORD_RESET)] * 3
        )

        assert sorted(str(getattr(result, "code", result)) for result in results) == [
            "None", "token.used", "token.used",
        ]  # fmt: skip


async def test_of_concurrent_creations_one_token_is_valid(make: Factory, jane: int, write: ConcurrentWriter) -> None:
    for _ in range(5):
        await asyncio.to_thread(
            write,
            *[lambda work: one_time_tokens.create(work, user_id=jane, purpose=EMAIL_CONFIRMATION, email=EMAIL)] * 3,
        )

        assert await make.value("SELECT count(*) FROM one_time_tokens WHERE used_at IS NULL") == 1


async def test_a_token_used_while_its_user_is_blocked_is_used_before_or_not_at_all(
    make: Factory, jane: int, write: ConcurrentWriter
) -> None:
    for _ in range(5):
        await make.run("UPDATE users SET blocked_at = NULL WHERE id = :id", id=jane)
        token = await create(make, jane)

        used, blocked = await asyncio.to_thread(
            write,
            lambda work, token=token: one_time_tokens.use(work, token, purpose=PASSWORD_RESET),
            lambda work: users.block(work, jane),
        )

        assert blocked is None
        assert used is None or used.code == "token.used"
        assert await make.value("SELECT count(*) FROM one_time_tokens WHERE used_at IS NULL") == 0
