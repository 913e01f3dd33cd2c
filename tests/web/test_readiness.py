"""`/health/ready` of a running server."""

import http.client
import json
import resource
import signal
from typing import Any

import pytest

from tests.observability.test_metrics import at, metrics_of
from tests.server.test_serve import key_of, refuses, send_request, until
from tests.support.commands import Earshot, Serving
from tests.support.requirements import need
from tests.support.servers import Postgres, Redis

WELL = {"ready": True, "ending": False, "database": True, "revision": True, "storage": True, "redis": None}


def ready(serving: Serving) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_a_server_is_not_ready_until_its_database_is_restarted(postgres: Postgres, on_postgres: Earshot) -> None:
    need("a PostgreSQL of the tests' own", postgres.ours, "it is stopped and started again")
    with on_postgres.serving(EARSHOT_METRICS_PORT="0") as serving:
        assert ready(serving) == (200, WELL)
        assert "earshot_outbox_depth" in metrics_of(serving)

        postgres.stop()
        try:
            until(lambda: ready(serving) == (503, WELL | {"ready": False, "database": False, "revision": None}))
            assert send_request(serving.port, "nobody", "/health")[0] == 200
            # Metrics that can't be read are left out; the others are served.
            until(lambda: "earshot_outbox_depth" not in metrics_of(serving))
            health = at(dialect="pages", method="GET", route="/health", status="200")
            assert metrics_of(serving)["earshot_requests_total"][health] == 1
        finally:
            postgres.start()
        until(lambda: ready(serving) == (200, WELL))
        assert serving.end() == 0


def test_a_stopped_redis_is_reported_and_the_server_stays_ready(sqlite: Earshot, redis: Redis) -> None:
    with sqlite.serving(EARSHOT_REDIS_URL=redis.url) as serving:
        assert ready(serving) == (200, WELL | {"redis": True})

        redis.stop()
        try:
            until(lambda: ready(serving) == (200, WELL | {"redis": False}))
            assert send_request(serving.port, key_of(serving, "Astuto"))[0] == 200
        finally:
            redis.start()
        until(lambda: ready(serving) == (200, WELL | {"redis": True}))


def test_a_full_disk_is_not_ready(sqlite: Earshot) -> None:
    with sqlite.serving() as serving:
        assert send_request(serving.port, "nobody", "/health")[0] == 200
        pid = serving.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        # From now on each write to a file fails, as on a full disk.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            assert ready(serving) == (503, WELL | {"ready": False, "storage": False})
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        until(lambda: ready(serving) == (200, WELL))


def test_a_draining_server_is_not_ready_and_serves_requests(sqlite: Earshot) -> None:
    with sqlite.serving(EARSHOT_DRAIN_SECONDS="50", EARSHOT_METRICS_PORT="0") as serving:
        key = key_of(serving, "Astuto")
        assert ready(serving) == (200, WELL)

        serving.process.terminate()

        until(lambda: ready(serving)[0] == 503)
        assert ready(serving) == (503, WELL | {"ready": False, "ending": True})
        assert send_request(serving.port, key)[0] == 200
        assert send_request(serving.port, key, "/health")[0] == 200
        assert metrics_of(serving)

        # A second signal ends the drain.
        serving.process.terminate()
        assert serving.process.wait(20) == 0
        assert refuses(serving.port)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_stops_after_draining(on_postgres: Earshot, workers: str) -> None:
    settings = {"EARSHOT_DRAIN_SECONDS": "1", "EARSHOT_RATE_LIMITS": "off"}
    with on_postgres.serving("--workers", workers, **settings) as serving:
        assert ready(serving) == (200, WELL)

        serving.process.terminate()

        until(lambda: ready(serving) == (503, WELL | {"ready": False, "ending": True}))
        assert serving.process.wait(30) == 0


def test_ctrl_c_does_not_drain(sqlite: Earshot) -> None:
    with sqlite.serving(EARSHOT_DRAIN_SECONDS="50") as serving:
        assert ready(serving) == (200, WELL)
        serving.process.send_signal(signal.SIGINT)

        assert serving.process.wait(20) == 0
