"""Fixtures of the tests of concurrent requests and of rate limits."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from datetime import UTC, datetime

import pytest
from redis import Redis as RedisClient

from app.application import Application
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.concurrency import ConcurrentWriter
from tests.support.concurrent_clients import ConcurrentClients
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.routes import DIALECTS
from tests.support.servers import Redis

Serve = Callable[..., AbstractAsyncContextManager[Application]]

# 250.5 seconds into a slot of 300, which are aligned to the epoch.
NOON = datetime(2026, 3, 1, 12, 4, 10, 500_000, tzinfo=UTC)


def clear(redis: Redis) -> None:
    """Delete all counters."""
    with RedisClient.from_url(redis.url) as client:
        client.flushall()


@pytest.fixture
def write(make: Factory, settings: Settings) -> Iterator[ConcurrentWriter]:
    """Starts up to four writes at the same time."""
    with closing(ConcurrentWriter(settings, make.portal, lanes=4)) as writer:
        yield writer


@pytest.fixture
async def owner_key(make: Factory) -> str:
    """The owner's key of ProductLift's dialect."""
    return await make.key(make.owner, "productlift")


@pytest.fixture
def serve(settings: Settings, clock: TestClock, make: Factory) -> Serve:
    """Runs a server with the default rate limits, or with those of the keywords, at a stopped clock."""
    clock.set(NOON)
    return lambda **changed: running_application(settings, clock, rate_limits=True, **changed)


@pytest.fixture
def empty_redis(redis: Redis) -> Redis:
    """A Redis without counters."""
    clear(redis)
    return redis


@pytest.fixture(params=["memory", "redis"])
def serve_on_store(request: pytest.FixtureRequest, serve: Serve) -> Serve:
    """As `serve`, with the counters in this process or in Redis."""
    if request.param == "memory":
        return serve
    redis: Redis = request.getfixturevalue("empty_redis")
    return lambda **changed: serve(redis_url=redis.url, **changed)


@pytest.fixture
async def clients(make: Factory, write: ConcurrentWriter) -> ConcurrentClients:
    return ConcurrentClients(make, write, {dialect: await make.key(make.owner, dialect) for dialect in DIALECTS})
