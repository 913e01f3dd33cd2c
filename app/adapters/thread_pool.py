"""Threads with a bounded queue, for work that blocks or needs CPU."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from app.domain.errors import ServiceUnavailable

P = ParamSpec("P")
T = TypeVar("T")


class BoundedThreadPool(ThreadPoolExecutor):
    """`max_workers` threads; at most `max_queued` more calls wait."""

    def __init__(self, name: str, *, max_workers: int, max_queued: int) -> None:
        super().__init__(max_workers, name)
        self._name = name
        self._max_pending = max_workers + max_queued
        self._pending = 0

    async def run(self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the operation in a thread. Raises ServiceUnavailable if the queue is full."""
        if self._pending >= self._max_pending:
            raise ServiceUnavailable(f"too many {self._name} wait for a thread")
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self, lambda: operation(*args, **kwargs))
        # After a disconnect the operation still runs: it counts until it is done.
        future.add_done_callback(self._count_down)
        return await asyncio.shield(future)

    def _count_down(self, _: Any) -> None:
        self._pending -= 1
