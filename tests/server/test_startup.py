"""What the first start makes, what later starts print, and which starts fail without a change."""

import json
import re
import shutil
import socket
import sqlite3
import stat
from pathlib import Path

import pytest

from app.adapters.database.revisions import HEAD
from tests.faults.test_crash_recovery import url_of
from tests.server.test_banner import curl, curl_lines, start_and_end
from tests.server.test_serve import key_of, send_request
from tests.support.commands import Done, Earshot, Serving, message_of
from tests.support.processes import free_port
from tests.support.servers import Postgres
from tests.support.sql import script


def test_only_the_first_start_prints_the_keys(earshot: Earshot) -> None:
    first = start_and_end(earshot)
    second = start_and_end(earshot)

    assert re.search(r"^  ProductLift  1\|[0-9A-Za-z]{40}$", first.output, flags=re.MULTILINE)
    assert re.search(r"^  Astuto       tkn_admin_[1-9A-HJ-NP-Za-km-z]{30}$", first.output, flags=re.MULTILINE)
    lines = second.output.splitlines()
    where = lines[2].removeprefix("  database   ")
    assert lines[0].startswith("Earshot ")
    assert lines[1:] == [
        f"  address    {second.address}  (interactive documents: {second.address}/docs)",
        f"  database   {where}",
        f"  data       {earshot.folder}/data",
        "  uploads    in the data directory",
        "  limits     ProductLift 60 in 60 s a key; Astuto 100 in 300 s a key, 100 in 300 s an address; "
        "counted in this process",
        "  processes  1",
    ]
    assert where == f"SQLite, {earshot.folder}/data/earshot.db" or where.startswith("PostgreSQL, ")


def test_the_keys_are_not_logged(sqlite: Earshot) -> None:
    with sqlite.serving() as serving:
        for line in curl_lines(serving):
            curl(line)
        assert serving.end() == 0

    logged = serving.log.read_text()
    keys = re.findall(r"Bearer (\S+)'", serving.output)
    assert len(keys) == 2
    assert [key for key in keys if key in logged] == []
    *lines, last = [json.loads(line) for line in logged.splitlines()]
    assert (last["logger"], last["level"], last["event"]) == ("earshot.serving", "info", "ended")
    assert [
        (line["dialect"], line["portal"], line["key"], line["method"], line["route"], line["status"]) for line in lines
    ] == [
        ("productlift", 1, "1|", "GET", "/posts", 200),
        ("astuto", 1, keys[1][:16], "GET", "/posts", 200),
    ]


def test_the_secret_key_is_readable_only_by_the_user_of_the_server(sqlite: Earshot) -> None:
    serving = start_and_end(sqlite, EARSHOT_TRUSTED_PROXIES="10.0.0.0/8", EARSHOT_LIMIT_ASTUTO_KEY="5/minute")

    # Settings without a mistake.
    assert startup_warnings(serving) == []
    secret = sqlite.folder / "data" / "secret.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(secret.read_text()) == 64


def startup_warnings(serving: Serving) -> list[tuple[str, str]]:
    """The warnings of a server that has ended, each with its remedy."""
    lines = map(json.loads, serving.log.read_text().splitlines())
    return [(line["event"], line["remedy"]) for line in lines if line["level"] == "warning"]


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_a_start_logs_the_problems_that_the_doctor_finds_in_settings(sqlite: Earshot, everybody: str) -> None:
    serving = start_and_end(sqlite, EARSHOT_LIMIT_ASTUTO_KEYS="5/minute", EARSHOT_TRUSTED_PROXIES=everybody)

    report = json.loads(
        sqlite.run("doctor", "--json", EARSHOT_LIMIT_ASTUTO_KEYS="5/minute", EARSHOT_TRUSTED_PROXIES=everybody).out
    )
    assert startup_warnings(serving) == [
        (each["state"], each["remedy"]) for each in report["findings"] if not each["well"]
    ]
    assert startup_warnings(serving) == [
        (
            "EARSHOT_LIMIT_ASTUTO_KEYS is set, but is not a setting",
            "did you mean EARSHOT_LIMIT_ASTUTO_KEY? `earshot settings` lists all names",
        ),
        (
            f"{everybody} trusts every client: each can send any address, so limits per address have no effect",
            "set EARSHOT_TRUSTED_PROXIES to the addresses from which your proxies connect, and no others",
        ),
    ]


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
            "or set EARSHOT_REDIS_URL so that both count requests together, or set EARSHOT_RATE_LIMITS=off"
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


def test_an_invalid_option_is_a_usage_error(sqlite: Earshot) -> None:
    done = sqlite.run("serve", "--port", "99999")

    assert (done.code, done.out) == (2, "")
    assert "Invalid value for '--port'" in done.err


def test_a_missing_secret_is_not_replaced_if_keys_depend_on_it(earshot: Earshot) -> None:
    start_and_end(earshot)
    secret = earshot.folder / "data" / "secret.key"
    secret.rename(earshot.folder / "backup.key")

    done = earshot.run("serve", "--port", "0")

    assert error_of(done) == (
        "the database has 2 keys, and the secret that they were created with is missing: "
        f"put {secret} back from a backup, or set EARSHOT_SECRET_KEY; "
        f"to revoke all keys, write a new one: (umask 077; openssl rand -hex 32 > {secret}) && earshot secret accept"
    )
    assert not secret.exists()
    (earshot.folder / "backup.key").rename(secret)
    start_and_end(earshot)


def test_an_empty_secret_is_rejected(sqlite: Earshot) -> None:
    secret = sqlite.folder / "data" / "secret.key"
    secret.parent.mkdir()
    secret.write_text("\n")

    assert error_of(sqlite.run("serve", "--port", "0")) == (
        f"the secret {secret} is empty: "
        "restore it from a backup; if there is no key yet, remove it, and the next start creates one"
    )
    assert not (sqlite.folder / "data" / "earshot.db").exists()


OWNER = ("--user", "owner@example.com", "--dialect", "astuto")
OTHER = "another-secret-of-another-data-directory-0123"
WRONG_SECRET = (
    "the keys in the database were created with another secret: restore its secret.key in the data directory, or set "
    "EARSHOT_SECRET_KEY to it; to accept this secret and revoke all keys: earshot secret accept"
)


def test_a_secret_that_does_not_match_the_database_is_rejected(earshot: Earshot) -> None:
    key = key_of(start_and_end(earshot), "ProductLift")

    assert error_of(earshot.run("serve", "--port", "0", EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET
    assert error_of(earshot.run("keys", "create", *OWNER, EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET
    adopting = ("keys", "adopt", *OWNER, "--token-stdin")
    assert error_of(earshot.run(*adopting, stdin="k" * 40, EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET
    with earshot.serving() as again:
        assert send_request(again.port, key)[0] == 200


def test_a_database_with_the_secret_of_another_directory_is_rejected(earshot: Earshot) -> None:
    start_and_end(earshot)
    elsewhere = {"EARSHOT_DATABASE_URL": url_of(earshot), "EARSHOT_DATA_DIR": str(earshot.folder / "elsewhere")}
    # Without any secret there, none is made that can't be the right one.
    assert error_of(earshot.run("keys", "create", *OWNER, **elsewhere)) == WRONG_SECRET
    assert not (earshot.folder / "elsewhere" / "secret.key").exists()
    (earshot.folder / "elsewhere").mkdir(exist_ok=True)
    (earshot.folder / "elsewhere" / "secret.key").write_text("0123456789abcdef" * 4)

    assert error_of(earshot.run("serve", "--port", "0", **elsewhere)) == WRONG_SECRET

    shutil.copy(earshot.folder / "data" / "secret.key", earshot.folder / "elsewhere" / "secret.key")
    start_and_end(earshot, **elsewhere)


def test_a_command_without_the_right_secret_creates_none(
    earshot: Earshot,
) -> None:
    start_and_end(earshot)
    # As a migration from a version without fingerprint leaves it.
    script(url_of(earshot), "DELETE FROM installation")
    elsewhere = {"EARSHOT_DATABASE_URL": url_of(earshot), "EARSHOT_DATA_DIR": str(earshot.folder / "elsewhere")}

    assert error_of(earshot.run("keys", "create", *OWNER, **elsewhere)) == WRONG_SECRET
    assert not (earshot.folder / "elsewhere").exists()
    assert earshot.run("keys", "create", *OWNER, EARSHOT_SECRET_KEY=OTHER).code == 0

    start_and_end(earshot)
    assert error_of(earshot.run("keys", "create", *OWNER, EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET


def test_accepting_another_secret_revokes_all_keys(earshot: Earshot) -> None:
    key = key_of(start_and_end(earshot), "ProductLift")

    done = earshot.run("secret", "accept", EARSHOT_SECRET_KEY=OTHER)
    assert (done.code, done.out, done.err) == (0, "this secret is accepted, and 2 keys are revoked\n", "")
    done = earshot.run("secret", "accept", "--json", EARSHOT_SECRET_KEY=OTHER)
    assert (done.code, done.out) == (0, '{"ended_keys":0}\n')

    made = earshot.run("keys", "create", *OWNER, EARSHOT_SECRET_KEY=OTHER)
    with earshot.serving(EARSHOT_SECRET_KEY=OTHER) as serving:
        for token, code in ((key, 401), (made.out.strip(), 200)):
            assert send_request(serving.port, token)[0] == code
    assert error_of(earshot.run("serve", "--port", "0")) == WRONG_SECRET


def test_accepting_a_secret_does_not_create_one(earshot: Earshot) -> None:
    start_and_end(earshot)
    path = earshot.folder / "data" / "secret.key"
    path.unlink()

    assert message_of(earshot.run("secret", "accept")) == (
        f"there is no secret to accept: write one with (umask 077; openssl rand -hex 32 > {path})"
    )
    assert not path.exists()


def read_owner(earshot: Earshot) -> tuple[str, str]:
    """The address and the name of the only user."""
    (user,) = json.loads(earshot.run("users", "list", "--json").out)["users"]
    return user["email"], user["name"]


def test_only_the_first_start_uses_the_name_and_email_of_the_owner(earshot: Earshot) -> None:
    first = start_and_end(earshot, "--owner-name", "Jane Roe", EARSHOT_OWNER_EMAIL="Jane@Example.com")
    later = start_and_end(earshot, "--owner-email", "joe@example.com", EARSHOT_OWNER_NAME="Joe Roe")

    assert first.output.startswith("This is a new portal, owned by jane@example.com. ")
    assert "joe@example.com" not in later.output
    assert read_owner(earshot) == ("jane@example.com", "Jane Roe")


def test_an_option_for_the_owner_precedes_the_setting(sqlite: Earshot) -> None:
    start_and_end(sqlite, "--owner-email", "jane.roe@example.com", EARSHOT_OWNER_EMAIL="joe@example.com")

    assert read_owner(sqlite) == ("jane.roe@example.com", "Jane Roe")


@pytest.mark.parametrize(
    ("options", "settings", "code", "message"),
    [
        (
            ["--owner-email", "nobody"],
            {},
            2,
            "Invalid value for '--owner-email': must be an e-mail address such as jane@example.com, of at most 255 "
            "characters",
        ),
        (["--owner-name", " "], {}, 2, "Invalid value for '--owner-name': must not be blank"),
        (
            [],
            {"EARSHOT_OWNER_EMAIL": "nobody"},
            1,
            "earshot: EARSHOT_OWNER_EMAIL=nobody (from the environment): must be an e-mail address of at most 255 "
            "characters\n  -> write one such as jane@example.com",
        ),
        (
            [],
            {"EARSHOT_OWNER_NAME": "Jane\nRoe"},
            1,
            "earshot: EARSHOT_OWNER_NAME=Jane Roe (from the environment): must be plain text of 1 to 255 characters\n"
            "  -> write the owner's name on one line",
        ),
    ],
)
def test_an_invalid_owner_is_rejected_before_anything_is_written(
    options: list[str], settings: dict[str, str], code: int, message: str, sqlite: Earshot
) -> None:
    done = sqlite.run("serve", *options, **settings)

    assert (done.code, done.out) == (code, "")
    assert done.err.rstrip("\n").rpartition("Error: ")[2] == message
    assert list(sqlite.folder.iterdir()) == []
