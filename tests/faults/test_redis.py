"""Redis that goes away or hangs under a running server of two processes."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.observability.test_metrics import at, metrics_of
from tests.server.test_serve import key_of, until
from tests.support.commands import Earshot, Serving
from tests.support.requirements import need
from tests.support.servers import Redis, find_redis


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that only this test uses, and may stop."""
    found = find_redis()
    need("Redis", found, "it shares rate limits between processes")
    server = Redis(found)
    yield server
    server.close()


def send_request(serving: Serving, dialect: str, count: int) -> list[httpx.Response]:
    """So many requests at once, each on a connection of its own, so that both processes get some."""

    async def all_of_them() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {key_of(serving, dialect)}", "connection": "close"}
        async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=100), headers=headers) as client:
            return await asyncio.gather(*(client.get(f"{serving.address}/api/v1/posts") for _ in range(count)))

    return asyncio.run(all_of_them())


def statuses(responses: list[httpx.Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


def fallbacks(serving: Serving) -> float:
    return metrics_of(serving)["earshot_redis_fallbacks_total"][at()]


def events(serving: Serving) -> list[str]:
    return [json.loads(line)["event"] for line in serving.log.read_text().splitlines()]


@pytest.mark.parametrize(("dialect", "limit"), [("ProductLift", 60), ("Astuto", 100)])
def test_parallel_requests_to_two_processes_share_one_limit(
    on_postgres: Earshot, own_redis: Redis, dialect: str, limit: int
) -> None:
    with on_postgres.serving("--workers", "2", EARSHOT_REDIS_URL=own_redis.url) as serving:
        assert statuses(send_request(serving, dialect, 200)) == {200: limit, 429: 200 - limit}
        assert serving.end() == 0


FAULTS = {"stopped": ("stop", "start"), "killed": ("kill", "start"), "hangs": ("pause", "resume")}


@pytest.mark.parametrize("fault", FAULTS)
def test_requests_are_served_without_redis_and_counted_there_afterwards(
    on_postgres: Earshot, own_redis: Redis, fault: str
) -> None:
    away, back = FAULTS[fault]
    settings = {"EARSHOT_REDIS_URL": own_redis.url, "EARSHOT_METRICS_PORT": "0"}
    with on_postgres.serving("--workers", "2", **settings) as serving:
        assert statuses(send_request(serving, "ProductLift", 10)) == {200: 10}
        assert fallbacks(serving) == 0
        getattr(own_redis, away)()

        begun = time.monotonic()
        without = statuses(send_request(serving, "ProductLift", 200))
        # One wait of two seconds for Redis, not one for each of the requests behind another.
        assert time.monotonic() - begun < 15
        assert set(without) <= {200, 429}
        assert 60 <= without[200] <= 120

        # Each process brings its number into its ledger a moment later.
        until(lambda: fallbacks(serving) == 200)
        getattr(own_redis, back)()

        def both_count_there() -> bool:
            send_request(serving, "Astuto", 2)
            return events(serving).count("Redis answers again; counting there") == 2

        until(both_count_there)
        assert sum("Redis does not answer" in event for event in events(serving)) == 2
        passed = statuses(send_request(serving, "ProductLift", 100))
        if fault == "hangs":
            # It has kept its ten, and what it had been sent on twenty connections of each process.
            assert 10 <= passed[200] <= 50
        else:
            assert passed == {200: 60, 429: 40}
        assert serving.end() == 0


def test_without_redis_astuto_counts_by_key_and_by_address(sqlite: Earshot, own_redis: Redis) -> None:
    """A hundred for each: a key at its limit is refused everywhere, an address whatever key it brings."""
    settings = {"EARSHOT_REDIS_URL": own_redis.url, "EARSHOT_TRUSTED_PROXIES": "127.0.0.1"}
    with sqlite.serving(**settings) as serving:
        one = key_of(serving, "Astuto")
        made = json.loads(sqlite.run("keys", "create", "--dialect", "astuto", "--user", "1", "--json").out)
        other = made["key"]

        def asked(key: str, address: str, count: int) -> list[int]:
            headers = {"authorization": f"Bearer {key}", "x-forwarded-for": address}
            with httpx.Client(base_url=serving.address, headers=headers, timeout=30) as client:
                return [client.get("/api/v1/posts").status_code for _ in range(count)]

        own_redis.kill()
        assert asked(one, "192.0.2.1", 101) == [200] * 100 + [429]
        assert asked(one, "192.0.2.2", 1) == [429]
        assert asked(other, "192.0.2.1", 1) == [429]
        assert asked(other, "192.0.2.2", 50) == [200] * 50
        assert serving.end() == 0
