"""A migration killed in its midst: the database is as it was, and the next start brings it up to date."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from app.adapters.database.migrations import downgrade, migrate
from app.adapters.database.revisions import HEAD
from tests.migrations.test_released import VERSIONS, Kept, differences, everything
from tests.support.checkout import ROOT
from tests.support.commands import COMMAND, Earshot
from tests.support.sql import rows

TOMORROW = '''
"""Posts are built anew, and half-way, with that on the disk, somebody is waited for."""

import os

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A cache of one page: what is changed is written to the disk long before the commit.
    op.execute("PRAGMA cache_size = 1")
    op.execute("PRAGMA cache_spill = 1")
    # A trigger of another table reads posts, which SQLite does not rename meanwhile.
    trigger = "post_search_texts_insert"
    query = sa.text("SELECT sql FROM sqlite_master WHERE name = :name")
    create_trigger = op.get_bind().execute(query, {"name": trigger}).scalar_one()
    op.execute(f"DROP TRIGGER {trigger}")
    with op.batch_alter_table("posts", recreate="always") as batch_op:
        batch_op.add_column(sa.Column("colour", sa.String(16), server_default="grey", nullable=False))
    op.execute(create_trigger)
    if "HALF_WAY" in os.environ:
        open(os.environ["HALF_WAY"]).read()
    op.execute("UPDATE posts SET colour = 'blue'")
'''
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


@pytest.mark.timeout(120)
async def test_a_killed_postgresql_migration_changes_nothing(on_postgres: Earshot, fresh_postgres: str) -> None:
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
            [*COMMAND, "migrate"], cwd=on_postgres.folder, env=on_postgres.env({}), stdin=subprocess.DEVNULL
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
    assert rows(fresh_postgres, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def program_of_tomorrow(place: Path) -> Path:
    """This program with one more migration; returns the directory for PYTHONPATH."""
    for folder in ("app", "migrations"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    known = place / "app" / "adapters" / "database" / "revisions.py"
    written = known.read_text()
    assert written.count(f'"{HEAD}"') == 1
    known.write_text(written.replace(f'"{HEAD}"', f'"{HEAD}", "9999"'))
    (place / "migrations" / "versions" / "tomorrow.py").write_text(TOMORROW.replace("{head}", HEAD))
    return place


def bytes_of(path: Path) -> list[bytes]:
    """The file and its log."""
    return [one.read_bytes() for one in (path, path.with_name(path.name + "-wal")) if one.exists()]


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.timeout(120)
def test_a_killed_sqlite_migration_changes_nothing(sqlite: Earshot, tmp_path: Path, mode: str) -> None:
    """`wal` is how a server leaves its file, `delete` how one is that was loaded from a dump."""
    kept = Kept(sqlite, "sqlite", VERSIONS[-1])
    assert sqlite.run("migrate").code == 0
    path = Path(kept.url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)
    before, stood = everything(kept.url, {}), bytes_of(path)
    sqlite.settings["PYTHONPATH"] = str(program_of_tomorrow(tmp_path / "tomorrow"))
    gate = tmp_path / "half-way"
    os.mkfifo(gate)

    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        cwd=sqlite.folder,
        env=sqlite.env({"HALF_WAY": str(gate)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as process:
        end = time.monotonic() + 60
        try:
            while True:
                assert process.poll() is None
                assert time.monotonic() < end, "the migration does not run"
                with contextlib.suppress(OSError):
                    waited_for = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
                    break
            half_way = bytes_of(path)
        finally:
            process.kill()
    os.close(waited_for)

    assert half_way != stood, "nothing had been written yet"
    assert everything(kept.url, {}) == before
    assert rows(kept.url, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert rows(kept.url, "PRAGMA quick_check") == [("ok",)]
    assert rows(kept.url, "PRAGMA foreign_key_check") == []

    with sqlite.serving() as serving:
        assert serving.end() == 0
    assert rows(kept.url, "SELECT version_num FROM alembic_version") == [("9999",)]
    assert rows(kept.url, "SELECT DISTINCT colour FROM posts") == [("blue",)]
    after = everything(kept.url, {})
    assert differences(before, after) == set()
