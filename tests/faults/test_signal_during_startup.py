"""SIGTERM while a server starts, at many moments: it ends with success and in time, and nothing is half-made.

MOMENTS=100 ./manage test tests/faults/test_signal_during_startup.py -n 0  # more of them
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from app.adapters.database.revisions import HEAD
from app.domain.models import Base
from app.domain.models.search import include_name
from tests.support.commands import COMMAND, Earshot
from tests.support.servers import Postgres
from tests.support.sql import rows

MOMENTS = int(os.environ.get("MOMENTS", "4"))
AT_ONCE = 2
LONGEST = 15.0
"""Nobody who tells a server to end must wait longer while it starts."""
_number = count(1)


class Try(NamedTuple):
    """How a start ended that was told to end, and what it left."""

    code: int | str
    output: str
    log: str
    earshot: Earshot
    url: str


def heeds(process: "subprocess.Popen[str]") -> bool:
    """Whether the process has a handler for SIGTERM; before that nothing has begun, and the system ends it."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"^SigCgt:\s+([0-9a-f]+)$", status, flags=re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)


def when_it_heeds(process: "subprocess.Popen[str]") -> str:
    while process.poll() is None and not heeds(process):
        pass
    return ""


def when_it_told_its_address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if line.startswith("  processes"):
            break
    return told


def told_to_end(
    earshot: Earshot, url: str, workers: int, ripe: Callable[["subprocess.Popen[str]"], str], pause: float
) -> Try:
    """Start a server, and tell it to end `pause` seconds after it is ripe."""
    log = earshot.folder / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--workers", str(workers)],
            cwd=earshot.folder,
            env=earshot.env({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        code: int | str = "it hangs"
        told = ripe(process)
        # Not to wait for something: the pause is the moment that is tried.
        time.sleep(pause)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(LONGEST)
        process.kill()
        told += process.stdout.read()
    return Try(code, told, log.read_text(errors="replace"), earshot, url)


def left(done: Try) -> str:
    """How far the start came: nothing, or a whole step. Anything else is half-made, and fails."""
    if done.url.startswith("sqlite") and not Path(done.url.removeprefix("sqlite:///")).exists():
        assert "Bearer" not in done.output
        return "nothing"
    names = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        if done.url.startswith("sqlite")
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    tables = {name for (name,) in rows(done.url, names) if include_name(name, "table", {})}
    if not tables:
        return "an empty database"
    assert tables == {*Base.metadata.tables, "alembic_version"}
    assert rows(done.url, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    if rows(done.url, "SELECT count(*) FROM portals") == [(0,)]:
        return "tables"
    assert rows(done.url, "SELECT count(*) FROM api_keys") == [(2,)]
    assert len(re.findall(r"Bearer \S+'", done.output)) == 2, "keys were made and never told"
    return "a portal"


@pytest.mark.parametrize(
    ("ripe", "longest"), [(when_it_heeds, 1.2), (when_it_told_its_address, 0.15)], ids=["starting", "just started"]
)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.timeout(120 + 10 * MOMENTS)
def test_sigterm_during_a_start_ends_the_process(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    compiled: Path,
    workers: int,
    ripe: Callable[["subprocess.Popen[str]"], str],
    longest: float,
) -> None:
    """One process on SQLite, two on PostgreSQL."""
    postgres: Postgres | None = request.getfixturevalue("postgres") if workers > 1 else None
    made: list[str] = []

    def attempt(moment: int) -> Try:
        folder = tmp_path / f"try-{moment}"
        folder.mkdir()
        settings, url = {"EARSHOT_RATE_LIMITS": "off"}, f"sqlite:///{folder}/data/earshot.db"
        if postgres is not None:
            made.append(f"told_{next(_number)}")
            settings["EARSHOT_DATABASE_URL"] = url = postgres.create(made[-1])
        pause = longest * moment / MOMENTS
        return told_to_end(Earshot(folder, compiled, settings), url, workers, ripe, pause)

    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            tries = list(threads.map(attempt, range(MOMENTS)))

        assert [(done.code, done.log) for done in tries if done.code != 0] == []
        assert [done.log for done in tries if "Traceback" in done.log] == []
        steps = {left(done): done for done in tries}
        if ripe is when_it_told_its_address:
            assert set(steps) == {"a portal"}
        for done in steps.values():
            with done.earshot.serving("--workers", str(workers)) as serving:
                assert serving.end() == 0
            assert json.loads(done.earshot.run("counters", "--json").out) == {"differences": [], "repaired": False}
    finally:
        for name in made:
            assert postgres is not None
            postgres.drop(name)
