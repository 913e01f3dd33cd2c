"""SIGTERM and SIGINT before a server handles them itself."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def exit_on_signals() -> None:
    """End this process at once, with exit code 0, on SIGTERM or SIGINT.

    The database rolls back what was not committed. No exception is raised, because Python drops one that is raised in
    a finalizer, and the signal would be lost.
    """
    for number in SIGNALS:
        signal.signal(number, _exit)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Deliver a signal that arrives inside the block at the end of the block."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(0)
