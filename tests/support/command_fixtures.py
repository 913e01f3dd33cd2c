"""The `earshot` command in an empty folder, with a new database of each engine."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.commands import Earshot
from tests.support.servers import Postgres

_numbers = count()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled modules of all commands of this run."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The empty folder that commands run in."""
    path = tmp_path / "place"
    path.mkdir()
    return path


@pytest.fixture
def sqlite(folder: Path, compiled: Path) -> Earshot:
    """The command with its default, a SQLite file in the folder."""
    return Earshot(folder, compiled, {})


@pytest.fixture
def fresh_postgres(postgres: Postgres) -> Iterator[str]:
    """An empty PostgreSQL database, not even migrated."""
    name = f"fresh_{next(_numbers)}"
    yield postgres.create(name)
    postgres.drop(name)


@pytest.fixture
def on_postgres(folder: Path, compiled: Path, fresh_postgres: str) -> Earshot:
    """The command with an empty PostgreSQL database."""
    return Earshot(folder, compiled, {"EARSHOT_DATABASE_URL": fresh_postgres})


@pytest.fixture
def earshot(engine: str, request: pytest.FixtureRequest) -> Earshot:
    """The command with an empty database of the engine under test."""
    command: Earshot = request.getfixturevalue("sqlite" if engine == "sqlite" else "on_postgres")
    return command
