"""Whether the server says how it is."""

from pathlib import Path

import httpx
import pytest

from app.assembly import assemble
from app.settings import Settings
from tests.conftest import SECRET, TestClock
from tests.support.assembled import assembled
from tests.support.clients import Client
from tests.support.processes import free_port
from tests.support.requirements import need
from tests.support.servers import Postgres, Redis


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


async def test_without_its_database_a_server_says_so_and_is_ready_again_later(
    postgres: Postgres, postgres_database: str, clock: TestClock, tmp_path: Path
) -> None:
    need("a PostgreSQL of the tests' own", postgres.ours, "it is stopped and started again")
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_url=postgres_database,
        data_dir=tmp_path,
        secret_key=SECRET,
        rate_limits=False,
    )
    server = assemble(settings, clock=clock)
    await server.start()
    async with Client(server, token=None, base="") as visitor:
        postgres.stop()
        try:
            ready, alive, page, home = [
                await visitor.get(path) for path in ("/health/ready", "/health", "/posts/dark-mode", "/")
            ]
        finally:
            postgres.start()
        again = await visitor.get("/health/ready")
    await server.stop()

    assert (ready.status_code, ready.json()) == (503, {"ready": False, "database": False, "redis": None})
    assert (alive.status_code, alive.text) == (200, "success")
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")
    assert "<h1>Back in a moment</h1>" in page.text
    assert home.status_code == 200
    assert (again.status_code, again.json()) == (200, {"ready": True, "database": True, "redis": None})


async def test_what_nobody_foresaw_is_a_page_that_tells_nothing(settings: Settings, clock: TestClock) -> None:
    never_started = assemble(settings, clock=clock)
    transport = httpx.ASGITransport(never_started, raise_app_exceptions=False)

    async with httpx.AsyncClient(transport=transport, base_url="http://feedback.example.com") as visitor:
        answer = await visitor.get("/posts/dark-mode")

    assert answer.status_code == 500
    assert "<h1>Something went wrong</h1>" in answer.text
    assert "Error" not in answer.text
