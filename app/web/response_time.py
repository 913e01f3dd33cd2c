"""The time of responses that must not show whether an address is known."""

import asyncio
from collections.abc import Awaitable
from typing import Final

MIN_REQUEST_SECONDS: Final = 0.3
"""The response to a request for an email takes this long."""


async def wait_evenly(write: Awaitable[object]) -> None:
    """Wait for the write, and at least for MIN_REQUEST_SECONDS."""
    await asyncio.gather(write, asyncio.sleep(MIN_REQUEST_SECONDS))
