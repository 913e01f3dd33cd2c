"""Acts on PostgreSQL: run again when they meet others at their work, and handed one connection after another."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import text

from app.adapters.database import NO_PORTAL
from app.adapters.database.greenlet_bridge import await_in_greenlet
from app.adapters.database.postgres import PostgresDatabase
from app.domain.errors import ForeignKeyViolation, ServiceUnavailable
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import UnitOfWork

_PID = Statement(text("SELECT pg_backend_pid()"), across_portals=True)
_SLEEP = Statement(text("SELECT pg_sleep(60)"), across_portals=True)
_HELD = Statement(text("SELECT pg_advisory_xact_lock_shared(1)"), across_portals=True)
_BREATHE = Statement(text("SELECT pg_sleep(0.01), pg_backend_pid()"), across_portals=True)


@pytest.fixture
async def two(postgres_database: str) -> AsyncIterator[PostgresDatabase]:
    """A database with two connections at most."""
    database = PostgresDatabase(postgres_database, password=None, clock=lambda: datetime.now(UTC), most=2)
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_act_is_run_again_as_often_as_something_it_points_to_goes_away(
    postgres_database: str, at_once: bool
) -> None:
    database = PostgresDatabase(postgres_database, password=None, clock=lambda: datetime.now(UTC))
    await database.open()
    runs = 0

    def post_whose_things_go_one_by_one(work: UnitOfWork) -> str:
        nonlocal runs
        runs += 1
        # Its author, board, status, section and category.
        if runs <= 5:
            raise ForeignKeyViolation("fk_posts_section_id")
        return "done"

    def post_that_never_stands(work: UnitOfWork) -> str:
        nonlocal runs
        runs += 1
        raise ForeignKeyViolation("fk_posts_section_id")

    try:
        assert await database.write(post_whose_things_go_one_by_one, NO_PORTAL, single_statement=at_once) == "done"
        assert runs == 6
        runs = 0
        with pytest.raises(ForeignKeyViolation):
            await database.write(post_that_never_stands, NO_PORTAL, single_statement=at_once)
        assert runs == 6
    finally:
        await database.close()


async def test_many_acts_share_few_connections_and_none_is_lost(two: PostgresDatabase) -> None:
    pids = await asyncio.gather(*(two.read(lambda work: work.fetch_all(_BREATHE)[0][1], NO_PORTAL) for _ in range(60)))

    assert len(pids) == 60
    assert len(set(pids)) <= 2


@pytest.mark.parametrize("operation", ["writes", "long reads"])
async def test_acts_that_wait_for_others_leave_connections_for_short_reads(
    postgres_database: str, operation: str
) -> None:
    database = PostgresDatabase(postgres_database, password=None, clock=lambda: datetime.now(UTC), most=4)
    await database.open()
    holder = await asyncpg.connect(postgres_database)
    waiting: list[asyncio.Task[object]] = []
    try:
        await holder.execute("BEGIN")
        await holder.execute("SELECT pg_advisory_xact_lock(1)")
        if operation == "writes":
            acts = [database.write(lambda work: work.fetch_value(_HELD), NO_PORTAL) for _ in range(20)]
        else:
            acts = [database.read(lambda work: work.fetch_value(_HELD), NO_PORTAL, in_thread=True) for _ in range(20)]
        waiting += [asyncio.create_task(each) for each in acts]
        while len(await busy(database)) < 3:
            pass

        assert await database.read(lambda work: work.fetch_value(_PID), NO_PORTAL)
        # Who waits for too long is refused, and keeps no place.
        refused = await asyncio.wait_for(asyncio.gather(*waiting[3:], return_exceptions=True), 20)
        assert {type(each) for each in refused} == {ServiceUnavailable}
        assert await database.read(lambda work: work.fetch_value(_PID), NO_PORTAL)

        await holder.execute("COMMIT")
        await asyncio.gather(*waiting[:3])
        assert await database.write(lambda work: work.fetch_value(_PID), NO_PORTAL)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await holder.close()
        await database.close()


async def test_acts_that_raise_give_their_connection_back_and_their_own_error(two: PostgresDatabase) -> None:
    def fails(work: UnitOfWork) -> None:
        work.fetch_value(_PID)
        raise LookupError("mine")

    for _ in range(5):
        with pytest.raises(LookupError, match="mine"):
            await two.read(fails, NO_PORTAL)
        with pytest.raises(LookupError, match="mine"):
            await two.write(fails, NO_PORTAL)

    assert await two.read(lambda work: work.fetch_value(_PID), NO_PORTAL)


async def test_an_act_that_is_cancelled_while_it_waits_leaves_nothing_behind(two: PostgresDatabase) -> None:
    for _ in range(3):
        waiting = [asyncio.create_task(two.read(lambda work: work.fetch_value(_SLEEP), NO_PORTAL)) for _ in range(2)]
        while len(await busy(two)) < 2:
            pass
        for task in waiting:
            task.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ended] == [asyncio.CancelledError] * 2

    assert await two.read(lambda work: work.fetch_value(_PID), NO_PORTAL)


async def test_a_connection_that_died_while_nobody_used_it_is_replaced(two: PostgresDatabase) -> None:
    before = await two.read(lambda work: work.fetch_value(_PID), NO_PORTAL)
    other = await asyncpg.connect(two._url)
    await other.execute("SELECT pg_terminate_backend($1)", before)
    await other.close()

    after = await two.read(lambda work: work.fetch_value(_PID), NO_PORTAL)

    assert after != before


async def test_a_connection_that_dies_between_two_statements_is_replaced_and_the_act_run_again(
    two: PostgresDatabase,
) -> None:
    other = await asyncpg.connect(two._url)
    seen: list[int] = []

    def operation(work: UnitOfWork) -> int:
        seen.append(work.fetch_value(_PID))
        if len(seen) == 1:
            await_in_greenlet(other.execute("SELECT pg_terminate_backend($1)", seen[0]))
            await_in_greenlet(asyncio.sleep(0.05))
        return int(work.fetch_value(_PID))

    try:
        for run in (two.read, two.write):
            seen.clear()
            assert await run(operation, NO_PORTAL) == seen[-1]
            assert len(seen) == 2
    finally:
        await other.close()


async def busy(database: PostgresDatabase) -> list[int]:
    """The other connections of the database that are running a statement, seen from outside."""
    watcher = await asyncpg.connect(database._url)
    try:
        rows = await watcher.fetch(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()"
        )
    finally:
        await watcher.close()
    return [row[0] for row in rows]


async def test_nothing_of_an_answer_lives_on_with_the_runner(two: PostgresDatabase) -> None:
    class Answer:
        pass

    response = await two.read(lambda work: Answer(), NO_PORTAL)
    seen = weakref.ref(response)
    del response

    assert seen() is None


async def test_connections_that_died_at_hand_are_not_in_use(two: PostgresDatabase) -> None:
    pid = await two.read(lambda work: int(work.fetch_value(_PID)), NO_PORTAL)
    other = await asyncpg.connect(two._url)
    await other.execute("SELECT pg_terminate_backend($1)", pid)
    while await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid):
        pass
    await other.close()
    await asyncio.sleep(0)

    assert two.stats()["connections_in_use"] >= 0


async def test_an_act_that_is_undone_for_a_deadlock_lets_the_others_go_first(postgres_database: str) -> None:
    database = PostgresDatabase(postgres_database, password=None, clock=lambda: datetime.now(UTC))
    await database.open()
    lock = Statement(text("SELECT pg_advisory_xact_lock(:key)"), across_portals=True)
    is_free = Statement(text("SELECT pg_try_advisory_xact_lock(:key)"), across_portals=True)
    found_free = []

    def taking(first: int, second: int) -> object:
        runs = 0

        def operation(work: UnitOfWork) -> None:
            nonlocal runs
            runs += 1
            if runs > 1:
                # What the other one holds until it has ended.
                found_free.append(work.fetch_value(is_free, key=second))
                return
            work.fetch_one(lock, key=first)
            work.fetch_one(_BREATHE)
            work.fetch_one(lock, key=second)
            work.fetch_one(_BREATHE)

        return operation

    try:
        for _ in range(5):
            await asyncio.gather(
                database.write(taking(1, 2), NO_PORTAL),  # type: ignore[arg-type]
                database.write(taking(2, 1), NO_PORTAL),  # type: ignore[arg-type]
            )
    finally:
        await database.close()

    assert found_free == [True] * 5
