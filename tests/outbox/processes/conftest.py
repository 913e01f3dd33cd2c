"""The `earshot` command with one database of each engine for all tests of a module."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.commands import Earshot
from tests.support.outbox_processes import LOOPBACK
from tests.support.servers import Postgres

_numbers = count()


@pytest.fixture(scope="module")
def shared_earshot(
    engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, compiled: Path
) -> Iterator[Earshot]:
    """The command with an empty database, without rate limits, and allowed to call the receivers of the tests."""
    folder = tmp_path_factory.mktemp("outbox")
    settings = {"EARSHOT_RATE_LIMITS": "off", **LOOPBACK}
    if engine == "sqlite":
        yield Earshot(folder, compiled, settings)
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = f"outbox_{next(_numbers)}"
    yield Earshot(folder, compiled, {"EARSHOT_DATABASE_URL": postgres.create(name), **settings})
    postgres.drop(name)
