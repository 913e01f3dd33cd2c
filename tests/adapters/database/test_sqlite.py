"""What only SQLite's adapter does: reading on the writing connection, and telling of other processes' writes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from app.adapters.database import NOWHERE, utc_now
from app.adapters.database.migrations import migrate
from app.adapters.database.sqlite import SqliteDatabase, WritingWhileReading, connect
from app.adapters.database.wal_checkpointer import Checkpoints
from app.adapters.database.write_queue import Turns
from app.domain.models import Portal
from app.domain.sql.statement import Statement, now
from app.domain.unit_of_work import Work

_MAKE = Statement(insert(Portal).values(title="One", guid="g", created_at=now, updated_at=now), across_portals=True)
_MAKE_AND_TELL = Statement(
    insert(Portal).values(title="One", guid="g", created_at=now, updated_at=now).returning(Portal.id),
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


def titles(work: Work) -> list[str]:
    return [row[0] for row in work.rows(_TITLES)]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("snapshot", [False, True])
async def test_an_act_that_reads_can_not_write(database: SqliteDatabase, slow: bool, snapshot: bool) -> None:
    for act in (
        lambda work: work.run(_MAKE),
        lambda work: work.run(_RENAME),
        lambda work: work.rows(_MAKE_AND_TELL),
    ):
        with pytest.raises(WritingWhileReading):
            await database.reading(act, NOWHERE, slow=slow, snapshot=snapshot)

    assert await database.reading(titles, NOWHERE) == []


async def test_what_was_written_is_read_at_once_by_every_way_of_reading(database: SqliteDatabase) -> None:
    await database.writing(lambda work: work.run(_MAKE), NOWHERE)
    in_the_loop = await database.reading(titles, NOWHERE)
    in_a_thread = await database.reading(titles, NOWHERE, slow=True)

    await database.writing(lambda work: work.run(_RENAME), NOWHERE, slow=True)
    in_a_snapshot = await database.reading(titles, NOWHERE, snapshot=True)

    assert (in_the_loop, in_a_thread, in_a_snapshot) == (["One"], ["One"], ["Another"])


async def test_a_write_by_another_process_is_told_and_an_own_one_is_not(database: SqliteDatabase) -> None:
    before = database.version()
    await database.writing(lambda work: work.run(_MAKE), NOWHERE)
    after_own = database.version()

    other = connect(database.path)
    other.execute("UPDATE portals SET title = 'Another'")
    other.close()

    assert before is not None
    assert after_own == before
    assert database.version() not in (before, None)
    assert await database.reading(titles, NOWHERE) == ["Another"]


async def test_checkpoints_go_on_after_the_disk_failed(
    database: SqliteDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failing = True

    def opened() -> sqlite3.Connection:
        if failing:
            raise OSError(5, "Input/output error")
        return connect(database.path)

    with (database.path).open("rb") as file:
        checkpoints = Checkpoints(opened, file.fileno(), Turns())
        taking = asyncio.create_task(checkpoints.keep_taking())
        try:
            while not caplog.records:  # noqa: ASYNC110  # Neither the log nor the file tells when it changes.
                await asyncio.sleep(0.05)
            assert "can't be copied" in caplog.text
            await database.writing(lambda work: work.run(_MAKE), NOWHERE)
            before = database.path.read_bytes()
            failing = False
            while database.path.read_bytes() == before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert not taking.done()
        finally:
            taking.cancel()
            with suppress(asyncio.CancelledError):
                await taking
