"""The queue of writes: one at a time, first in, first out.

Short operations run in the event loop itself, one after the other, as soon as the queue is free. A lock would wake one
waiter in each iteration of the loop, so many waiters behind a long operation would take as many iterations.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from app.adapters.database.unusable import DatabaseUnusable

T = TypeVar("T")

MAX_BATCH: Final = 32
"""The number of short operations that run before the event loop continues with other work."""
MAX_WAIT_SECONDS: Final = 5.0
"""A write that waits longer raises ServiceUnavailable; nothing of it has run."""


class WriteQueue:
    """The queue of one event loop."""

    def __init__(self, *, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self.max_wait_seconds = max_wait_seconds
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[[], Any] | None]] = deque()
        """Each future with its operation, or with None for an exclusive turn."""
        self.held = False

    @property
    def is_idle(self) -> bool:
        """Whether an operation may run now, without overtaking another."""
        return not self.held and not self._waiting

    async def run(self, operation: Callable[[], T]) -> T:
        """Run the operation at its turn, and return its result. It is skipped if its caller was cancelled before.

        Raises ServiceUnavailable if its turn does not come in time.
        """
        return await self._enqueue(operation, self.max_wait_seconds)  # type: ignore[no-any-return]

    @asynccontextmanager
    async def exclusive(self, *, patient: bool = False) -> AsyncIterator[None]:
        """Make other writes wait during the block. Raises ServiceUnavailable as `run` does, unless `patient`."""
        await self._enqueue(None, None if patient else self.max_wait_seconds)
        try:
            yield
        finally:
            self.held = False
            self._drain()

    async def _enqueue(self, operation: Callable[[], Any] | None, max_wait: float | None) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        entry = (future, operation)
        self._waiting.append(entry)
        self._drain()
        timer = None
        if max_wait is not None and not future.done():
            timer = loop.call_later(max_wait, self._time_out, entry)
        try:
            return await future
        except asyncio.CancelledError:
            if operation is None and future.done() and not future.cancelled() and future.exception() is None:
                # The exclusive turn was granted, but not used.
                self.held = False
                self._drain()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _time_out(self, entry: tuple[asyncio.Future[Any], Callable[[], Any] | None]) -> None:
        if not entry[0].done():
            # Its operation may hold a long text, so it must not stay in the queue until the queue is free again.
            self._waiting.remove(entry)
            entry[0].set_exception(DatabaseUnusable("another write holds the database for too long", "try again later"))

    def _drain(self) -> None:
        for _ in range(MAX_BATCH):
            if self.held or not self._waiting:
                return
            future, operation = self._waiting.popleft()
            if future.done():
                continue
            if operation is None:
                self.held = True
                future.set_result(None)
                return
            try:
                outcome = operation()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(outcome)
        asyncio.get_running_loop().call_soon(self._drain)
