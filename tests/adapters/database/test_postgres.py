"""Operations on PostgreSQL: which are retried, and how they share the connections."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text

from app.adapters.database import NO_PORTAL, utc_now
from app.adapters.database.greenlet_bridge import await_in_greenlet
from app.adapters.database.postgres import DEADLOCK_BACKOFF_SECONDS, PostgresDatabase
from app.adapters.database.unusable import DatabaseUnusable
from app.domain.errors import ForeignKeyViolation
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import UnitOfWork

_PID = Statement(text("SELECT pg_backend_pid()"), across_portals=True)
_SLEEP = Statement(text("SELECT pg_sleep(60)"), across_portals=True)
_LOCKED = Statement(text("SELECT pg_advisory_xact_lock_shared(1)"), across_portals=True)
_SHORT_SLEEP = Statement(text("SELECT pg_sleep(0.01), pg_backend_pid()"), across_portals=True)


@asynccontextmanager
async def open_database(url: str, *, most: int) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(url, password=None, clock=utc_now, most=most)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def two(postgres_database: str) -> AsyncIterator[PostgresDatabase]:
    """A database with two connections at most."""
    async with open_database(postgres_database, most=2) as database:
        yield database


@pytest.fixture
async def four(postgres_database: str) -> AsyncIterator[PostgresDatabase]:
    """A database with four connections at most, one of which is reserved for short reads."""
    async with open_database(postgres_database, most=4) as database:
        yield database


@pytest.mark.parametrize("single_statement", [True, False])
async def test_an_operation_is_retried_for_each_deleted_referenced_row(
    two: PostgresDatabase, single_statement: bool
) -> None:
    runs = 0

    def fail(work: UnitOfWork, times: int) -> str:
        nonlocal runs
        runs += 1
        if runs <= times:
            raise ForeignKeyViolation("fk_posts_section_id")
        return "done"

    # A post refers to its author, board, status, section and category.
    outcome = await two.write(lambda work: fail(work, 5), NO_PORTAL, single_statement=single_statement)
    assert (outcome, runs) == ("done", 6)

    runs = 0
    with pytest.raises(ForeignKeyViolation):
        await two.write(lambda work: fail(work, 7), NO_PORTAL, single_statement=single_statement)
    assert runs == 6


async def test_many_operations_share_few_connections(two: PostgresDatabase) -> None:
    pids = await asyncio.gather(
        *(two.read(lambda work: work.fetch_all(_SHORT_SLEEP)[0][1], NO_PORTAL) for _ in range(60))
    )

    assert len(pids) == 60
    assert len(set(pids)) <= 2


@pytest.mark.parametrize("operation", ["writes", "long reads"])
async def test_waiting_operations_leave_connections_for_short_reads(four: PostgresDatabase, operation: str) -> None:
    holder = await asyncpg.connect(four._url)
    waiting: list[asyncio.Task[object]] = []
    try:
        await holder.execute("BEGIN")
        await holder.execute("SELECT pg_advisory_xact_lock(1)")
        if operation == "writes":
            runs = [four.write(lambda work: work.fetch_value(_LOCKED), NO_PORTAL) for _ in range(20)]
        else:
            runs = [four.read(lambda work: work.fetch_value(_LOCKED), NO_PORTAL, in_thread=True) for _ in range(20)]
        waiting += [asyncio.create_task(each) for each in runs]
        while len(await active_pids(four)) < 3:
            pass

        assert await four.read(lambda work: work.fetch_value(_PID), NO_PORTAL)
        # An operation that waits for too long is rejected, and keeps no slot.
        rejected = await asyncio.wait_for(asyncio.gather(*waiting[3:], return_exceptions=True), 20)
        assert {type(each) for each in rejected} == {DatabaseUnusable}
        assert await four.read(lambda work: work.fetch_value(_PID), NO_PORTAL)

        await holder.execute("COMMIT")
        await asyncio.gather(*waiting[:3])
        assert await four.write(lambda work: work.fetch_value(_PID), NO_PORTAL)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await holder.close()


async def test_operations_that_raise_an_error_release_their_connection(two: PostgresDatabase) -> None:
    def fails(work: UnitOfWork) -> None:
        work.fetch_value(_PID)
        raise LookupError("mine")

    for _ in range(5):
        with pytest.raises(LookupError, match="mine"):
            await two.read(fails, NO_PORTAL)
        with pytest.raises(LookupError, match="mine"):
            await two.write(fails, NO_PORTAL)

    assert await two.read(lambda work: work.fetch_value(_PID), NO_PORTAL)


async def test_a_cancelled_operation_leaves_its_connection_usable(
    two: PostgresDatabase,
) -> None:
    for _ in range(3):
        waiting = [asyncio.create_task(two.read(lambda work: work.fetch_value(_SLEEP), NO_PORTAL)) for _ in range(2)]
        while len(await active_pids(two)) < 2:
            pass
        for task in waiting:
            task.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(end) for end in ended] == [asyncio.CancelledError] * 2

    assert await two.read(lambda work: work.fetch_value(_PID), NO_PORTAL)


async def test_a_connection_that_was_lost_while_idle_is_replaced(two: PostgresDatabase) -> None:
    before = await two.read(lambda work: work.fetch_value(_PID), NO_PORTAL)
    other = await asyncpg.connect(two._url)
    await other.execute("SELECT pg_terminate_backend($1)", before)
    await other.close()

    after = await two.read(lambda work: work.fetch_value(_PID), NO_PORTAL)

    assert after != before


async def test_an_operation_is_retried_when_its_connection_is_lost(
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


async def active_pids(database: PostgresDatabase) -> list[int]:
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


async def test_a_write_to_a_read_only_server_is_reported_as_at_the_start(two: PostgresDatabase) -> None:
    def write(work: UnitOfWork) -> None:
        work.fetch_value(Statement(text("SELECT set_config('transaction_read_only', 'on', true)"), across_portals=True))
        work.execute(Statement(text("CREATE TABLE written (id int)"), across_portals=True))

    with pytest.raises(DatabaseUnusable) as error:
        await two.write(write, NO_PORTAL)

    assert error.value.state == f"{two.describe()} accepts no changes"
    assert error.value.remedy.startswith("name the primary server in EARSHOT_DATABASE_URL")


async def test_the_greenlet_keeps_no_reference_to_a_result(two: PostgresDatabase) -> None:
    class Result:
        pass

    response = await two.read(lambda work: Result(), NO_PORTAL)
    seen = weakref.ref(response)
    del response

    assert seen() is None


async def test_lost_idle_connections_are_not_counted_as_in_use(two: PostgresDatabase) -> None:
    pid = await two.read(lambda work: int(work.fetch_value(_PID)), NO_PORTAL)
    other = await asyncpg.connect(two._url)
    await other.execute("SELECT pg_terminate_backend($1)", pid)
    while await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid):
        pass
    await other.close()
    await asyncio.sleep(0)

    assert two.stats()["connections_in_use"] >= 0


async def test_an_operation_is_retried_with_a_delay_after_a_deadlock(four: PostgresDatabase) -> None:
    lock = Statement(text("SELECT pg_advisory_xact_lock(:key)"), across_portals=True)
    loop, each_holds_one = asyncio.get_running_loop(), asyncio.Barrier(2)
    failed_at: list[float] = []
    retried_at: list[float] = []

    def lock_both(work: UnitOfWork, first: int, second: int) -> None:
        if failed_at:
            retried_at.append(loop.time())
            return
        work.fetch_one(lock, key=first)
        await_in_greenlet(each_holds_one.wait())
        try:
            work.fetch_one(lock, key=second)
        except asyncpg.DeadlockDetectedError:
            failed_at.append(loop.time())
            raise

    await asyncio.gather(
        four.write(lambda work: lock_both(work, 1, 2), NO_PORTAL),
        four.write(lambda work: lock_both(work, 2, 1), NO_PORTAL),
    )

    assert len(failed_at) == len(retried_at) == 1
    assert retried_at[0] - failed_at[0] >= DEADLOCK_BACKOFF_SECONDS
