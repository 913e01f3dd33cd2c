"""A migration killed in its midst: the database is as it was, and the next start brings it up to date."""

import asyncio
import subprocess

import asyncpg
import pytest

from app.adapters.database.lineage import head
from app.adapters.database.migrating import downgrade, migrate
from tests.support.commands import COMMAND, Earshot
from tests.support.sql import rows

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


@pytest.mark.timeout(120)
async def test_a_migration_killed_half_way_changes_nothing(on_postgres: Earshot, fresh_postgres: str) -> None:
    """It has made every table, and waits to write down its revision, when it is killed."""
    await migrate(fresh_postgres)
    await downgrade(fresh_postgres, revision="base")
    holder, watcher = await asyncpg.connect(fresh_postgres), await asyncpg.connect(fresh_postgres)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    try:
        await holder.execute("BEGIN")
        await holder.execute("LOCK TABLE alembic_version IN SHARE MODE")
        with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop
            [*COMMAND, "migrate"], cwd=on_postgres.folder, env=on_postgres.surroundings({}), stdin=subprocess.DEVNULL
        ) as process:
            async with asyncio.timeout(60):
                while await watcher.fetchval(waiting) != 1:
                    assert process.poll() is None
            process.kill()
        await holder.execute("ROLLBACK")
        async with asyncio.timeout(60):
            while await watcher.fetchval(others) != 2:
                pass
        assert await watcher.fetchval(TABLES) == 1
        assert await watcher.fetch("SELECT * FROM alembic_version") == []
    finally:
        await holder.close()
        await watcher.close()

    assert on_postgres.run("migrate").code == 0
    assert rows(fresh_postgres, "SELECT version_num FROM alembic_version") == [(head(),)]
