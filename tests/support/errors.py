"""The error that an operation raises, and responses that are errors of the server."""

from collections.abc import Awaitable
from typing import Any

import httpx
import pytest


async def error_from(operation: Awaitable[Any], kind: type[Exception]) -> Any:
    """The error of this kind that the operation raises; fails if it raises none."""
    with pytest.raises(kind) as caught:
        await operation
    return caught.value


def is_server_error(response: httpx.Response) -> bool:
    """Whether the server failed. 501 is the documented response of routes whose function it does not have."""
    return response.status_code >= 500 and response.status_code != 501
