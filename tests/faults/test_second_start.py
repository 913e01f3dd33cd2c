"""A second start on the same port or data directory: one line that says what to do, and nothing changed."""

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import SECRET
from tests.server.test_rejected_starts import error_of, files
from tests.server.test_serve import key_of, send_request
from tests.support.commands import Earshot


@pytest.mark.parametrize(("database", "workers"), [("sqlite", "1"), ("on_postgres", "2")])
def test_a_second_server_on_a_port_in_use_does_not_start(
    request: pytest.FixtureRequest, database: str, workers: str
) -> None:
    earshot: Earshot = request.getfixturevalue(database)
    # The outbox would write to the database meanwhile.
    settings = {"EARSHOT_RATE_LIMITS": "off", "EARSHOT_OUTBOX": "off"}
    with earshot.serving("--workers", workers, **settings) as first:
        # The answer to a request is there once the first start has made all it makes.
        assert send_request(first.port, key_of(first, "Astuto"))[0] == 200
        kept = files(earshot.folder / "data")
        done = earshot.run("serve", "--port", str(first.port), "--workers", workers, **settings)

        assert error_of(done) == (
            f"port {first.port} of 127.0.0.1 is in use: end what listens there, or choose another port with --port"
        )
        assert files(earshot.folder / "data") == kept
        assert first.end() == 0


def test_a_server_on_an_ipv6_port_in_use_does_not_start(sqlite: Earshot) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]

        done = sqlite.run("serve", "--host", "::1", "--port", str(port))

    assert error_of(done) == f"port {port} of ::1 is in use: end what listens there, or choose another port with --port"
    assert files(sqlite.folder) == {}


def test_the_lock_of_a_killed_server_does_not_prevent_a_start(sqlite: Earshot) -> None:
    with sqlite.serving() as first:
        first.process.kill()
        first.process.wait(60)
        assert (sqlite.folder / "data" / "serving.lock").read_text() == str(first.process.pid)

    with sqlite.serving() as second:
        assert second.end() == 0


def test_one_of_two_concurrent_starts_on_a_new_directory_succeeds(sqlite: Earshot) -> None:
    with ThreadPoolExecutor(2) as both:
        together, refusal = threading.Barrier(2, timeout=30), threading.Event()

        def start(name: str) -> str:
            # Each has a log of its own.
            mine = sqlite.folder / name
            together.wait()
            with mine.open("wb") as errors:
                try:
                    with sqlite.serving(stderr=errors.fileno()) as serving:
                        assert refusal.wait(30), "both serve"
                        assert send_request(serving.port, key_of(serving, "Astuto"))[0] == 200
                        assert serving.end() == 0
                        return str(serving.process.pid)
                except AssertionError:
                    refusal.set()
            return mine.read_text()

        told = sorted(both.map(start, ("one", "other")))
    (winner,) = [one for one in told if one.isdigit()]
    (loser,) = [one for one in told if not one.isdigit()]
    # Who holds the directory may not have written down its number yet.
    assert re.fullmatch(
        rf"earshot: another server (\(process {winner}\) )?runs on the data directory {re.escape(str(sqlite.folder))}"
        r"/data\n  -> stop it, or give the second one another EARSHOT_DATA_DIR, or set EARSHOT_REDIS_URL "
        r"so that both count requests together, or set EARSHOT_RATE_LIMITS=off\n",
        loser,
    ), loser


@pytest.mark.parametrize("named", ["by its path", "by a link"])
def test_a_second_server_on_a_sqlite_file_in_use_does_not_start(sqlite: Earshot, named: str, folder: Path) -> None:
    kept = folder / "kept" / "earshot.db"
    other = {"EARSHOT_DATA_DIR": str(folder / "other"), "EARSHOT_SECRET_KEY": SECRET}
    with sqlite.serving(EARSHOT_DATABASE_URL=f"sqlite:///{kept}", EARSHOT_SECRET_KEY=SECRET) as first:
        key = key_of(first, "Astuto")
        assert send_request(first.port, key)[0] == 200
        path = kept
        if named == "by a link":
            path = folder / "link.db"
            path.symlink_to(kept)
        second = {**other, "EARSHOT_DATABASE_URL": f"sqlite:///{path}"}

        done = sqlite.run("serve", "--port", "0", **second)

        assert error_of(done) == (
            f"another server (process {first.process.pid}) serves the database {kept}: stop it, or give the second "
            "one another EARSHOT_DATABASE_URL, or set EARSHOT_REDIS_URL so that both count requests together, or set "
            "EARSHOT_RATE_LIMITS=off"
        )
        # SQLite's own locks are as they were, and so is what every other command may do meanwhile.
        assert sqlite.run("boards", "create", "--name", "Ideas", **second).code == 0
        assert sqlite.run("migrate", **second).code == 0
        assert send_request(first.port, key)[0] == 200
        assert first.end() == 0

    with sqlite.serving(**second) as again:
        assert again.end() == 0


def test_servers_without_rate_limits_can_share_a_sqlite_file(sqlite: Earshot, folder: Path) -> None:
    settings = {"EARSHOT_DATABASE_URL": f"sqlite:///{folder}/kept.db", "EARSHOT_SECRET_KEY": SECRET}
    settings["EARSHOT_RATE_LIMITS"] = "off"

    with sqlite.serving(**settings) as first:
        key = key_of(first, "Astuto")
        with sqlite.serving(EARSHOT_DATA_DIR=str(folder / "other"), **settings) as second:
            assert send_request(second.port, key)[0] == 200
            assert (second.end(), first.end()) == (0, 0)
