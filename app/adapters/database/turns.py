"""Who writes next: one at a time, in the order in which they came.

Short acts run in the event loop itself, one after the other as soon as nobody holds the turn. A lock would wake one
waiter in each round of the loop, and a crowd that waited for one long act would take as many rounds to clear.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

T = TypeVar("T")

AT_A_STRETCH: Final = 32
"""So many short acts run before the loop may do something else."""


class Turns:
    """The turns of one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[[], Any] | None]] = deque()
        """Each with what it wants to run in the loop; None to be told that the turn is its own."""
        self.held = False

    @property
    def free(self) -> bool:
        """Whether a short act may run at once, past nobody."""
        return not self.held and not self._waiting

    async def run(self, act: Callable[[], T]) -> T:
        """What the act returns or raises, at its turn. An act whose caller was cancelled before is left out."""
        return await self._queued(act)  # type: ignore[no-any-return]

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Have the turn for as long as the block takes."""
        await self._queued(None)
        try:
            yield
        finally:
            self.held = False
            self._go_on()

    async def _queued(self, act: Callable[[], Any] | None) -> Any:
        place: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((place, act))
        self._go_on()
        try:
            return await place
        except asyncio.CancelledError:
            if act is None and place.done() and not place.cancelled():
                # The turn was given and never taken.
                self.held = False
                self._go_on()
            raise

    def _go_on(self) -> None:
        for _ in range(AT_A_STRETCH):
            if self.held or not self._waiting:
                return
            place, act = self._waiting.popleft()
            if place.done():
                continue
            if act is None:
                self.held = True
                place.set_result(None)
                return
            try:
                outcome = act()
            except BaseException as error:
                place.set_exception(error)
            else:
                place.set_result(outcome)
        asyncio.get_running_loop().call_soon(self._go_on)
