"""Threads with a bounded queue, for work that blocks or needs CPU."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from app.domain.errors import ServiceUnavailable

P = ParamSpec("P")
T = TypeVar("T")


class BoundedThreadPool:
    """`max_workers` threads; at most `max_queued` more calls wait."""

    def __init__(self, name: str, *, max_workers: int, max_queued: int) -> None:
        self._executor = ThreadPoolExecutor(max_workers, name)
        self.shutdown = self._executor.shutdown
        self._name = name
        self._places = asyncio.Semaphore(max_workers + max_queued)

    async def run(self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the operation in a thread. Raises ServiceUnavailable if the queue is full."""
        if self._places.locked():
            raise ServiceUnavailable(f"too many {self._name} wait for a thread")
        await self._places.acquire()
        future = asyncio.get_running_loop().run_in_executor(self._executor, lambda: operation(*args, **kwargs))
        # After a disconnect the operation still runs: it keeps its place until it is done.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.shield(future)
