"""Fixtures of the tests of concurrent requests."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from app.settings import Settings
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory


@pytest.fixture
def write(make: Factory, settings: Settings) -> Iterator[ConcurrentWriter]:
    """Starts up to four writes at the same time."""
    with closing(ConcurrentWriter(settings, make.portal, lanes=4)) as writer:
        yield writer


@pytest.fixture
async def owner_key(make: Factory) -> str:
    """The owner's key of ProductLift's dialect."""
    return await make.key(make.owner, "productlift")
