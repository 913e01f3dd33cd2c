"""An upgrade of a database that is newest, newer, broken, or upgraded by several servers at once."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from app.adapters.database.migrations import migrate
from app.adapters.database.revisions import HEAD, NewerDatabase
from app.domain.models import Base
from tests.migrations.test_migrations import blank, filled, revisions, rows, run_sql, tables

__all__ = ["blank", "filled"]


async def test_a_database_at_the_newest_revision_stays_unchanged(filled: str, tmp_path: Path) -> None:
    before = await rows(filled)

    await migrate(filled)

    assert await rows(filled) == before


async def test_a_database_of_a_newer_version_is_rejected_unchanged(filled: str) -> None:
    before = await rows(filled)
    await run_sql(filled, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(NewerDatabase) as error:
        await migrate(filled)

    assert str(error.value) == (
        f"the database is of a newer Earshot (revision 9999; this one knows {HEAD}): "
        "start that version, or restore a backup"
    )
    assert await rows(filled) == before
    assert await run_sql(filled, "SELECT version_num FROM alembic_version") == [("9999",)]


async def test_a_failed_migration_changes_nothing(blank: str) -> None:
    await run_sql(blank, "CREATE TABLE votes (id INTEGER)")

    with pytest.raises(DBAPIError):
        await migrate(blank)

    assert await tables(blank) == {"votes"}


async def test_concurrently_started_servers_migrate_once(blank: str) -> None:
    together = threading.Barrier(4)

    def start() -> None:
        together.wait()
        asyncio.run(migrate(blank))

    with ThreadPoolExecutor(4) as threads:
        for started in [threads.submit(start) for _ in range(4)]:
            await asyncio.to_thread(started.result)

    assert await tables(blank) == {*Base.metadata.tables, "alembic_version"}
    assert revisions()[-1] == HEAD
