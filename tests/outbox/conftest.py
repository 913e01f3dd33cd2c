"""Deliveries without events, for the tests of claims and lists."""

import pytest_asyncio

from tests.support.factory import Factory
from tests.support.outbox import OutboxFactory


@pytest_asyncio.fixture
async def outbox(make: Factory) -> OutboxFactory:
    """Creates endpoints and deliveries in the first portal."""
    return OutboxFactory(make)
