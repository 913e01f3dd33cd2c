"""The doctor's findings about unreachable and damaged databases, ports, and files that others can read."""

import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest

from app.adapters.database.inspection import _admin_command
from app.adapters.database.revisions import HEAD, REVISIONS
from app.cli.doctor import checks, environment
from app.cli.doctor.finding import Finding
from app.settings import Settings
from tests.faults.test_crash_recovery import keys_of
from tests.support.checkout import ROOT
from tests.support.command_fixtures import compiled, folder, fresh_postgres, sqlite
from tests.support.commands import Earshot
from tests.support.servers import Postgres
from tests.support.sql import script

__all__ = ["compiled", "folder", "fresh_postgres", "sqlite"]

RECOVER = (
    "stop the server and restore a backup; without one, save what can be read with .recover of sqlite.org's sqlite3"
)


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the settings of the test apply."""
    for name in [name for name in os.environ if name.startswith("EARSHOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def find(what: str) -> Finding:
    """The doctor's finding about one part."""
    (finding,) = [finding for finding in checks.examine() if finding.what == what]
    return finding


def run_remedy(line: str) -> None:
    """Run the command of a remedy."""
    subprocess.run(shlex.split(line), stdin=subprocess.DEVNULL, timeout=60, check=True)


@pytest.fixture
def file(sqlite_template: Path, tmp_path: Path) -> Path:
    """A SQLite file in the data directory."""
    path = tmp_path / "data" / "earshot.db"
    path.parent.mkdir(mode=0o700)
    shutil.copyfile(sqlite_template, path)
    return path


def overwrite(file: Path, place: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        opened.write(b"\xff" * 5000)


def test_the_remedy_for_a_file_that_is_not_a_database_is_a_backup(file: Path) -> None:
    overwrite(file, 0)

    assert find("database") == Finding(
        "database",
        False,
        f"{file} is no SQLite database or is damaged (file is not a database)",
        "restore a backup, or move it away to begin anew",
    )


@pytest.mark.parametrize("revision", sorted(REVISIONS))
@pytest.mark.parametrize("place", ["beginning", "middle"])
def test_the_remedy_for_a_damaged_file_is_not_a_migration(file: Path, place: str, revision: str) -> None:
    script(f"sqlite:///{file}", f"UPDATE alembic_version SET version_num = '{revision}'")
    assert find("database").remedy == (None if revision == HEAD else "earshot migrate")
    overwrite(file, 100 if place == "beginning" else file.stat().st_size // 2 + 100)

    finding = find("database")

    assert (finding.well, finding.remedy) == (False, RECOVER)
    assert re.match(rf"{re.escape(str(file))} is (no SQLite database or is )?damaged \(", finding.state)
    assert "\n" not in finding.state


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_an_unresponsive_postgresql_server_is_reported(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", f"postgresql://me:hidden@127.0.0.1:{silent_port}/ideas")

    assert find("database") == Finding(
        "database",
        False,
        f"PostgreSQL, 127.0.0.1:{silent_port}/ideas can't be reached: no answer in time",
        "see that it runs and does not hang, that no firewall is between, and that EARSHOT_DATABASE_URL names it",
    )


def server_options(url: str) -> tuple[str, str]:
    """The options --host and --port of PostgreSQL's programs for the server of the tests."""
    parts = urlsplit(url)
    return f"--host={parts.hostname or parse_qs(parts.query)['host'][0]}", f"--port={parts.port}" if parts.port else ""


def trusted_administrator(url: str) -> str:
    """The options with which PostgreSQL's programs reach the tests' server as its administrator, who is trusted."""
    return " ".join(filter(None, [*server_options(url), "--username=postgres"]))


def as_administrator(program: str, url: str) -> str:
    """How the remedy calls the program: on this machine as the system's user postgres, whom stock servers accept."""
    host, port = server_options(url)
    return " ".join(["sudo -u postgres", program, *([host] if "=/" in host else []), *([port] if port else [])])


def test_a_missing_database_is_reported_and_created_by_the_remedy(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url("not yet there").replace(" ", "%20")
    name = unquote(urlsplit(url).path[1:])
    owner = urlsplit(url).username
    monkeypatch.setenv("EARSHOT_DATABASE_URL", url)

    finding = find("database")

    assert not finding.well
    assert finding.state.endswith(f'can\'t be reached: database "{name}" does not exist')
    command = as_administrator("createdb", url)
    assert finding.remedy == f"{command} --owner={owner} '{name}'"
    if not postgres.ours or shutil.which("createdb") is None:
        return
    run_remedy(finding.remedy.replace(command, f"createdb {trusted_administrator(url)}"))
    try:
        assert find("database").state.endswith("is empty; the first start of `earshot serve` fills it")
    finally:
        postgres.drop("not yet there")


def test_a_missing_role_is_reported_and_created_by_the_remedy(
    postgres: Postgres, fresh_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not postgres.ours:
        pytest.skip("only a server of the tests' own is known to trust everybody")
    url = fresh_postgres.replace("postgres@", "newcomer@")
    monkeypatch.setenv("EARSHOT_DATABASE_URL", url)

    finding = find("database")

    assert not finding.well
    assert finding.state.endswith('can\'t be reached: role "newcomer" does not exist')
    command = f"{as_administrator('createuser', url)} --pwprompt newcomer"
    assert finding.remedy == f"if the role is not there yet: {command}; else let it in with a line in pg_hba.conf"
    if shutil.which("createuser") is None:
        return
    # A trusted user needs no password, and --pwprompt would wait for one.
    run_remedy(f"createuser {trusted_administrator(url)} newcomer")
    try:
        _, _, statement = str(find("database").remedy).rpartition(": ")
        assert statement == f"ALTER DATABASE {urlsplit(url).path[1:]} OWNER TO newcomer"
        script(fresh_postgres, statement)
        assert find("database").well
    finally:
        script(fresh_postgres, f"ALTER DATABASE {urlsplit(url).path[1:]} OWNER TO postgres")
        run_remedy(f"dropuser {trusted_administrator(url)} newcomer")


@pytest.mark.parametrize(
    ("change", "state", "remedy"),
    [
        (
            "SET default_transaction_read_only = on",
            "accepts no changes",
            "name the primary server in EARSHOT_DATABASE_URL, or turn default_transaction_read_only off",
        ),
        (
            "SET search_path = nowhere",
            "has no schema for new tables",
            "create the schema that search_path names, or: ALTER DATABASE {} RESET search_path",
        ),
    ],
)
def test_a_postgresql_database_without_the_needed_rights_is_reported(
    fresh_postgres: str, change: str, state: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = urlsplit(fresh_postgres).path[1:]
    script(fresh_postgres, f"ALTER DATABASE {name} {change}")
    monkeypatch.setenv("EARSHOT_DATABASE_URL", fresh_postgres)

    finding = find("database")

    assert (finding.well, finding.remedy) == (False, remedy.format(name))
    assert finding.state.startswith("PostgreSQL, ")
    assert finding.state.endswith(f"/{name} {state}")


@pytest.mark.parametrize(
    ("options", "state", "remedy"),
    [
        (
            "sslmode=verify-full&sslrootcert=/nowhere.pem",
            "sslrootcert=/nowhere.pem can't be read (No such file or directory)",
            "correct the path or its permissions",
        ),
        (
            f"sslmode=verify-full&sslrootcert={ROOT}/LICENSE",
            "",
            "see that it accepts TLS, and correct sslmode, sslrootcert, sslcert and sslkey in EARSHOT_DATABASE_URL",
        ),
        ("sslmode=perhaps", "", "correct or remove this option after the question mark of EARSHOT_DATABASE_URL"),
    ],
)
def test_invalid_tls_options_of_postgresql_are_reported(
    silent_port: int, options: str, state: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_DATABASE_URL", f"postgresql://me:hidden@127.0.0.1:{silent_port}/ideas?{options}")

    finding = find("database")

    assert (finding.well, finding.remedy) == (False, remedy)
    assert finding.state.startswith(f"PostgreSQL, 127.0.0.1:{silent_port}/ideas can't be reached: {state}")
    assert "hidden" not in finding.state


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("postgresql://earshot@localhost/x", "sudo -u postgres createuser"),
        ("postgresql://earshot@127.0.0.1:5432/x", "sudo -u postgres createuser"),
        ("postgresql://earshot@[::1]:5433/x", "sudo -u postgres createuser --port=5433"),
        ("postgresql:///x", "sudo -u postgres createuser"),
        ("postgresql://earshot@/x?host=/run/pg", "sudo -u postgres createuser --host=/run/pg"),
        ("postgresql://me@db.example.com:5432/x", "createuser --host=db.example.com --port=5432 --username=postgres"),
        ("postgresql://me@10.0.0.9/x", "createuser --host=10.0.0.9 --username=postgres"),
    ],
)
def test_remedies_for_a_local_server_use_the_postgres_system_user(url: str, command: str) -> None:
    assert _admin_command("createuser", urlsplit(url)) == f"{command} "


@pytest.mark.parametrize(
    ("host", "metrics_host"), [("127.0.0.1", None), ("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "10.0.0.1")]
)
def test_a_metrics_port_equal_to_the_server_port_is_reported(host: str, metrics_host: str | None) -> None:
    settings = Settings(host=host, port=8123, metrics_port=8123, metrics_host=metrics_host)

    assert environment.check_metrics_port(settings) == Finding(
        "metrics",
        False,
        "EARSHOT_METRICS_PORT is 8123, the port of the server itself",
        "set EARSHOT_METRICS_PORT to another port, such as 9464",
    )


def test_a_separate_metrics_port_or_host_is_no_problem() -> None:
    assert environment.check_metrics_port(Settings(port=8123, metrics_port=9464)).state == "served on port 9464"
    assert environment.check_metrics_port(Settings(port=8123)).state == "not set: no metrics are served"
    assert environment.check_metrics_port(Settings(port=8123, metrics_port=8123, metrics_host="10.0.0.1")).well


def test_a_world_writable_directory_is_reported(file: Path) -> None:
    file.parent.chmod(0o777)

    finding = find("data")

    assert (finding.well, finding.state) == (False, f"{file.parent} can be written by every user of this machine")
    assert finding.remedy == f"chmod o= {file.parent}"
    run_remedy(finding.remedy)
    assert find("data").well
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o770


def modes(folder: Path) -> dict[str, str]:
    """Who may do what with the folder and all in it."""
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.stat().st_mode)) for path in [folder, *folder.rglob("*")]
    }


def test_files_of_a_server_are_private_with_any_umask(sqlite: Earshot) -> None:
    data = sqlite.folder / "data"
    mask = os.umask(0)
    try:
        with sqlite.serving() as serving:
            sent = {"authorization": f"Bearer {keys_of(serving)['productlift']}"}
            response = httpx.post(
                f"{serving.address}/api/v1/posts",
                headers=sent,
                data={"title": "Dark mode, please"},
                files={"attachment": ("notes.txt", b"Notes")},
                timeout=30,
            )
            assert response.status_code == 200, response.text
            while_serving = modes(data)
            assert serving.end() == 0
    finally:
        os.umask(mask)

    assert {"earshot.db", "earshot.db-wal", "earshot.db-shm", "secret.key", "serving.lock"} < set(while_serving)
    assert len([name for name in while_serving if name.startswith("uploads/")]) == 2
    assert set(while_serving.values()) == {"0o600", "0o700"}
    assert {name for name, mode in while_serving.items() if mode == "0o700"} == {
        name for name in while_serving if (data / name).is_dir()
    }


def test_an_existing_directory_keeps_its_mode(sqlite: Earshot) -> None:
    data = sqlite.folder / "data"
    data.mkdir()
    data.chmod(0o750)

    with sqlite.serving() as serving:
        assert serving.end() == 0

    assert stat.S_IMODE(data.stat().st_mode) == 0o750


def test_a_file_in_a_missing_directory_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    monkeypatch.setenv("EARSHOT_DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/earshot.db")

    assert find("data").well


def test_a_shared_database_directory_keeps_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("EARSHOT_DATABASE_URL", f"sqlite:///{shared}/earshot.db")

    assert find("data") == Finding(
        "data",
        False,
        f"{shared} can be written by every user of this machine",
        "move it into a directory of its own",
    )


def test_a_missing_postgresql_driver_is_reported() -> None:
    code = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "from app.cli.doctor import checks\n"
        "(one,) = [each for each in checks.examine() if each.what == 'database']\n"
        "print(one.state, one.remedy, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "EARSHOT_DATABASE_URL": "postgresql://127.0.0.1/none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == (
        "EARSHOT_DATABASE_URL=postgresql://127.0.0.1/none (from the environment): "
        "the client of PostgreSQL is not installed\npip install asyncpg\n"
    )
