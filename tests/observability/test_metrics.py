"""The metrics of a running server, read with the parser of Prometheus."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import asyncpg
import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from app.observability.metrics import BOUNDS
from tests.faults.test_crash_recovery import url_of
from tests.server.test_serve import key_of, refuses, send_request, until
from tests.support.commands import Earshot, Serving, message_of
from tests.support.processes import free_port
from tests.support.servers import Redis
from tests.support.sql import rows

Labels = frozenset[tuple[str, str]]
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def at(**labels: str) -> Labels:
    return frozenset(labels.items())


def port_of(serving: Serving) -> int:
    found = re.search(r"^  metrics +http://127\.0\.0\.1:(\d+)/metrics$", serving.output, flags=re.MULTILINE)
    assert found is not None, serving.output
    return int(found[1])


def scrape(serving: Serving, accept: str = "text/plain") -> httpx.Response:
    return scrape_url(f"http://127.0.0.1:{port_of(serving)}/metrics", accept)


def scrape_url(url: str, accept: str = "text/plain") -> httpx.Response:
    response = httpx.get(url, headers={"accept": accept}, timeout=30)
    assert response.status_code == 200
    return response


def samples_of(text: str) -> dict[str, dict[Labels, float]]:
    """Each sample's name, and its values by their labels."""
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_families(text):
        assert family.documentation
        for sample in family.samples:
            values = samples.setdefault(sample.name, {})
            labels = frozenset(sample.labels.items())
            assert labels not in values
            values[labels] = sample.value
    return samples


def metrics_of(serving: Serving) -> dict[str, dict[Labels, float]]:
    """The samples of a scrape."""
    return metrics_at(f"http://127.0.0.1:{port_of(serving)}/metrics")


def metrics_at(url: str) -> dict[str, dict[Labels, float]]:
    """The samples of a scrape of this URL."""
    response = scrape_url(url)
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples_of(response.text)


def post(serving: Serving, key: str, title: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(
        f"{serving.address}/api/v1/posts", json={"title": title, "board_id": 1}, headers=headers, timeout=30
    ).status_code


def test_metrics_report_requests_and_their_duration(earshot: Earshot) -> None:
    with earshot.serving(EARSHOT_METRICS_PORT="0", EARSHOT_LIMIT_ASTUTO_KEY="6/day", EARSHOT_OUTBOX="off") as serving:
        astuto, productlift = key_of(serving, "Astuto"), key_of(serving, "ProductLift")
        assert [post(serving, astuto, f"Post {number}") for number in range(3)] == [201, 201, 201]
        assert send_request(serving.port, astuto, "/api/v1/posts/1")[0] == 200
        assert send_request(serving.port, astuto, "/api/v1/posts/2")[0] == 200
        assert send_request(serving.port, astuto, "/api/v1/posts/none-such")[0] == 404
        assert send_request(serving.port, astuto, "/api/v1/posts/1")[0] == 429
        assert send_request(serving.port, productlift, "/api/v1/statuses")[0] == 200
        assert send_request(serving.port, productlift, "/api/v1/a-secret-address")[0] == 404
        assert send_request(serving.port, "nobody", "/posts/no-such-page")[0] == 404
        assert send_request(serving.port, "nobody", "/health")[0] == 200

        told = metrics_of(serving)

        assert told["earshot_requests_total"] == {
            at(dialect="astuto", method="POST", route="/posts", status="201"): 3,
            at(dialect="astuto", method="GET", route="/posts/{id}", status="200"): 2,
            at(dialect="astuto", method="GET", route="/posts/{id}", status="404"): 1,
            at(dialect="astuto", method="GET", route="(no route)", status="429"): 1,
            at(dialect="productlift", method="GET", route="/statuses", status="200"): 1,
            at(dialect="productlift", method="GET", route="(no route)", status="404"): 1,
            at(dialect="pages", method="GET", route="/posts/{slug}", status="404"): 1,
            at(dialect="pages", method="GET", route="/health", status="200"): 1,
        }
        durations = told["earshot_request_duration_seconds_count"]
        shown = at(dialect="astuto", method="GET", route="/posts/{id}")
        assert durations[shown] == 3
        assert sum(durations.values()) == 11
        buckets = {
            dict(labels)["le"]: value
            for labels, value in told["earshot_request_duration_seconds_bucket"].items()
            if shown < labels
        }
        assert list(buckets) == [*map(str, BOUNDS), "+Inf"]
        assert list(buckets.values()) == sorted(buckets.values())
        assert buckets["+Inf"] == 3
        assert 0 < told["earshot_request_duration_seconds_sum"][shown] < 30
        assert told["earshot_limit_refusals_total"] == {
            at(dialect="astuto"): 1,
            at(dialect="productlift"): 0,
            at(dialect="pages"): 0,
        }
        assert told["earshot_redis_fallbacks_total"] == {at(): 0}
        # No process takes them up, so all events wait.
        ((events,),) = rows(url_of(earshot), "SELECT count(*) FROM facts")
        assert events >= 3
        assert told["earshot_outbox_depth"] == {at(): events}
        assert re.search("secret|none-such|tkn_", scrape(serving).text) is None


def test_metrics_report_the_connection_pool_of_postgresql(on_postgres: Earshot) -> None:
    with on_postgres.serving(EARSHOT_METRICS_PORT="0", EARSHOT_DATABASE_CONNECTIONS="7") as serving:
        until(lambda: metrics_of(serving)["earshot_database_connections"][at(state="max")] == 7)

        told = metrics_of(serving)

        connections = told["earshot_database_connections"]
        assert set(connections) == {at(state="max"), at(state="open"), at(state="in_use")}
        assert 1 <= connections[at(state="open")] <= 7
        assert 0 <= connections[at(state="in_use")] <= connections[at(state="open")]
        assert told["earshot_database_waiting"] == {at(): 0}
        assert "earshot_sqlite_wal_bytes" not in told


async def test_metrics_report_operations_that_wait_for_a_connection(on_postgres: Earshot, fresh_postgres: str) -> None:
    with on_postgres.serving(EARSHOT_METRICS_PORT="0", EARSHOT_DATABASE_CONNECTIONS="2") as serving:
        key = key_of(serving, "Astuto")
        over = threading.Event()

        def keep_asking() -> None:
            while not over.is_set():
                send_request(serving.port, key)

        def all_taken() -> bool:
            told = metrics_of(serving)
            in_use = told["earshot_database_connections"][at(state="in_use")]
            return in_use == 2 and told["earshot_database_waiting"][at()] >= 1

        holder = await asyncpg.connect(fresh_postgres)
        async with asyncio.TaskGroup() as group:
            async with holder.transaction():
                # Whoever reads posts now keeps his connection, and further ones find none.
                await holder.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
                for _ in range(4):
                    group.create_task(asyncio.to_thread(keep_asking))
                await asyncio.to_thread(until, all_taken)
            over.set()
        await holder.close()

        await asyncio.to_thread(until, lambda: metrics_of(serving)["earshot_database_waiting"] == {at(): 0})


def test_metrics_report_the_size_of_the_sqlite_wal(sqlite: Earshot) -> None:
    with sqlite.serving(EARSHOT_METRICS_PORT="0") as serving:
        assert post(serving, key_of(serving, "Astuto"), "Written ahead") == 201

        until(lambda: metrics_of(serving)["earshot_sqlite_wal_bytes"][at()] > 0)

        size = (sqlite.folder / "data" / "earshot.db-wal").stat().st_size
        assert metrics_of(serving)["earshot_sqlite_wal_bytes"] == {at(): size}
        assert "earshot_database_connections" not in metrics_of(serving)


def test_metrics_sum_all_workers_including_dead_ones(on_postgres: Earshot, redis: Redis) -> None:
    settings = {
        "EARSHOT_METRICS_PORT": "0",
        "EARSHOT_REDIS_URL": f"{redis.url.removesuffix('/0')}/6",
        "EARSHOT_LIMIT_PRODUCTLIFT": "off",
        "EARSHOT_TRUSTED_PROXIES": "",
    }
    statuses = at(dialect="productlift", method="GET", route="/statuses", status="200")

    def told(serving: Serving) -> float:
        return metrics_of(serving)["earshot_requests_total"].get(statuses, 0)

    with on_postgres.serving("--workers", "2", **settings) as serving:
        key = key_of(serving, "ProductLift")
        # Each request has a connection of its own, which the system deals to either process.
        responses = [send_request(serving.port, key, "/api/v1/statuses") for _ in range(40)]
        assert {status for status, _ in responses} == {200}
        assert len({headers["x-request-id"] for _, headers in responses}) == 40
        until(lambda: told(serving) == 40)

        for _ in range(2):
            before = serving.workers()
            os.kill(min(before), signal.SIGKILL)
            until(lambda before=before: len(serving.workers() - before) == 1)  # type: ignore[misc]
        # Whoever tells the numbers may have been among the dead; its port waits for the successor.
        assert told(serving) == 40

        assert {send_request(serving.port, key, "/api/v1/statuses")[0] for _ in range(20)} == {200}
        until(lambda: told(serving) == 60)
        assert serving.end() == 0
        assert refuses(port_of(serving))
        assert list((on_postgres.folder / "data").glob("metrics*")) == []


def test_metrics_report_requests_counted_without_redis(sqlite: Earshot) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    with sqlite.serving(EARSHOT_METRICS_PORT="0", EARSHOT_REDIS_URL=away) as serving:
        key = key_of(serving, "ProductLift")
        assert {send_request(serving.port, key)[0] for _ in range(5)} == {200}

        until(lambda: metrics_of(serving)["earshot_redis_fallbacks_total"] == {at(): 5})


def test_metrics_are_served_as_openmetrics_on_request(sqlite: Earshot) -> None:
    with sqlite.serving(EARSHOT_METRICS_PORT="0") as serving:
        assert send_request(serving.port, "nobody", "/health")[0] == 200

        response = scrape(serving, OPENMETRICS)

    assert response.headers["content-type"].startswith("application/openmetrics-text;")
    families = {family.name: family.type for family in openmetrics_families(response.text)}
    assert families == {
        "earshot_requests": "counter",
        "earshot_request_duration_seconds": "histogram",
        "earshot_limit_refusals": "counter",
        "earshot_redis_fallbacks": "counter",
        "earshot_outbox_depth": "gauge",
        "earshot_outbox_pending": "gauge",
        "earshot_outbox_delay_seconds": "gauge",
        "earshot_sqlite_wal_bytes": "gauge",
    }


def test_the_metrics_port_serves_only_metrics_and_closes_with_the_server(sqlite: Earshot) -> None:
    with sqlite.serving(EARSHOT_METRICS_PORT="0") as serving:
        port = port_of(serving)

        paths = ("/", "/api/v1/posts", "/health", "/metrics")
        assert [send_request(port, "nobody", path)[0] for path in paths] == [404, 404, 404, 200]
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=30).text == "The metrics are at /metrics\n"
        assert send_request(serving.port, "nobody", "/metrics")[0] == 404
        with socket.create_connection(("127.0.0.1", port)):
            assert serving.end() == 0
        assert refuses(port)


def test_a_metrics_port_in_use_prevents_the_start(sqlite: Earshot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        done = sqlite.run("serve", "--port", "0", EARSHOT_METRICS_PORT=str(taken))
    own = free_port()
    twice = sqlite.run("serve", "--port", str(own), EARSHOT_METRICS_PORT=str(own))
    overlapping = {"EARSHOT_METRICS_PORT": str(own), "EARSHOT_METRICS_HOST": "0.0.0.0"}
    everywhere = sqlite.run("serve", "--port", str(own), **overlapping)
    nowhere = sqlite.run("serve", "--port", "0", EARSHOT_METRICS_PORT="0", EARSHOT_METRICS_HOST="203.0.113.77")

    assert message_of(done) == (
        f"port {taken} of 127.0.0.1 is in use: end what listens there, or choose another port with EARSHOT_METRICS_PORT"
    )
    assert message_of(twice) == message_of(everywhere)
    assert message_of(twice) == (
        f"EARSHOT_METRICS_PORT is {own}, the port of the server itself: "
        "set EARSHOT_METRICS_PORT to another port, such as 9464"
    )
    assert message_of(nowhere).startswith(
        "EARSHOT_METRICS_HOST=203.0.113.77: this machine does not have this address: write an IP address"
    )
    assert not (sqlite.folder / "data").exists()


def test_metrics_are_disabled_by_default(sqlite: Earshot) -> None:
    with sqlite.serving() as serving:
        assert "metrics    " not in serving.output
    program = (
        "import sys\n"
        "import app.cli, app.application, app.server.serve, app.server.metrics_endpoint\n"
        "unwanted = ('prometheus_client', 'opentelemetry.sdk', 'opentelemetry.exporter')\n"
        "print([name for name in unwanted if name in sys.modules])\n"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
