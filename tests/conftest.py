"""Fixtures of every test: a database of each engine, a started application, clients of both dialects, a factory."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from app.adapters.database.migrations import migrate
from app.application import Application, create_app
from app.settings import Settings
from tests.support.clients import Client
from tests.support.command_fixtures import compiled, earshot, folder, fresh_postgres, on_postgres, sqlite
from tests.support.factory import Factory
from tests.support.requirements import need, pytest_make_collect_report, pytest_runtest_makereport
from tests.support.servers import Postgres, Redis, find_postgres, find_redis, start_postgres, start_redis

__all__ = [
    "compiled",
    "earshot",
    "folder",
    "fresh_postgres",
    "on_postgres",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "sqlite",
]

ENGINES = ("sqlite", "postgresql")
SECRET = "a secret of the tests, long enough 0123456789"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=ENGINES, help="run on this database only")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        only = metafunc.config.getoption("--engine")
        metafunc.parametrize("engine", [only] if only else ENGINES, scope="session")


class TestClock:
    """The clock of the server under test: real time plus what a test has added."""

    __test__ = False

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._fixed: datetime | None = None

    def __call__(self) -> datetime:
        return self._fixed or datetime.now(UTC) + self._ahead

    def set(self, timestamp: datetime) -> None:
        """Stop the clock at a time."""
        self._fixed = timestamp

    def advance(self, **time: float) -> None:
        """Move the clock forward: `advance(seconds=61)`."""
        if self._fixed is not None:
            self._fixed += timedelta(**time)
        else:
            self._ahead += timedelta(**time)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    binary = find_postgres()
    need("PostgreSQL", binary, "half of the tests run on it")
    server = start_postgres(binary)
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A running Redis."""
    binary = find_redis()
    need("Redis", binary, "it shares rate limits between processes")
    server = start_redis(binary)
    yield server
    server.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file, copied for each test."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_database(postgres: Postgres) -> str:
    """A migrated PostgreSQL database, emptied for each test."""
    url = postgres.create("earshot_tests")
    asyncio.run(migrate(url))
    return url


@pytest.fixture
def _database(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if engine == "postgresql":
        return str(request.getfixturevalue("postgres_database"))
    path = tmp_path / "earshot.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest_asyncio.fixture
async def database_url(_database: str) -> str:
    """An empty, migrated database of the engine under test."""
    if _database.startswith("sqlite"):
        return _database
    url = _database
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        names = ", ".join(row[0] for row in tables)
        await connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    finally:
        await connection.close()
    return url


@pytest.fixture
def clock() -> TestClock:
    """The clock of the server under test."""
    return TestClock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of the server under test: without rate limits."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_url=database_url,
        data_dir=tmp_path / "data",
        secret_key=SECRET,
        rate_limits=False,
    )


@pytest_asyncio.fixture
async def server(settings: Settings, clock: TestClock) -> AsyncIterator[Application]:
    """The started application."""
    running = create_app(settings, clock=clock)
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def make(server: Application) -> Factory:
    """A factory for rows. The portal of a first start is there, with its owner."""
    factory = Factory(server, SECRET.encode())
    await factory.first_portal()
    return factory


@pytest_asyncio.fixture
async def astuto(make: Factory, server: Application) -> AsyncIterator[Client]:
    """A client with the owner's key of Astuto's dialect; `astuto.of(token)` is one with another key."""
    async with Client(server, token=await make.key(make.owner, "astuto")) as client:
        yield client


@pytest_asyncio.fixture
async def productlift(make: Factory, server: Application) -> AsyncIterator[Client]:
    """A client with the owner's key of ProductLift's dialect."""
    async with Client(server, token=await make.key(make.owner, "productlift")) as client:
        yield client


@pytest_asyncio.fixture
async def anyone(make: Factory, server: Application) -> AsyncIterator[Client]:
    """A client without a key."""
    async with Client(server, token=None) as client:
        yield client
