"""Fixtures of every test: a database of each engine, a started application, clients of both dialects, a factory."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from app.adapters.database.migrations import migrate
from app.application import Application
from app.settings import Settings
from tests.support.clients import Client
from tests.support.command_fixtures import compiled, earshot, folder, fresh_postgres, on_postgres, sqlite
from tests.support.extra_servers import SECRET, make_settings, running_application
from tests.support.factory import Factory
from tests.support.requirements import need, pytest_make_collect_report, pytest_runtest_makereport
from tests.support.servers import Postgres, Redis, find_postgres, find_redis, start_postgres
from tests.support.sql import script

__all__ = [
    "SECRET",
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
TRUNCATE_ALL = """
DO $$ BEGIN EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(tablename, ', ') || ' RESTART IDENTITY CASCADE'
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
); END $$
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=ENGINES, help="run on this database only")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        only = metafunc.config.getoption("--engine")
        marker = metafunc.definition.get_closest_marker("only_on")
        engines = [each for each in ENGINES if only in (None, each) and (marker is None or each in marker.args)]
        metafunc.parametrize("engine", engines, scope="session")


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
    server = Redis(binary)
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
def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty, migrated database of the engine under test."""
    if engine == "sqlite":
        path = tmp_path / "earshot.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgres_database")
    script(url, TRUNCATE_ALL)
    return url


@pytest.fixture
def clock() -> TestClock:
    """The clock of the server under test."""
    return TestClock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of the server under test: without rate limits."""
    return make_settings(database_url, tmp_path / "data")


@pytest_asyncio.fixture
async def server(settings: Settings, clock: TestClock) -> AsyncIterator[Application]:
    """The started application."""
    async with running_application(settings, clock) as running:
        yield running


@pytest_asyncio.fixture
async def server_without_database(
    postgres: Postgres, postgres_database: str, clock: TestClock, tmp_path: Path
) -> AsyncIterator[Application]:
    """A started application whose PostgreSQL has been stopped since. A test may start it again."""
    need("a PostgreSQL of the tests' own", postgres.ours, "it is stopped and started again")
    async with running_application(make_settings(postgres_database, tmp_path), clock) as running:
        postgres.stop()
        try:
            yield running
        finally:
            postgres.start()


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
