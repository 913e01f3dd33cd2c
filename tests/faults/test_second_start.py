"""A second start on the same port or data directory: one line that says what to do, and nothing changed."""

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.serving.test_start import files, refused
from tests.support.commands import Earshot


@pytest.mark.parametrize(("database", "workers"), [("sqlite", "1"), ("on_postgres", "2")])
def test_a_port_of_a_running_server_is_refused(request: pytest.FixtureRequest, database: str, workers: str) -> None:
    earshot: Earshot = request.getfixturevalue(database)
    settings = {"EARSHOT_RATE_LIMITS": "off"}
    with earshot.serving("--workers", workers, **settings) as first:
        before = earshot.folder / "data"
        kept = {name for name in files(before) if not name.endswith(("-wal", "-shm"))}
        done = earshot.run("serve", "--port", str(first.port), "--workers", workers, **settings)

        assert refused(done) == (
            f"port {first.port} of 127.0.0.1 is in use: end what listens there, or choose another with --port"
        )
        assert {name for name in files(before) if not name.endswith(("-wal", "-shm"))} == kept
        assert first.end() == 0


def test_a_taken_port_of_ipv6_is_refused(sqlite: Earshot) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]

        done = sqlite.run("serve", "--host", "::1", "--port", str(port))

    assert refused(done) == f"port {port} of ::1 is in use: end what listens there, or choose another with --port"
    assert files(sqlite.folder) == {}


def test_a_lock_that_a_killed_server_left_keeps_nobody_out(sqlite: Earshot) -> None:
    with sqlite.serving() as first:
        first.process.kill()
        first.process.wait(60)
        assert (sqlite.folder / "data" / "serving.lock").read_text() == str(first.process.pid)

    with sqlite.serving() as second:
        assert second.end() == 0


def test_of_two_starts_at_once_on_a_new_directory_one_serves(sqlite: Earshot) -> None:
    def start(_: int) -> str:
        try:
            with sqlite.serving("--port", "0") as serving:
                # Held until the other has been refused.
                with suppress(subprocess.TimeoutExpired):
                    serving.process.wait(8)
                assert serving.end() == 0
                return "served"
        except AssertionError as error:
            return str(error)

    # A log's name is the number of logs there are, so that one is made ahead of the other's.
    with ThreadPoolExecutor(2) as both:
        told = sorted(both.map(start, range(2)))
    assert len([one for one in told if one == "served"]) == 1, told
