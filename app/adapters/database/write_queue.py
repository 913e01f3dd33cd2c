"""Who writes next: one at a time, in the order in which they came.

Short acts run in the event loop itself, one after the other as soon as nobody holds the turn. A lock would wake one
waiter in each round of the loop, and a crowd that waited for one long act would take as many rounds to clear.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from app.domain.errors import ServiceUnavailable

T = TypeVar("T")

MAX_BATCH: Final = 32
"""So many short acts run before the loop may do something else."""
MAX_WAIT_SECONDS: Final = 5.0
"""A write that waits longer for its turn is refused as unavailable; nothing of it has run."""


class WriteQueue:
    """The turns of one event loop."""

    def __init__(self, *, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self.max_wait_seconds = max_wait_seconds
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[[], Any] | None]] = deque()
        """Each with what it wants to run in the loop; None to be told that the turn is its own."""
        self.held = False

    @property
    def is_idle(self) -> bool:
        """Whether a short act may run at once, past nobody."""
        return not self.held and not self._waiting

    async def run(self, operation: Callable[[], T]) -> T:
        """What the act returns or raises, at its turn. An act whose caller was cancelled before is left out.

        Raises Unavailable when its turn does not come in time.
        """
        return await self._queued(operation, self.max_wait_seconds)  # type: ignore[no-any-return]

    @asynccontextmanager
    async def exclusive(self, *, patient: bool = False) -> AsyncIterator[None]:
        """Have the turn for as long as the block takes. Raises Unavailable as `run`, unless it is `patient`."""
        await self._queued(None, None if patient else self.max_wait_seconds)
        try:
            yield
        finally:
            self.held = False
            self._drain()

    async def _queued(self, operation: Callable[[], Any] | None, max_wait: float | None) -> Any:
        loop = asyncio.get_running_loop()
        place: asyncio.Future[Any] = loop.create_future()
        waiting = (place, operation)
        self._waiting.append(waiting)
        self._drain()
        timer = None
        if max_wait is not None and not place.done():
            timer = loop.call_later(max_wait, self._give_up, waiting)
        try:
            return await place
        except asyncio.CancelledError:
            if operation is None and place.done() and not place.cancelled() and place.exception() is None:
                # The turn was given and never taken.
                self.held = False
                self._drain()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _give_up(self, waiting: tuple[asyncio.Future[Any], Callable[[], Any] | None]) -> None:
        if not waiting[0].done():
            # Its act may hold a long text, so it does not stay in the queue until the turn is free again.
            self._waiting.remove(waiting)
            waiting[0].set_exception(ServiceUnavailable("another write holds the database for too long"))

    def _drain(self) -> None:
        for _ in range(MAX_BATCH):
            if self.held or not self._waiting:
                return
            place, operation = self._waiting.popleft()
            if place.done():
                continue
            if operation is None:
                self.held = True
                place.set_result(None)
                return
            try:
                outcome = operation()
            except BaseException as error:
                place.set_exception(error)
            else:
                place.set_result(outcome)
        asyncio.get_running_loop().call_soon(self._drain)
