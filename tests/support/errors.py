"""The error that an operation raises."""

from collections.abc import Awaitable
from typing import Any

import pytest


async def error_from(operation: Awaitable[Any], kind: type[Exception]) -> Any:
    """The error of this kind that the operation raises; fails if it raises none."""
    with pytest.raises(kind) as caught:
        await operation
    return caught.value
