"""A running server: how it ends, and how several processes serve side by side."""

import http.client
import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.commands import Earshot, Serving
from tests.support.servers import Redis

REPLACED_WITHIN_SECONDS = 2


def until(true: Callable[[], bool]) -> None:
    """Wait for something to be so; the test's own time limit ends it when it never is."""
    while not true():
        time.sleep(0.02)


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def key_of(serving: Serving, dialect: str) -> str:
    found = re.search(rf"^  {dialect} +(\S+)$", serving.output, flags=re.MULTILINE)
    assert found is not None
    return found[1]


def send_request(port: int, key: str, path: str = "/api/v1/posts", **headers: str) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {key}", **headers})
        response = connection.getresponse()
        response.read()
        return response.status, dict(response.getheaders())
    finally:
        connection.close()


def test_a_request_in_progress_is_answered_before_the_shutdown(sqlite: Earshot) -> None:
    with sqlite.serving() as serving:
        body = json.dumps({"title": "The last words", "board_id": 1}).encode()
        key = key_of(serving, "Astuto")
        with socket.create_connection(("127.0.0.1", serving.port)) as connection:
            connection.sendall(
                f"POST /api/v1/posts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                + body[:5]
            )
            # The rest of the body comes only once the server has heard that it is to end.
            send_request(serving.port, key)
            serving.process.terminate()
            until(lambda: refuses(serving.port))
            connection.sendall(body[5:])
            answered = connection.makefile("rb").read()

        assert serving.process.wait(60) == 0
        assert answered.startswith(b"HTTP/1.1 201 Created\r\n")
        assert answered.endswith(b'{"id":1}')
    assert json.loads(sqlite.run("posts", "show", "1", "--json").out)["title"] == "The last words"


def test_idle_connections_do_not_delay_the_shutdown(sqlite: Earshot) -> None:
    with sqlite.serving() as serving, socket.create_connection(("127.0.0.1", serving.port)):
        kept = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
        kept.request("GET", "/health")
        assert kept.getresponse().read() == b"success"

        assert serving.end() == 0
        kept.close()


def test_ctrl_c_stops_the_server(sqlite: Earshot) -> None:
    with sqlite.serving() as serving:
        send_request(serving.port, "none", "/health")
        serving.process.send_signal(signal.SIGINT)

        assert serving.process.wait(60) == 0


def test_a_killed_server_can_be_restarted(sqlite: Earshot) -> None:
    with sqlite.serving() as first:
        key = key_of(first, "Astuto")
        assert send_request(first.port, key)[0] == 200
        first.process.kill()
        first.process.wait(60)

    with sqlite.serving() as second:
        assert send_request(second.port, key)[0] == 200
        assert second.end() == 0


def test_the_last_use_of_a_key_is_stored_at_the_shutdown(earshot: Earshot) -> None:
    with earshot.serving() as serving:
        assert send_request(serving.port, key_of(serving, "Astuto"))[0] == 200
        assert serving.end() == 0

    of_productlift, of_astuto = json.loads(earshot.run("keys", "list", "--json").out)["keys"]
    assert of_productlift["last_used_at"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", of_astuto["last_used_at"])


def test_workers_share_rate_limits_and_are_replaced_when_they_die(on_postgres: Earshot, redis: Redis) -> None:
    # A database of its own: keys of other tests have the same ids, and their counts would be found here.
    alone = f"{redis.url.removesuffix('/0')}/5"
    settings = {"EARSHOT_REDIS_URL": alone, "EARSHOT_LIMIT_PRODUCTLIFT": "50/hour"}
    with on_postgres.serving("--workers", "2", **settings) as serving:
        key = key_of(serving, "ProductLift")
        left = [int(send_request(serving.port, key)[1]["x-ratelimit-remaining"]) for _ in range(20)]
        before = serving.workers()

        assert len(before) == 2
        # Each request has a connection of its own, which the system deals to either process.
        assert left == list(range(49, 29, -1))

        one, other = sorted(before)
        os.kill(one, signal.SIGKILL)
        killed_at = time.monotonic()
        until(lambda: len(serving.workers() - before) == 1)
        assert time.monotonic() - killed_at < REPLACED_WITHIN_SECONDS
        after = serving.workers()
        assert other in after
        assert {send_request(serving.port, key)[0] for _ in range(10)} == {200}

        assert serving.end() == 0
        assert [pid for pid in before | after if alive(pid)] == []


def test_a_worker_that_receives_sigterm_alone_is_replaced(on_postgres: Earshot) -> None:
    with on_postgres.serving("--workers", "2", EARSHOT_RATE_LIMITS="off") as serving:
        key = key_of(serving, "Astuto")
        assert send_request(serving.port, key)[0] == 200
        until(lambda: len(serving.workers()) == 2)
        before = serving.workers()

        os.kill(min(before), signal.SIGTERM)
        until(lambda: len(serving.workers() - before) == 1)

        assert [send_request(serving.port, key)[0] for _ in range(20)] == [200] * 20
        assert serving.end() == 0


def test_workers_stop_with_their_parent(on_postgres: Earshot) -> None:
    with on_postgres.serving("--workers", "2", EARSHOT_RATE_LIMITS="off") as serving:
        assert send_request(serving.port, key_of(serving, "Astuto"))[0] == 200
        workers = serving.workers()

        serving.process.kill()
        serving.process.wait(60)

        until(lambda: not any(map(alive, workers)))
        assert refuses(serving.port)
