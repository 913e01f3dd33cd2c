"""Running an assembled server on open sockets, in this process or in several, until it is told to end."""

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn

from app.assembly import Observer, Server
from app.domain.refusals import Unavailable
from app.logs import RequestLog
from app.serving.exposing import Metrics, exposed
from app.serving.protocol import BoundedProtocol
from app.serving.start import program_version
from app.settings import Settings, masked
from app.traces import Traces

FINISH_SECONDS: Final = 10
"""How long requests may take to finish after the server was told to end."""
END_SECONDS: Final = 18.0
"""How long workers may take to end altogether."""
IDLE_SECONDS: Final = 65
"""A proxy that keeps connections for a minute must not find them closed by us."""
BETWEEN_RESTARTS: Final = 1.0

log = structlog.get_logger("earshot.serving")


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, which ends with success when it is asked to end, and with its parent."""

    def __init__(self, config: uvicorn.Config, parent: int | None) -> None:
        super().__init__(config)
        self._parent = parent

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self._parent is not None and os.getppid() != self._parent:
            return True
        return await super().on_tick(counter)


def run(
    build: Callable[[], Server],
    listeners: Sequence[socket.socket],
    requests: RequestLog,
    metrics: Metrics | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT, then finish what runs; the exit code. One process for each socket.

    `metrics` has a ledger for each of them. The first process tells what stands in all.
    """
    code = _run(build, listeners, requests, metrics)
    if code == 0:
        log.info("ended")
    return code


def _run(
    build: Callable[[], Server],
    listeners: Sequence[socket.socket],
    requests: RequestLog,
    metrics: Metrics | None,
) -> int:
    if len(listeners) == 1:
        return _serve(_Place(build, listeners[0], requests, metrics, number=0, parent=None))
    parent = os.getpid()
    kept = [*listeners, *([] if metrics is None else [metrics.listener])]

    def serve(number: int) -> int:
        needed = (listeners[number], metrics.listener if metrics is not None and number == 0 else None)
        for other in kept:
            if other not in needed:
                other.close()
        return _serve(_Place(build, listeners[number], requests, metrics, number, parent))

    return _Crew([partial(serve, number) for number in range(len(listeners))], kept).run()


@dataclass(frozen=True, slots=True)
class _Place:
    """What one process serves with, and which of several it is."""

    build: Callable[[], Server]
    listener: socket.socket
    requests: RequestLog
    metrics: Metrics | None
    number: int
    parent: int | None


def _serve(place: _Place) -> int:
    requests = place.requests
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_live(place))
        except Unavailable as error:
            log.error("cannot start", reason=str(error))
            return 1
        finally:
            requests.flush()
    return 0


async def _live(place: _Place) -> None:
    server = place.build()
    observers: list[Observer] = [place.requests]
    if place.metrics is not None:
        ledger = place.metrics.ledgers[place.number]
        ledger.resume()
        server.measured_into(ledger)
        observers.append(ledger)
    spans = _traces(server.settings)
    if spans is not None:
        observers.append(spans)
    server.observed_by(*observers)
    config = uvicorn.Config(
        server,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        workers=1,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    await server.start()
    try:
        server.work_behind()
        # What stands after a start stands until the end; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        async with exposed(place.metrics if place.number == 0 else None, server.database):
            await _Uvicorn(config, place.parent).serve([place.listener])
    finally:
        await server.stop()
        if spans is not None:
            await spans.close()


def _traces(settings: Settings) -> Traces | None:
    if settings.otlp_url is None:
        return None
    return Traces(settings.otlp_url, version=program_version(), shown=masked(settings.otlp_url))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class _Crew:
    """Processes that serve side by side; one that dies is replaced."""

    def __init__(self, tasks: Sequence[Callable[[], int]], listeners: Sequence[socket.socket]) -> None:
        self._tasks = tasks
        self._listeners = listeners
        """Kept open here, so that nobody is turned away while a process is replaced."""
        self._crew: dict[int, int] = {}
        """Process id to the place in `tasks`."""

    def run(self) -> int:
        heeded = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
        signal.signal(signal.SIGCHLD, _nothing)
        signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
        for place in range(len(self._tasks)):
            self._begin(place, heeded)
        while True:
            if signal.sigwait(heeded) != signal.SIGCHLD:
                return self._end()
            for place, code in self._ended():
                log.error("a worker ended and is replaced", code=code)
                time.sleep(BETWEEN_RESTARTS)
                self._begin(place, heeded)

    def _begin(self, place: int, heeded: set[signal.Signals]) -> None:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self._crew[pid] = place
            return
        code = 1
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, heeded)
            code = self._tasks[place]()
        except SystemExit as told:
            code = told.code if isinstance(told.code, int) else 1
        except BaseException as error:
            log.error("a worker failed", exc_info=error)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not `exit`: what the parent registered to happen at its end is not the worker's to do.
            os._exit(code)

    def _ended(self) -> list[tuple[int, int]]:
        gone = []
        while self._crew:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            if pid in self._crew:
                gone.append((self._crew.pop(pid), os.waitstatus_to_exitcode(status)))
        return gone

    def _end(self) -> int:
        for listener in self._listeners:
            listener.close()
        for pid in self._crew:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while self._crew and time.monotonic() < deadline:
            if not self._ended():
                time.sleep(0.02)
        for pid in self._crew:
            log.error("a worker did not end in time", pid=pid)
            os.kill(pid, signal.SIGKILL)
        return 0


def _nothing(number: int, frame: FrameType | None) -> Any:
    """A handler, because some systems don't tell of a child's end while nobody handles it."""
