"""Worker processes that are forked from this one, and replaced when they end.

They are forked, not spawned as by uvicorn's supervisor, because forked workers share the memory of what their parent
imported and built.
"""

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from app.server.signals import SIGNALS

RESTART_INTERVAL_SECONDS: Final = 1.0
"""The shortest time between two replacements of the same worker, in case the worker can't run at all."""

log = structlog.get_logger("earshot.serving")


class Supervisor:
    """Runs each task in a process of its own until SIGTERM or SIGINT."""

    def __init__(
        self, tasks: Sequence[Callable[[], int]], sockets: Iterable[socket.socket], shutdown_timeout: float
    ) -> None:
        self._tasks = tasks
        self._sockets = sockets
        """Kept open here, so that clients wait while a worker is replaced."""
        self._shutdown_timeout = shutdown_timeout
        self._workers: dict[int, int] = {}
        """Process id to the index of its task."""
        self._restart_at = [0.0] * len(tasks)
        """The earliest time of the next replacement, by the index of the task."""

    def run(self) -> int:
        """Return the exit code."""
        signals = {*SIGNALS, signal.SIGCHLD}
        # Some systems do not deliver SIGCHLD while it has no handler.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        # The garbage collector must not write to memory pages that the workers share.
        gc.collect()
        gc.freeze()
        for index in range(len(self._tasks)):
            self._fork(index, signals)
        while signal.sigwait(signals) == signal.SIGCHLD:
            for index, code in self._reap():
                log.error("a worker ended and is replaced", code=code)
                if not self._replace(index, signals):
                    return self._stop()
        return self._stop()

    def _replace(self, index: int, signals: set[signal.Signals]) -> bool:
        """Fork the worker again; False when a signal to end came first."""
        delay = self._restart_at[index] - time.monotonic()
        while delay <= 0 or signal.sigtimedwait(SIGNALS, delay) is None:
            self._restart_at[index] = time.monotonic() + RESTART_INTERVAL_SECONDS
            try:
                self._fork(index, signals)
            except OSError as error:
                # There are no free memory or process ids at the moment. The other workers serve meanwhile.
                log.error("a worker can't be started yet", reason=error.strerror)
                delay = RESTART_INTERVAL_SECONDS
            else:
                return True
        return False

    def _fork(self, index: int, signals: set[signal.Signals]) -> None:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self._workers[pid] = index
            return
        code = 1
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            code = self._tasks[index]()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException as error:
            log.error("a worker failed", exc_info=error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not `sys.exit`, which would run the exit handlers that the parent registered.
            os._exit(code)

    def _reap(self) -> list[tuple[int, int]]:
        """The index and the exit code of each worker that has ended."""
        ended = []
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            if pid in self._workers:
                ended.append((self._workers.pop(pid), os.waitstatus_to_exitcode(status)))
        return ended

    def _stop(self) -> int:
        for listener in self._sockets:
            listener.close()
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + self._shutdown_timeout
        while self._workers and time.monotonic() < deadline:
            if not self._reap():
                time.sleep(0.02)
        for pid in self._workers:
            log.error("a worker did not end in time", pid=pid)
            os.kill(pid, signal.SIGKILL)
        return 0
