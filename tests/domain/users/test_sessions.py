"""Sessions: stored as digests, found with their user, valid for a time, ended by the user or a change of the user."""

import asyncio
import hashlib
from contextlib import closing
from typing import Any

import pytest

from app.application import Application
from app.background import delete_expired_sign_ins
from app.domain.errors import Conflict, Forbidden, NotFound
from app.domain.permissions import Actor
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import accounts, deletion, one_time_tokens, sessions, sign_on, users
from app.domain.users.sessions import LIFETIME, MAX_BATCH, TOUCH_INTERVAL, SessionUser
from app.domain.users.sign_on import SignOn
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.concurrency import ConcurrentWriter
from tests.support.counting import Counting
from tests.support.factory import Factory

EMAIL = "jane@example.com"


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email=EMAIL)


async def create(make: Factory, user: int, *, user_agent: str = "Firefox", former: str | None = None) -> str:
    return await make.act(
        lambda work: sessions.create(work, user_id=user, method="password", user_agent=user_agent, former_token=former)
    )


async def find(make: Factory, token: str, *, portal: int | None = None) -> SessionUser | None:
    return await make.act(lambda work: sessions.find(work, token), portal=portal)


async def test_a_session_is_found_with_its_user_and_only_its_digest_is_stored(make: Factory, jane: int) -> None:
    await make.run(
        "UPDATE users SET role = 'admin', locale = 'de', picture = 'a.png', avatar_url = 'https://x.example/a' "
        "WHERE id = :id",
        id=jane,
    )

    token = await create(make, jane)

    row = await make.row("SELECT * FROM sessions")
    assert row["digest"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(dict(row))
    assert len(token) == 43
    found = await find(make, token)
    assert found == SessionUser(
        row["id"], jane, "Jane Roe", EMAIL, "admin", "de", "a.png", "https://x.example/a", row["digest"], False
    )
    assert found.actor == Actor(jane, "admin", session_id=row["id"])
    assert row["digest"] not in repr(found)


async def test_finding_a_session_takes_one_statement(make: Factory, jane: int) -> None:
    token = await create(make, jane)

    def count(work: UnitOfWork) -> int:
        work._connection = connection = Counting(work._connection)
        assert sessions.find(work, token) is not None
        return len(connection.statements)

    assert await make.act(count) == 1


async def test_a_session_is_unknown_elsewhere(make: Factory, jane: int) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email=EMAIL)
    token = await create(make, jane)
    session = (await make.row("SELECT id FROM sessions"))["id"]

    assert await find(make, token, portal=other) is None
    for wrong in ("", "x", token[:-1], f"{token}A", token.swapcase(), "\ud800", "\0", "é" * 5000):
        assert await find(make, wrong) is None
    await make.act(lambda work: sessions.end(work, token), portal=other)
    await make.act(lambda work: sessions.end_all(work, jane, kept=None), portal=other)
    await make.act(lambda work: sessions.touch(work, session), portal=other)
    assert await make.act(lambda work: sessions.list_of_user(work, jane), portal=other) == []
    with pytest.raises(NotFound):
        await make.act(lambda work: sessions.revoke(work, session, user_id=jane), portal=other)
    with pytest.raises(NotFound):
        await make.act(lambda work: sessions.create(work, user_id=jane, method="link", user_agent=""), portal=other)
    assert await find(make, token) is not None


async def test_a_session_expires_ninety_days_after_its_last_use(make: Factory, jane: int, clock: TestClock) -> None:
    clock.set(clock())
    token = await create(make, jane)
    session = await find(make, token)
    assert session is not None

    clock.advance(seconds=TOUCH_INTERVAL.total_seconds() - 1)
    assert (await find(make, token) or session).is_touch_due is False
    await make.act(lambda work: sessions.touch(work, session.session_id))
    assert await make.value("SELECT count(*) FROM sessions WHERE last_used_at = created_at") == 1
    clock.advance(seconds=1)
    due = await find(make, token)
    assert due is not None
    assert due.is_touch_due
    await make.act(lambda work: sessions.touch(work, session.session_id))
    assert await make.value("SELECT count(*) FROM sessions WHERE last_used_at = created_at") == 0
    clock.advance(seconds=LIFETIME.total_seconds() - 1)
    assert await find(make, token) is not None
    clock.advance(seconds=1)
    assert await find(make, token) is None
    assert await make.act(lambda work: sessions.list_of_user(work, jane)) == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("blocked_at = created_at", Conflict("sign_in.blocked")),
        ("awaits_approval = TRUE", Conflict("sign_in.awaits_approval")),
        ("deleted_at = created_at, email = NULL", NotFound("user")),
    ],
)
async def test_a_user_who_may_not_sign_in_has_no_session(
    make: Factory, jane: int, change: str, error: Exception
) -> None:
    token = await create(make, jane)
    await make.run(f"UPDATE users SET {change} WHERE id = :id", id=jane)

    assert await find(make, token) is None
    with pytest.raises(type(error), match=getattr(error, "code", None)):
        await create(make, jane)


async def test_a_sign_in_ends_the_session_that_the_browser_had(make: Factory, jane: int) -> None:
    other = await create(make, await make.user())
    kept = await create(make, jane)

    token = await create(make, jane, former=other)
    again = await create(make, jane, former="x" * 5000)

    assert [await find(make, each) is not None for each in (other, kept, token, again)] == [False, True, True, True]


async def test_sessions_are_listed_by_their_last_use_and_revoked_by_their_user_only(
    make: Factory, jane: int, clock: TestClock
) -> None:
    clock.set(clock())
    tokens = [await create(make, jane, user_agent=agent) for agent in ("Fire\r\nfox", "Chrome", "x" * 300)]
    stranger = await make.user(role="admin")
    await create(make, stranger)
    own = Actor(jane, "user")
    clock.advance(minutes=11)
    first = await find(make, tokens[0])
    assert first is not None
    await make.act(lambda work: sessions.touch(work, first.session_id))

    listed = await make.act(lambda work: sessions.list_of_user(work, jane), actor=own)
    assert [session.user_agent for session in listed] == ["Firefox", "x" * 255, "Chrome"]
    for actor in (Actor(stranger, "admin"), Actor(make.owner, "owner")):
        for rule in (
            lambda work: sessions.list_of_user(work, jane),
            lambda work: sessions.revoke(work, first.session_id, user_id=jane),
            lambda work: sessions.revoke_all(work, jane),
        ):
            with pytest.raises(Forbidden, match="manage_account"):
                await make.act(rule, actor=actor)
    with pytest.raises(NotFound):
        await make.act(
            lambda work: sessions.revoke(work, first.session_id, user_id=stranger), actor=Actor(stranger, "admin")
        )
    await make.act(lambda work: sessions.revoke(work, listed[1].id, user_id=jane), actor=own)
    assert [await find(make, token) is not None for token in tokens] == [True, True, False]
    assert await make.act(lambda work: sessions.revoke_all(work, jane, kept=first.session_id), actor=own) == 1
    assert [await find(make, token) is not None for token in tokens] == [True, False, False]
    assert await make.value("SELECT count(*) FROM sessions WHERE user_id = :id", id=stranger) == 1


async def test_a_change_of_the_user_ends_all_sessions(make: Factory, jane: int) -> None:
    await make.run("UPDATE users SET uid = 'u-1' WHERE id = :id", id=jane)
    reset = await make.act(
        lambda work: one_time_tokens.create(work, user_id=jane, purpose="password_reset", email=EMAIL)
    )
    changes: list[Any] = [
        lambda work: accounts.reset_password(work, str(reset), password_hash="reset"),
        lambda work: users.update(work, jane, password_hash="another"),
        lambda work: users.update(work, jane, email="roe@example.com"),
        lambda work: sign_on.sign_on(work, SignOn(EMAIL, "u-1", None, {})),
        lambda work: users.block(work, jane),
        lambda work: deletion.delete(work, jane, with_content=False),
    ]
    other = await create(make, make.owner)

    for change in changes:
        await make.run("UPDATE users SET blocked_at = NULL WHERE id = :id", id=jane)
        tokens = [await create(make, jane), await create(make, jane)]

        await make.act(change)

        await make.run("UPDATE users SET blocked_at = NULL WHERE id = :id", id=jane)
        assert [await find(make, token) for token in tokens] == [None, None]
    assert await find(make, other) is not None


async def test_another_change_of_the_user_ends_no_session(make: Factory, jane: int) -> None:
    token = await create(make, jane)

    await make.act(lambda work: users.update(work, jane, name="Ms Roe", role="admin", email=" JANE@example.com"))

    found = await find(make, token)
    assert found is not None
    assert (found.name, found.role) == ("Ms Roe", "admin")


async def test_the_session_that_changes_the_password_stays(make: Factory) -> None:
    token, other = await create(make, make.owner), await create(make, make.owner)
    own = await find(make, token)
    assert own is not None

    await make.act(lambda work: users.update(work, make.owner, password_hash="another"), actor=own.actor)

    assert [await find(make, each) is not None for each in (token, other)] == [True, False]


async def test_a_session_created_while_the_user_is_blocked_does_not_stay(
    make: Factory, jane: int, settings: Settings
) -> None:
    with closing(ConcurrentWriter(settings, make.portal, 2)) as write:
        for _ in range(5):
            await make.run("UPDATE users SET blocked_at = NULL WHERE id = :id", id=jane)

            created, blocked = await asyncio.to_thread(
                write,
                lambda work: sessions.create(work, user_id=jane, method="link", user_agent=""),
                lambda work: users.block(work, jane),
            )

            assert blocked is None
            assert created is None or created.code == "sign_in.blocked"
            assert await make.rows("SELECT id FROM sessions") == []


async def test_a_deleted_user_keeps_no_way_to_sign_in(make: Factory, jane: int) -> None:
    await make.run(
        "UPDATE users SET locale = 'de', picture = 'face.png', awaits_approval = TRUE WHERE id = :id", id=jane
    )
    values = {"at": make.portal, "user": jane}
    for portal, user, number in ((make.portal, jane, 1), (make.portal, make.owner, 2)):
        values = {"at": portal, "user": user, "number": str(number)}
        await make.run(
            "INSERT INTO passkeys (portal_id, user_id, credential_id, public_key, name, created_at) "
            "VALUES (:at, :user, :number, 'key', 'Phone', '2026-01-01 00:00:00')",
            **values,
        )
        await make.run(
            "INSERT INTO identity_providers (portal_id, name, issuer, client_id, created_at, updated_at) "
            "VALUES (:at, :number, :number, 'id', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            at=portal,
            number=str(number),
        )
        await make.run(
            "INSERT INTO identities (portal_id, user_id, provider_id, subject, created_at, last_used_at) "
            "SELECT :at, :user, id, 'subject', created_at, created_at FROM identity_providers WHERE name = :number",
            **values,
        )

    deleted = await make.act(lambda work: deletion.delete(work, jane, with_content=False))

    assert deleted.files == ["face.png"]
    row = await make.row("SELECT * FROM users WHERE id = :id", id=jane)
    assert (row["locale"], row["picture"], bool(row["awaits_approval"])) == (None, None, False)
    for table in ("passkeys", "identities"):
        assert [row["user_id"] for row in await make.rows(f"SELECT user_id FROM {table}")] == [make.owner]


async def test_expired_sessions_are_deleted_in_batches(
    make: Factory, server: Application, jane: int, clock: TestClock
) -> None:
    clock.set(clock())
    number = MAX_BATCH + 7

    def create_many(work: Any) -> None:
        for _ in range(number):
            sessions.create(work, user_id=jane, method="link", user_agent="")

    await make.act(create_many)
    clock.advance(days=89)
    kept = await create(make, jane)
    await delete_expired_sign_ins(server.database)
    assert await make.value("SELECT count(*) FROM sessions") == number + 1
    clock.advance(days=1)

    await delete_expired_sign_ins(server.database)

    assert await make.value("SELECT count(*) FROM sessions") == 1
    assert await find(make, kept) is not None
