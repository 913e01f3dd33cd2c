"""SQLite's file locked, without room, read-only or damaged: a 503 or one line at the start, the file untouched."""

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.adapters.database import NO_PORTAL, utc_now
from app.adapters.database.sqlite import BUSY_TIMEOUT_SECONDS, SqliteDatabase
from tests.faults.test_crash_recovery import keys_of
from tests.server.test_rejected_starts import error_of
from tests.support.commands import Earshot, Serving
from tests.support.continuous_writers import Caller, Response, is_unavailable
from tests.support.disk_faults import fill, read_only, small_disk, write_protected
from tests.support.sql import rows

DIALECTS = ("astuto", "productlift")
BEFORE = [f"Before, by {dialect}" for dialect in DIALECTS]
AFTER = [f"After, by {dialect}" for dialect in DIALECTS]
NO_LIMITS = {"EARSHOT_RATE_LIMITS": "off"}


@contextmanager
def calling(serving: Serving, keys: dict[str, str]) -> Iterator[Caller]:
    with closing(Caller(serving.port, keys)) as caller:
        yield caller


def write(caller: Caller, dialect: str, title: str, **more: Any) -> Response:
    return caller.send(dialect, "POST", "/posts", {"title": title, "board_id": 1, **more})


def write_each(caller: Caller, titles: Sequence[str]) -> None:
    """Write one post in each dialect."""
    posts = zip(DIALECTS, titles, strict=True)
    assert [write(caller, dialect, title).status for dialect, title in posts] == [201, 200]


def titles(path: Path) -> list[str]:
    return [title for (title,) in rows(f"sqlite:///{path}", "SELECT title FROM posts ORDER BY id")]


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> tuple[Path, dict[str, str]]:
    """Where a server has been started once, and a post written in each dialect; and the keys."""
    place = Earshot(tmp_path_factory.mktemp("beginning"), compiled, NO_LIMITS)
    with place.serving() as serving:
        keys = keys_of(serving)
        with calling(serving, keys) as caller:
            write_each(caller, BEFORE)
        assert serving.end() == 0
    return place.folder, keys


@pytest.fixture
def begun(sqlite: Earshot, beginning: tuple[Path, dict[str, str]]) -> dict[str, str]:
    """That beginning in this test's folder: the keys."""
    folder, keys = beginning
    sqlite.settings.update(NO_LIMITS)
    shutil.copytree(folder / "data", sqlite.folder / "data")
    return keys


@pytest.fixture
def path(sqlite: Earshot) -> Path:
    return sqlite.folder / "data" / "earshot.db"


def test_writes_to_a_locked_file_return_503_and_reads_continue(
    sqlite: Earshot, begun: dict[str, str], path: Path
) -> None:
    """Many writes at once wait no longer than one: each counts from its own arrival."""
    many = 6
    with sqlite.serving() as serving, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(many) as threads:
            together = threading.Barrier(many + 1, timeout=30)

            def wait(number: int) -> tuple[str, Response]:
                dialect = DIALECTS[number % 2]
                with calling(serving, begun) as caller:
                    together.wait()
                    return dialect, write(caller, dialect, f"Locked out {number}")

            waiting = [threads.submit(wait, number) for number in range(many)]
            together.wait()
            with calling(serving, begun) as caller:
                assert [caller.send(dialect, "GET", "/posts").status for dialect in DIALECTS] == [200, 200]
            responses = [one.result(timeout=2 * BUSY_TIMEOUT_SECONDS) for one in waiting]
        other.execute("ROLLBACK")

        assert [response for dialect, response in responses if not is_unavailable(dialect, response)] == []
        with calling(serving, begun) as caller:
            write_each(caller, AFTER)
        assert serving.end() == 0
    assert titles(path) == BEFORE + AFTER


async def test_a_short_lock_does_not_prevent_a_start(sqlite_template: Path) -> None:
    """Whoever opens a file after a kill brings its log home, and holds it meanwhile."""
    other = sqlite3.connect(sqlite_template, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA locking_mode = exclusive")
    other.execute("BEGIN EXCLUSIVE")
    soon = threading.Timer(0.2, other.close)
    soon.start()
    database = SqliteDatabase(sqlite_template, clock=utc_now)
    try:
        await database.open()

        assert await database.write(lambda work: work.engine, NO_PORTAL) == "sqlite"
        await database.close()
    finally:
        soon.join()


def test_a_start_on_a_locked_file_reports_the_lock(sqlite: Earshot, begun: dict[str, str], path: Path) -> None:
    before = path.read_bytes()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = exclusive")
        other.execute("BEGIN EXCLUSIVE")

        done = sqlite.run("serve", "--port", "0")

        assert error_of(done) == f"SQLite can't open {path} (database is locked): end the other process that holds it"
        other.execute("ROLLBACK")
    assert path.read_bytes() == before


def test_a_full_disk_causes_503_for_writes_only_until_space_is_free(sqlite: Earshot) -> None:
    sqlite.settings.update(NO_LIMITS)
    with small_disk(sqlite.folder / "disk", "6m") as disk:
        path = disk / "earshot.db"
        sqlite.settings["EARSHOT_DATABASE_URL"] = f"sqlite:///{path}"
        with sqlite.serving() as serving, calling(serving, keys_of(serving)) as caller:
            stood = [*BEFORE]
            write_each(caller, BEFORE)
            ballast = fill(disk)

            full: set[str] = set()
            for number in range(2000):
                dialect = DIALECTS[number % 2]
                response = write(caller, dialect, f"Full {number}", description="room " * 2000)
                if response.status in (200, 201):
                    stood.append(f"Full {number}")
                    continue
                assert is_unavailable(dialect, response), response
                full.add(dialect)
                if full == set(DIALECTS):
                    break
            assert full == set(DIALECTS)
            assert [caller.send(dialect, "GET", "/posts?limit=1").status for dialect in DIALECTS] == [200, 200]
            assert caller.send("productlift", "GET", "/posts?limit=1").json()["total"] == len(stood)

            ballast.unlink()
            write_each(caller, AFTER)
            stood += AFTER
            assert serving.end() == 0
        assert titles(path) == stood
        assert rows(f"sqlite:///{path}", "PRAGMA quick_check") == [("ok",)]
        assert json.loads(sqlite.run("counters", "--json").out) == {"differences": [], "repaired": False}


def test_a_first_start_on_a_full_disk_reports_it(sqlite: Earshot) -> None:
    with small_disk(sqlite.folder / "disk", "1m") as disk:
        ballast = fill(disk)

        done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL=f"sqlite:///{disk}/earshot.db")

        assert error_of(done) == (
            "the database could not be migrated, and is unchanged (database or disk is full): make room on its disk"
        )
        ballast.unlink()
        with sqlite.serving(EARSHOT_DATABASE_URL=f"sqlite:///{disk}/earshot.db") as serving:
            assert serving.end() == 0


@pytest.mark.parametrize("stage", ["secret", "migration", "first portal"])
def test_a_start_after_a_full_disk_completes_the_first_start(sqlite: Earshot, stage: str) -> None:
    assert sqlite.run("migrate").code == 0
    migrated = (sqlite.folder / "data" / "earshot.db").stat().st_size
    free = {"secret": 0, "migration": 64 * 1024, "first portal": migrated + 80 * 1024}[stage]
    with small_disk(sqlite.folder / "disk", "8m") as disk:
        data = disk / "data"
        ballast = fill(disk)
        os.truncate(ballast, ballast.stat().st_size - free)

        message = error_of(sqlite.run("serve", "--port", "0", EARSHOT_DATA_DIR=str(data)))

        left = {path.name: path.stat().st_size for path in data.iterdir() if not path.name.startswith("serving.")}
        assert (message.partition(" (")[0], left) == {
            "secret": (f"the secret {data}/secret.key can't be read or created", {}),
            "migration": ("the database could not be migrated, and is unchanged", {"secret.key": 64, "earshot.db": 0}),
            "first portal": ("SQLite can't use its file", {"secret.key": 64, "earshot.db": migrated}),
        }[stage]
        ballast.unlink()
        with sqlite.serving(EARSHOT_DATA_DIR=str(data)) as serving, calling(serving, keys_of(serving)) as caller:
            write_each(caller, BEFORE)
            assert serving.end() == 0
        assert sqlite.run("doctor", EARSHOT_DATA_DIR=str(data)).out.count("WRONG") == 1, "only the room is too small"


def test_a_server_on_a_read_only_folder_does_not_start(sqlite: Earshot, begun: dict[str, str], path: Path) -> None:
    place = sqlite.folder / "theirs"
    place.mkdir()
    moved = path.rename(place / "earshot.db")
    before = moved.read_bytes()

    with read_only(place):
        done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL=f"sqlite:///{moved}")

    assert error_of(done) == (
        f"SQLite can't open {moved} (unable to open database file): "
        "check that it is a file, and that this user may write to it and to its folder"
    )
    assert {one.name: one.read_bytes() for one in place.iterdir()} == {"earshot.db": before}


def test_a_server_on_a_read_only_file_does_not_start(sqlite: Earshot, begun: dict[str, str], path: Path) -> None:
    before = path.read_bytes()

    with write_protected(path):
        done = sqlite.run("serve", "--port", "0")

    assert error_of(done) == (
        f"the file {path} is read-only: make this user its owner, and remove its write protection"
    )
    assert [one.read_bytes() for one in path.parent.glob("earshot.db*")] == [before]
    with sqlite.serving() as serving:
        assert serving.end() == 0


def test_a_file_that_becomes_read_only_causes_503_for_writes_only(
    sqlite: Earshot, begun: dict[str, str], path: Path
) -> None:
    """As a disk does that its system mounts anew, for reading only, after an error."""
    log = path.with_name("earshot.db-wal")
    with sqlite.serving() as serving, calling(serving, begun) as caller:
        assert write(caller, "astuto", "Still writable").status == 201
        with write_protected(path, log):
            before = path.read_bytes(), log.read_bytes()
            for dialect in DIALECTS:
                for number in range(3):
                    response = write(caller, dialect, f"Refused {number}")
                    assert is_unavailable(dialect, response), response
                    assert caller.send(dialect, "GET", "/posts").status == 200
            assert (path.read_bytes(), log.read_bytes()) == before

        write_each(caller, AFTER)
        assert serving.end() == 0
    assert titles(path) == [*BEFORE, "Still writable", *AFTER]
    assert rows(f"sqlite:///{path}", "PRAGMA quick_check") == [("ok",)]
    assert json.loads(sqlite.run("counters", "--json").out) == {"differences": [], "repaired": False}


def damage(path: Path, how: str) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        if how in ("cut short", "cut to a page"):
            file.truncate(size // 2 if how == "cut short" else 4096)
            return
        file.seek({"header": 0, "schema": 100}[how])
        file.write(os.urandom(100) if how == "header" else b"\xff" * 3000)


@pytest.mark.parametrize("how", ["cut short", "header", "schema"])
def test_a_server_on_a_damaged_file_does_not_start_or_change_it(
    sqlite: Earshot, begun: dict[str, str], path: Path, how: str
) -> None:
    damage(path, how)
    before = path.read_bytes()

    message = error_of(sqlite.run("serve", "--port", "0"))

    assert message.startswith(f"{path} is no SQLite database or is damaged (")
    assert message.endswith(
        "): restore a backup, or move it away to begin anew"
        if how == "header"
        else "): stop the server and restore a backup; without one, save what"
        " can be read with .recover of sqlite.org's sqlite3"
    )
    assert path.read_bytes() == before


def page_of(path: Path, table: str) -> tuple[int, int]:
    """Where the table's first page lies in the file, and how long it is."""
    url = f"sqlite:///{path}"
    ((root,),) = rows(url, f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'")
    ((size,),) = rows(url, "PRAGMA page_size")
    return (root - 1) * size, size


def test_a_damaged_page_causes_503_only_for_requests_that_need_it(
    sqlite: Earshot, begun: dict[str, str], path: Path
) -> None:
    place, size = page_of(path, "posts")
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xa5" * size)

    with sqlite.serving() as serving, calling(serving, begun) as caller:
        responses = {
            (dialect, method): caller.send(dialect, method, "/posts", sent)
            for dialect in DIALECTS
            for method, sent in (("GET", None), ("POST", {"title": "On ruins", "board_id": 1}))
        }
        assert [request for request, response in responses.items() if not is_unavailable(request[0], response)] == []
        assert caller.send("astuto", "GET", "/boards").status == 200
        assert caller.send("productlift", "GET", "/statuses").status == 200
        assert serving.end() == 0
    assert path.read_bytes()[place : place + size] == b"\xa5" * size
    done = sqlite.run("doctor")
    assert done.code == 1
    assert "is damaged" in done.out


@pytest.mark.parametrize("how", ["cut short", "cut to a page", "header"])
def test_a_server_continues_if_its_file_is_damaged(
    sqlite: Earshot, begun: dict[str, str], path: Path, how: str
) -> None:
    # Nothing reads the file at the moment when it is cut: SQLite maps it into memory, and the system ends a process
    # that reads a page that is gone.
    with sqlite.serving(EARSHOT_OUTBOX="off") as serving, calling(serving, begun) as caller:
        # It tells its address before it opens the file; who is answered knows that it has.
        assert caller.send("astuto", "GET", "/boards").status == 200
        damage(path, how)

        for dialect in DIALECTS:
            for _ in range(3):
                response = caller.send(dialect, "GET", "/posts")
                assert response.status == 200 or is_unavailable(dialect, response), response
                response = write(caller, dialect, "Whatever")
                assert response.status in (200, 201) or is_unavailable(dialect, response), response
        assert serving.process.poll() is None
        assert serving.end() == 0
