"""Whether the server says how it is."""

import pytest

from app.settings import Settings
from tests.conftest import TestClock
from tests.support.assembled import assembled
from tests.support.clients import Client
from tests.support.processes import free_port
from tests.support.servers import Redis


@pytest.mark.parametrize("host", ["http://feedback.example.com", "http://127.0.0.1:8000", "http://[::1]"])
async def test_who_asks_for_health_is_told_without_a_key(anyone: Client, host: str) -> None:
    answer = await anyone.of(None, base="", host=host).get("/health")

    assert (answer.status_code, answer.text) == (200, "success")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_server_with_its_database_is_ready(anyone: Client) -> None:
    answer = await anyone.of(None, base="").get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"ready": True, "database": True, "redis": None})


async def test_a_server_whose_redis_is_away_serves_on_and_says_so(
    settings: Settings, clock: TestClock, redis: Redis
) -> None:
    async with (
        assembled(settings, clock, redis_url=redis.url) as with_redis,
        assembled(settings, clock, redis_url=f"redis://127.0.0.1:{free_port()}/0") as without,
        Client(with_redis, token=None, base="") as there,
        Client(without, token=None, base="") as away,
    ):
        answers = [await there.get("/health/ready"), await away.get("/health/ready")]

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"ready": True, "database": True, "redis": True}),
        (200, {"ready": True, "database": True, "redis": False}),
    ]
