"""SQLite: reads on the writing connection, reports of writes by other processes, checkpoints."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from app.adapters.database import NO_PORTAL, utc_now
from app.adapters.database.migrations import migrate
from app.adapters.database.sqlite import VERSION_TTL_SECONDS, SqliteDatabase, WriteInReadOperation, connect
from app.adapters.database.wal_checkpointer import WalCheckpointer
from app.adapters.database.write_queue import WriteQueue
from app.domain.models import Portal
from app.domain.sql.statement import NOW, Statement
from app.domain.unit_of_work import UnitOfWork

_INSERT = Statement(insert(Portal).values(title="One", guid="g", created_at=NOW, updated_at=NOW), across_portals=True)
_INSERT_RETURNING = Statement(
    insert(Portal).values(title="One", guid="g", created_at=NOW, updated_at=NOW).returning(Portal.id),
    across_portals=True,
)
_RENAME = Statement(update(Portal).values(title="Another"), across_portals=True)
_TITLES = Statement(select(Portal.title), across_portals=True)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    path = tmp_path / "earshot.db"
    await migrate(f"sqlite:///{path}")
    opened = SqliteDatabase(path, clock=utc_now)
    await opened.open()
    yield opened
    await opened.close()


def titles(work: UnitOfWork) -> list[str]:
    return [row[0] for row in work.fetch_all(_TITLES)]


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize("snapshot", [False, True])
async def test_a_read_operation_can_not_write(database: SqliteDatabase, in_thread: bool, snapshot: bool) -> None:
    for operation in (
        lambda work: work.execute(_INSERT),
        lambda work: work.execute(_RENAME),
        lambda work: work.fetch_all(_INSERT_RETURNING),
    ):
        with pytest.raises(WriteInReadOperation):
            await database.read(operation, NO_PORTAL, in_thread=in_thread, snapshot=snapshot)

    assert await database.read(titles, NO_PORTAL) == []


async def test_a_write_is_visible_to_every_kind_of_read(database: SqliteDatabase) -> None:
    await database.write(lambda work: work.execute(_INSERT), NO_PORTAL)
    in_the_loop = await database.read(titles, NO_PORTAL)
    in_a_thread = await database.read(titles, NO_PORTAL, in_thread=True)

    await database.write(lambda work: work.execute(_RENAME), NO_PORTAL, in_thread=True)
    in_a_snapshot = await database.read(titles, NO_PORTAL, snapshot=True)

    assert (in_the_loop, in_a_thread, in_a_snapshot) == (["One"], ["One"], ["Another"])


async def test_only_a_write_of_another_process_changes_the_write_version(database: SqliteDatabase) -> None:
    before = database.write_version()
    await database.write(lambda work: work.execute(_INSERT), NO_PORTAL)
    after_own = database.write_version()

    other = connect(database.path)
    other.execute("UPDATE portals SET title = 'Another'")
    other.close()
    await asyncio.sleep(2 * VERSION_TTL_SECONDS)

    assert before is not None
    assert after_own == before
    assert database.write_version() not in (before, None)
    assert await database.read(titles, NO_PORTAL) == ["Another"]


async def test_checkpoints_are_retried_after_a_disk_error(
    database: SqliteDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failing = True

    def open_connection() -> sqlite3.Connection:
        if failing:
            raise OSError(5, "Input/output error")
        return connect(database.path)

    with (database.path).open("rb") as file:
        checkpointer = WalCheckpointer(open_connection, file.fileno(), WriteQueue())
        running = asyncio.create_task(checkpointer.run())
        try:
            while not caplog.records:  # noqa: ASYNC110  # Neither the log nor the file tells when it changes.
                await asyncio.sleep(0.05)
            assert "can't be copied" in caplog.text
            await database.write(lambda work: work.execute(_INSERT), NO_PORTAL)
            before = database.path.read_bytes()
            failing = False
            while database.path.read_bytes() == before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert not running.done()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
