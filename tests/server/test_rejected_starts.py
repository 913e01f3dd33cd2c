"""Starts that fail, with a line for the cause and one for the remedy, and without a change."""

import re
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from app.adapters.database.revisions import HEAD
from tests.server.test_banner import curl, curl_lines, start_and_end
from tests.support.commands import Done, Earshot, message_of
from tests.support.messages import is_documented
from tests.support.processes import free_port
from tests.support.servers import Postgres
from tests.support.sql import script


def error_of(done: Done) -> str:
    """The message of a start that failed: its problem and its remedy, each on a line."""
    message = message_of(done)
    assert done.err.count("\n") == 2, done.err
    return message


LOCKS = {"data/serving.lock", "data/serving.earshot.db.lock"}
"""What a start that is refused after its locks leaves in an empty folder."""


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_reported_before_files_are_created(sqlite: Earshot, workers: str) -> None:
    settings = {"EARSHOT_RATE_LIMITS": "off", "EARSHOT_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = sqlite.run("serve", "--port", str(port), "--workers", workers, **(settings if workers == "2" else {}))

    assert error_of(done) == (
        f"port {port} of 127.0.0.1 is in use: end what listens there, or choose another port with --port"
    )
    assert files(sqlite.folder) == {}


def test_an_invalid_setting_prevents_the_start_with_one_line(sqlite: Earshot) -> None:
    database = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL="mysql://here")
    assert error_of(database) == (
        "EARSHOT_DATABASE_URL=mysql://here (from the environment): must begin with sqlite:/// or postgresql://: "
        "write sqlite:///path or postgresql://user:password@host/name"
    )
    assert files(sqlite.folder) == {}

    storage = sqlite.run("serve", "--port", "0", EARSHOT_STORAGE_URL="/proc/nowhere")
    assert error_of(storage) == (
        "EARSHOT_STORAGE_URL=/proc/nowhere (from the environment): folder /proc/nowhere: "
        "could not store a file (No such file or directory): "
        "make this user the owner of the folder, and check that its disk has space"
    )
    assert set(files(sqlite.folder)) == LOCKS


@pytest.mark.parametrize("options", ["db=x", "unknown=1"])
def test_an_invalid_redis_url_is_reported_before_files_are_created(sqlite: Earshot, options: str) -> None:
    address = f"redis://:password@127.0.0.1:1/0?{options}"

    assert error_of(sqlite.run("serve", "--port", "0", EARSHOT_REDIS_URL=address)) == (
        "EARSHOT_REDIS_URL=redis://:***@127.0.0.1:1/0?… (from the environment): its query has an option that the Redis "
        "client does not have: correct or remove what follows the question mark"
    )

    assert files(sqlite.folder) == {}
    done = sqlite.run("doctor", EARSHOT_REDIS_URL=address)
    assert re.search(
        r"^WRONG  Redis      .*: its query has an option that the Redis client does not have\n +-> correct or remove",
        done.out,
        flags=re.MULTILINE,
    )


def test_an_unavailable_database_is_reported(sqlite: Earshot) -> None:
    port = free_port()

    done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL=f"postgresql://me:secret@127.0.0.1:{port}/name")

    report = error_of(done)
    assert report.startswith(f"PostgreSQL, 127.0.0.1:{port}/name can't be reached: ")
    assert "secret" not in report
    assert files(sqlite.folder) == {}


def test_a_missing_database_of_a_running_server_is_reported(sqlite: Earshot, postgres: Postgres) -> None:
    done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL=postgres.url("nothing_here"))

    assert re.search(r"^PostgreSQL, .* can't be reached: database \".*nothing_here\" does not exist", error_of(done))
    assert files(sqlite.folder) == {}


def test_a_server_does_not_start_on_or_change_a_newer_sqlite_database(sqlite: Earshot) -> None:
    assert sqlite.run("migrate").code == 0
    path = sqlite.folder / "data" / "earshot.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = files(sqlite.folder)

    done = sqlite.run("serve", "--port", "0")

    assert error_of(done) == (
        f"the database is of a newer Earshot (revision 9999; this one knows {HEAD}): "
        "start that version, or restore a backup"
    )
    assert files(sqlite.folder) == before


def test_a_server_does_not_start_on_a_newer_postgresql_database(on_postgres: Earshot, fresh_postgres: str) -> None:
    script(
        fresh_postgres,
        "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('9999')",
    )

    assert error_of(on_postgres.run("serve", "--port", "0")).startswith("the database is of a newer Earshot")
    assert files(on_postgres.folder) == {}


def test_a_file_that_is_not_a_database_is_rejected_unchanged(sqlite: Earshot) -> None:
    path = sqlite.folder / "data" / "earshot.db"
    path.parent.mkdir()
    path.write_bytes(b"These are my notes, and no database at all." * 100)
    before = files(sqlite.folder)

    done = sqlite.run("serve", "--port", "0")

    assert error_of(done) == (
        f"{path} is no SQLite database or is damaged (file is not a database): "
        "restore a backup, or move it away to begin anew"
    )
    assert files(sqlite.folder) == before


@pytest.mark.parametrize("table", ["posts", "customers"], ids=["name of a table of Earshot", "other name"])
def test_a_database_of_another_program_is_rejected_unchanged(sqlite: Earshot, table: str) -> None:
    path = sqlite.folder / "theirs.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE {table} (mine TEXT)")
    connection.close()
    before = files(sqlite.folder)

    done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL=f"sqlite:///{path}")

    assert error_of(done) == (
        f"the database has a table '{table}' that is not Earshot's: name an empty database in EARSHOT_DATABASE_URL"
    )
    assert files(sqlite.folder) == before


def test_an_unwritable_data_directory_is_reported(sqlite: Earshot) -> None:
    (sqlite.folder / "data").write_text("a file where a folder should be")

    done = sqlite.run("serve", "--port", "0", EARSHOT_DATABASE_URL=f"sqlite:///{sqlite.folder}/other/earshot.db")

    assert error_of(done) == (
        f"the data directory {sqlite.folder}/data can't be used, because {sqlite.folder}/data is no folder: "
        "move this file away, or choose another folder with EARSHOT_DATA_DIR"
    )
    assert list(files(sqlite.folder)) == ["data"]


def test_a_second_server_on_a_data_directory_does_not_start(sqlite: Earshot) -> None:
    with sqlite.serving() as first:
        done = sqlite.run("serve", "--port", "0")

        assert error_of(done) == (
            f"another server (process {first.process.pid}) runs on the data directory {sqlite.folder}/data: stop it, "
            "or give the second one another EARSHOT_DATA_DIR, or set EARSHOT_REDIS_URL so that both count requests "
            "together, or set EARSHOT_RATE_LIMITS=off"
        )
        with sqlite.serving(EARSHOT_DATA_DIR="other") as second:
            assert second.end() == 0
        database = {"EARSHOT_DATABASE_URL": f"sqlite:///{sqlite.folder}/other.db"}
        assert "another EARSHOT_DATA_DIR and EARSHOT_DATABASE_URL, or" in error_of(
            sqlite.run("serve", "--port", "0", **database)
        )
    start_and_end(sqlite)


@pytest.mark.parametrize("shared", ["redis", "off"])
def test_a_second_server_starts_if_limits_are_shared_or_off(
    sqlite: Earshot, shared: str, request: pytest.FixtureRequest
) -> None:
    settings = {"EARSHOT_RATE_LIMITS": "off"}
    if shared == "redis":
        settings = {"EARSHOT_REDIS_URL": request.getfixturevalue("redis").url}

    with sqlite.serving(**settings) as first, sqlite.serving(**settings) as second:
        of_productlift, _ = curl_lines(first)
        assert curl(of_productlift.replace(first.address, second.address)) == curl(of_productlift)
        assert (second.end(), first.end()) == (0, 0)


@pytest.mark.parametrize(
    ("option", "value", "state", "remedy"),
    [
        ("--port", "abc", "must be a whole number", "write a number from 0 to 65535"),
        ("--port", "8000.0", "must be a whole number", "write a number from 0 to 65535"),
        ("--port", "\u0668", "must be a whole number", "write a number from 0 to 65535"),
        ("--port", "99999", "must be at most 65535", "write a number from 0 to 65535"),
        ("--workers", "-1", "must be at least 1", "write a number from 1 to 64"),
        ("--workers", "9" * 5000, "must be at most 64", "write a number from 1 to 64"),
    ],
)
def test_an_invalid_number_is_reported_with_its_option_and_the_range(
    sqlite: Earshot, option: str, value: str, state: str, remedy: str
) -> None:
    done = sqlite.run("serve", option, value)

    shown = value if len(value) < 100 else f"{value[:100]}…"
    assert done == (2, "", f"earshot: {option} {shown}: {state}\n  -> {remedy}\n")
    assert is_documented(state)
    assert list(sqlite.folder.iterdir()) == []


def test_a_malformed_line_of_the_settings_file_prevents_every_command(sqlite: Earshot) -> None:
    (sqlite.folder / ".env").write_text("# of this server\n\nEARSHOT_PORT 9000\n")
    state = f"line 3 of the file {sqlite.folder}/.env is not of the form NAME=value"

    for command in (["serve"], ["migrate"], ["settings"], ["users", "list"]):
        assert error_of(sqlite.run(*command)).startswith(f"{state}: write it such as EARSHOT_PORT=8000")
    doctor = sqlite.run("doctor")

    assert doctor.code == 1
    assert doctor.out.startswith(f"WRONG  settings   {state}\n")
    assert "python-dotenv" not in doctor.err
    assert [path.name for path in sqlite.folder.iterdir()] == [".env"]


def test_a_deleted_working_directory_is_reported(sqlite: Earshot) -> None:
    problem = "the current directory does not exist any more\n{}-> change to a directory that exists, and try again\n"

    def run(*arguments: str) -> Done:
        gone = sqlite.folder / "gone"
        gone.mkdir()
        # The process starts in the directory, which is removed before the command begins.
        command = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *sqlite.command, *arguments]
        done = subprocess.run(command, cwd=gone, env=sqlite.env({}), capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    for arguments in (["serve", "--port", "0"], ["users", "list"], ["settings"]):
        assert run(*arguments) == (1, "", "earshot: " + problem.format("  "))
    assert run("doctor") == (
        1,
        "WRONG  settings   " + problem.format(" " * 19),
        "earshot: problems found in: settings\n",
    )
    assert list(sqlite.folder.iterdir()) == []
