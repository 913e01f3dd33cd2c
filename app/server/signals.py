"""SIGTERM and SIGINT at any moment of a server's life: heard once, never lost, whatever is just being done."""

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
AGAIN_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 10.0
"""How long a start may take to end; then it is left as a kill would leave it, which takes nothing from the database."""

Handler = Callable[[int, FrameType | None], None]


class ShutdownSignals:
    """Being told to end during a start, until somebody serves and is told instead.

    First a start is left on the spot: what was begun is rolled back. From `hold` on it is only remembered, so that what
    must be done together is. From `delegate_to` on another is told.
    """

    def __init__(self) -> None:
        self._told: list[int] = []
        self._held = False
        self._handler: Handler | None = None
        self._until = 0.0

    def install(self) -> None:
        """Listen from now on, with success as the code of the exit."""
        signal.signal(signal.SIGALRM, self._insist)
        # When nothing is left to wait for; after that Python takes its handlers away, and the alarm would be a kill.
        atexit.register(_disarm)
        for number in SIGNALS:
            signal.signal(number, self._hear)

    @property
    def requested(self) -> bool:
        """Whether this process was told to end."""
        return bool(self._told)

    def defer(self) -> None:
        """Only remember, from now on."""
        self._held = True

    def delegate_to(self, handler: Handler) -> None:
        """Tell `handler` from now on, and now what was told before."""
        self._handler = handler
        _disarm()
        for number in self._told:
            handler(number, None)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._handler is not None:
            self._handler(number, frame)
            return
        self._told.append(number)
        if not self._until:
            self._until = time.monotonic() + PATIENCE_SECONDS
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, AGAIN_SECONDS)
        if not self._held:
            sys.exit(0)

    def _insist(self, number: int, frame: FrameType | None) -> None:
        # Python forgets an exception that is raised while it collects garbage or calls back from C: raise it again.
        if self._handler is not None:
            return
        if time.monotonic() >= self._until:
            os._exit(0)
        if not self._held:
            sys.exit(0)


def _disarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
