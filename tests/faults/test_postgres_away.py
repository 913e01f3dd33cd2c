"""PostgreSQL stopped and started under load, and a pool that is used up: told in each dialect's words, never a hang."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import asyncpg
import pytest

from app.adapters.database.postgres import POOL_TIMEOUT_SECONDS
from tests.faults.test_crash_recovery import keys_of, wrong_counters
from tests.support.commands import Earshot
from tests.support.continuous_writers import Caller, Response, is_unavailable, writing
from tests.support.requirements import need
from tests.support.servers import Postgres
from tests.support.sql import rows, script
from tests.support.write_journal import Journal

POOL = 4
WRITES = POOL * 3 // 4
"""Connections that writes may have; the rest is for short reads."""
WRITERS = 6
DIALECTS = ("astuto", "productlift")
OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'earshot'"


@pytest.fixture
def small_pool(on_postgres: Earshot, fresh_postgres: str) -> Earshot:
    """A server of fewer connections than there are clients, whose acknowledged writes outlive a crash of PostgreSQL."""
    # The server of the tests is set up to forget the last moment, which no installation's is.
    script(fresh_postgres, "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', "
           "current_database()); END$$")  # fmt: skip
    on_postgres.settings |= {"EARSHOT_RATE_LIMITS": "off", "EARSHOT_DATABASE_CONNECTIONS": str(POOL)}
    return on_postgres


def test_a_restart_of_postgresql_causes_503_until_it_is_available(
    small_pool: Earshot, fresh_postgres: str, postgres: Postgres
) -> None:
    need("a PostgreSQL of the tests' own", postgres.ours, "it is stopped and started again")
    journal = Journal()
    with small_pool.serving() as serving:
        keys = keys_of(serving)
        with writing(serving.port, keys, fresh_postgres, journal, writers=WRITERS, outlast=True):
            for mode in ("fast", "immediate", "fast", "immediate"):
                journal.await_outcomes("acknowledged", 30)
                postgres.stop(mode)
                try:
                    for dialect in DIALECTS:
                        journal.await_outcomes(f"{dialect} 503", 10)
                finally:
                    postgres.start()
                journal.await_outcomes("acknowledged", 30)

        ((connections,),) = rows(fresh_postgres, f"SELECT count(*) {OURS}")
        assert connections <= POOL
        assert rows(fresh_postgres, f"SELECT count(*) {OURS} AND state LIKE 'idle in transaction%'") == [(0,)]
        assert journal.differences(fresh_postgres) == []
        every_connection_still_serves(serving.port, keys, fresh_postgres)
        assert serving.end() == 0
    assert journal.wrong == []
    assert journal.cut == 0
    assert all(journal.outcomes[f"{dialect} again"] for dialect in DIALECTS)
    assert wrong_counters(fresh_postgres) == []
    print(f"\n4 stops: {dict(journal.outcomes)}; {connections} connections of {POOL} at the end")


def every_connection_still_serves(port: int, keys: dict[str, str], url: str) -> None:
    """As many acts as the pool has connections are at work at once, while the table that they need is locked."""
    asyncio.run(_used_up(port, keys, url, beyond=0))


async def _used_up(port: int, keys: dict[str, str], url: str, *, beyond: int) -> list[tuple[str, Response]]:
    """Use the whole pool, ask `beyond` it, then let go; the answers from beyond."""

    def send_request(number: int) -> tuple[str, Response]:
        dialect = DIALECTS[number % 2]
        with closing(Caller(port, keys)) as caller:
            if number % POOL < WRITES:
                return dialect, caller.send(dialect, "POST", "/posts", {"title": f"Queued {number}", "board_id": 1})
            return dialect, caller.send(dialect, "GET", "/posts")

    loop = asyncio.get_running_loop()
    holder = await asyncpg.connect(url)
    watcher = await asyncpg.connect(url)
    try:
        with ThreadPoolExecutor(POOL + beyond) as threads:
            try:
                await holder.execute("BEGIN")
                await holder.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
                held = [loop.run_in_executor(threads, send_request, number) for number in range(POOL)]
                async with asyncio.timeout(30):
                    while await watcher.fetchval(f"SELECT count(*) {OURS} AND wait_event_type = 'Lock'") != POOL:
                        assert not any(one.done() for one in held)
                further = [loop.run_in_executor(threads, send_request, number) for number in range(beyond)]
                async with asyncio.timeout(5 * POOL_TIMEOUT_SECONDS):
                    responses = list(await asyncio.gather(*further))
            finally:
                await holder.execute("ROLLBACK")
            async with asyncio.timeout(30):
                served = await asyncio.gather(*held)
    finally:
        await holder.close()
        await watcher.close()
    statuses = [201 if number < WRITES and dialect == "astuto" else 200 for number, (dialect, _) in enumerate(served)]
    assert [response.status for _, response in served] == statuses
    return responses


async def test_an_exhausted_connection_pool_causes_503_and_recovers(small_pool: Earshot, fresh_postgres: str) -> None:
    """Many that come at once are told together, not one after the other."""
    with small_pool.serving() as serving:
        keys = keys_of(serving)

        responses = await _used_up(serving.port, keys, fresh_postgres, beyond=12)

        assert [response for dialect, response in responses if not is_unavailable(dialect, response)] == []
        with closing(Caller(serving.port, keys)) as caller:
            statuses = [caller.send(dialect, "GET", "/posts").status for dialect in DIALECTS]
        assert statuses == [200, 200]
        assert serving.end() == 0
    assert rows(fresh_postgres, "SELECT count(*) FROM posts") == [(WRITES,)]
    assert wrong_counters(fresh_postgres) == []
