"""The health checks, and the error pages."""

import asyncio
from typing import Any

import httpx
import pytest

from app.adapters.database.migrations import with_connection
from app.application import Application, create_app
from app.settings import Settings
from app.web.readiness import PROBE_TIMEOUT_SECONDS, CachedProbe
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.servers import Postgres, Redis

WELL = {"ready": True, "ending": False, "database": True, "revision": True, "storage": True, "redis": None}


async def until_ready(visitor: Client, **members: Any) -> Any:
    """Request until the server is ready with these members; the test's time limit ends the loop."""
    while True:
        response = await visitor.get("/health/ready")
        if response.status_code == 200 and response.json() | members == response.json():
            return response.json()


@pytest.mark.parametrize("host", ["http://feedback.example.com", "http://127.0.0.1:8000", "http://[::1]"])
async def test_health_requires_no_key(anyone: Client, host: str) -> None:
    response = await anyone.of(None, base="", host=host).get("/health")

    assert (response.status_code, response.text) == (200, "success")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"


async def test_a_server_with_a_database_is_ready(anyone: Client) -> None:
    response = await anyone.of(None, base="").get("/health/ready")

    assert (response.status_code, response.json()) == (200, WELL)
    assert response.headers["cache-control"] == "no-store"


async def test_a_database_at_another_revision_is_not_served(make: Factory, anyone: Client) -> None:
    revision = await make.value("SELECT version_num FROM alembic_version")
    await make.run("UPDATE alembic_version SET version_num = 'another'")
    try:
        response = await anyone.of(None, base="").get("/health/ready")
    finally:
        await make.run("UPDATE alembic_version SET version_num = :revision", revision=revision)

    assert (response.status_code, response.json()) == (503, WELL | {"ready": False, "revision": False})


async def rename_table(url: str, table: str, name: str) -> None:
    await with_connection(url, lambda opened: opened.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {name}"))


async def test_a_database_without_tables_is_not_served(database_url: str, anyone: Client) -> None:
    await rename_table(database_url, "alembic_version", "mislaid")
    try:
        response = await anyone.of(None, base="").get("/health/ready")
    finally:
        await rename_table(database_url, "mislaid", "alembic_version")

    assert (response.status_code, response.json()) == (503, WELL | {"ready": False, "revision": False})


async def test_unwritable_storage_is_reported_until_it_is_writable(
    make: Factory, anyone: Client, settings: Settings
) -> None:
    uploads = settings.data_dir / "uploads"
    uploads.parent.mkdir(exist_ok=True)
    uploads.write_text("a file where a folder should be")
    at_root = anyone.of(None, base="")

    broken = await at_root.get("/health/ready")
    uploads.unlink()
    repaired = await until_ready(at_root)

    assert (broken.status_code, broken.json()) == (503, WELL | {"ready": False, "storage": False})
    assert repaired == WELL
    # The file that the probe stored is deleted.
    assert [path for path in uploads.rglob("*") if path.is_file()] == []


async def test_a_hanging_redis_delays_the_response_only_briefly(
    settings: Settings, clock: TestClock, redis: Redis
) -> None:
    async with (
        running_application(settings, clock, redis_url=redis.url) as server,
        Client(server, token=None, base="") as visitor,
    ):
        redis.pause()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS + 2):
                responses = await asyncio.gather(*(visitor.get("/health/ready") for _ in range(20)))
        finally:
            redis.resume()
        again = await until_ready(visitor, redis=True)

    assert {(response.status_code, str(response.json())) for response in responses} == {
        (200, str(WELL | {"redis": False}))
    }
    assert again == WELL | {"redis": True}


async def test_concurrent_checks_share_one_probe_and_a_hanging_one_is_not_repeated() -> None:
    runs, released = 0, asyncio.Event()

    async def run() -> str:
        nonlocal runs
        runs += 1
        await released.wait()
        return f"run {runs}"

    probe = CachedProbe(run, ttl=60.0, on_timeout="late")

    first = await asyncio.gather(*(probe() for _ in range(50)))
    # It has hung for longer than the timeout: later checks return at once.
    second = [await probe() for _ in range(50)]
    released.set()
    third = [await probe() for _ in range(50)]

    assert {*first, *second} == {"late"}
    assert set(third) == {"run 1"}
    assert runs == 1


async def test_a_server_is_not_ready_until_its_database_is_available(
    server_without_database: Application, postgres: Postgres
) -> None:
    async with Client(server_without_database, token=None, base="") as visitor:
        ready, alive, page, documents = [
            await visitor.get(path) for path in ("/health/ready", "/health", "/posts/dark-mode", "/docs")
        ]
        postgres.start()
        again = await until_ready(visitor)

    assert (ready.status_code, ready.json()) == (
        503,
        WELL | {"ready": False, "database": False, "revision": None},
    )
    assert (alive.status_code, alive.text) == (200, "success")
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")
    assert "<h1>Back in a moment</h1>" in page.text
    assert documents.status_code == 200
    assert again == WELL


async def test_an_unexpected_error_returns_a_page_without_details(settings: Settings, clock: TestClock) -> None:
    never_started = create_app(settings, clock=clock)
    transport = httpx.ASGITransport(never_started, raise_app_exceptions=False)

    async with httpx.AsyncClient(transport=transport, base_url="http://feedback.example.com") as visitor:
        response = await visitor.get("/posts/dark-mode")

    assert response.status_code == 500
    assert "<h1>Something went wrong</h1>" in response.text
    assert "Error" not in response.text
