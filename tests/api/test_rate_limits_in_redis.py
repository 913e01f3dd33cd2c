"""Counters of rate limits that several servers share in Redis. docs/compatibility.md, section 5."""

import asyncio
import logging

import pytest
from redis import Redis as RedisClient

from tests.api.conftest import Serve, clear
from tests.support.clients import Client
from tests.support.servers import Redis


async def test_servers_that_share_redis_share_their_counters(
    serve: Serve, empty_redis: Redis, productlift: Client, astuto: Client
) -> None:
    settings = {"redis_url": empty_redis.url, "limit_productlift": "7/minute", "limit_astuto_key": "7/5minutes"}

    async with serve(**settings) as one, serve(**settings) as other:
        for token in (productlift.token, astuto.token):
            clients = [Client(server, token=token) for server in (one, other)]
            statuses = [(await clients[turn % 2].get("/posts")).status_code for turn in range(9)]
            assert statuses == [200] * 7 + [429] * 2


async def test_counters_expire_with_their_window_and_contain_no_key(
    serve: Serve, empty_redis: Redis, productlift: Client, astuto: Client
) -> None:
    async with serve(redis_url=empty_redis.url) as server:
        for token in (productlift.token, astuto.token, None):
            await Client(server, token=token).get("/posts")

    with RedisClient.from_url(empty_redis.url) as client:
        left = {name.decode(): client.pttl(name) for name in client.scan_iter()}
    # A token and an address for ProductLift, a key and an address for Astuto: nothing is counted twice.
    assert len(left) == 4
    for name, milliseconds in left.items():
        assert name.startswith("earshot:")
        assert 0 < milliseconds <= (300_000 if ":a" in name else 60_000)
        assert not [token for token in (productlift.token, astuto.token) if str(token) in name]


async def test_the_window_of_productlift_ends_by_the_clock_of_redis(
    serve: Serve, empty_redis: Redis, productlift: Client
) -> None:
    async with serve(redis_url=empty_redis.url, limit_productlift="2/second") as server:
        client = Client(server, token=productlift.token)
        allowed = [await client.get("/posts") for _ in range(2)]
        last = await client.get("/posts")
        while last.status_code == 429:
            assert last.headers["retry-after"] == "1"
            last = await client.get("/posts")

    assert [response.headers["x-ratelimit-remaining"] for response in (*allowed, last)] == ["1", "0", "1"]


@pytest.mark.parametrize("way", ["stop", "pause"])
async def test_without_redis_each_process_counts_separately(
    serve: Serve, empty_redis: Redis, productlift: Client, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    settings = {"redis_url": empty_redis.url, "limit_productlift": "3/minute"}

    async with serve(**settings) as server:
        client = Client(server, token=productlift.token)
        before = await client.get("/posts")
        assert server.services.rate_limiter.fallbacks == 0
        getattr(empty_redis, way)()
        try:
            with caplog.at_level(logging.WARNING, "earshot.limits"):
                during = [await client.get("/posts") for _ in range(5)]
            assert server.services.rate_limiter.fallbacks == 5
        finally:
            {"stop": empty_redis.start, "pause": empty_redis.resume}[way]()
        # After a failure Redis is not used for a moment; then requests are counted there again.
        while True:
            # The probe of Redis runs in the event loop, which these requests never leave.
            await asyncio.sleep(0.01)
            fallbacks = server.services.rate_limiter.fallbacks
            await client.get("/posts")
            if server.services.rate_limiter.fallbacks == fallbacks:
                break
        clear(empty_redis)
        after = [await client.get("/posts") for _ in range(5)]

    assert before.status_code == 200
    assert [response.status_code for response in during] == [200, 200, 200, 429, 429]
    assert "Redis does not answer" in caplog.text
    assert (productlift.token or "") not in caplog.text
    assert server.services.rate_limiter.fallbacks == fallbacks
    assert [response.status_code for response in after] == [200, 200, 200, 429, 429]
    assert [response.headers["x-ratelimit-remaining"] for response in after] == ["2", "1", "0", "0", "0"]
