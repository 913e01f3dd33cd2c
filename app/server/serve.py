"""Running an assembled server on open sockets, in this process or in several, until it is told to end."""

import asyncio
import gc
import logging
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
from typing import Any, Final, cast

import structlog
import uvicorn

from app.application import Application, Observer
from app.domain.errors import ServiceUnavailable
from app.observability.logging import AccessLog
from app.observability.tracing import RequestTracer
from app.server.connections import ConnectionLimit, raise_open_file_limit
from app.server.http_limits import LimitedHttpProtocol
from app.server.metrics_endpoint import MetricsPort, serve_metrics
from app.server.signals import SIGNALS, ShutdownSignals
from app.server.sockets import accept_queue_length, resume_accepting, stop_accepting
from app.server.startup import program_version
from app.settings import Settings, mask_secrets

FINISH_TIMEOUT_SECONDS: Final = 10
"""How long requests may take to finish after the server was told to end."""
END_SECONDS: Final = 18.0
"""How long workers may take to end altogether."""
IDLE_SECONDS: Final = 65
"""A proxy that keeps connections for a minute must not find them closed by us."""
DRAIN_SECONDS: Final = 0.05
"""How long who is just connecting may take to do so when the end has come."""
BREAK_OFF_SECONDS: Final = 1.0
"""How long what is broken off may take to notice, before it is cancelled, and then to take that."""
BETWEEN_RESTARTS: Final = 1.0
"""From one replacement to the next in the same place, at least: what can't live is not begun without end."""

log = structlog.get_logger("earshot.serving")


@dataclass(frozen=True, slots=True)
class _WorkerSpec:
    """What one process serves with, and which of several it is."""

    build: Callable[[], Application]
    listener: socket.socket
    requests: AccessLog
    metrics: MetricsPort | None
    leaving: ShutdownSignals
    drain_seconds: float
    number: int
    parent: int | None


class _GracefulServer(uvicorn.Server):
    """uvicorn's server, which ends with success when it is asked to end, and with its parent."""

    def __init__(
        self, config: uvicorn.Config, place: _WorkerSpec, connections: ConnectionLimit, end: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self.server_state = connections
        self._place = place
        self._end = end
        """Told that the end has come, before anything else happens."""
        self._leave_at: float | None = None
        """When a server that was told to end stops taking requests."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # To the end of the process: being told again while it lets go of everything changes nothing.
        self._place.leaving.delegate_to(self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self._end()
        drain = self._place.drain_seconds
        if self._leave_at is None and drain and sig == signal.SIGTERM:
            # Who sends requests here has yet to notice that this process is not ready any more.
            self._leave_at = time.monotonic() + drain
            return
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take in who has connected, finish what they ask, and break off what takes too long."""
        listeners = sockets or []
        for listener in listeners:
            stop_accepting(listener)
        # Connections that wait to be accepted would be reset with their listener: the loop takes them all first.
        began = time.monotonic()
        await asyncio.sleep(DRAIN_SECONDS)
        while any(map(accept_queue_length, listeners)) and time.monotonic() - began < BREAK_OFF_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for server in self.servers:
            server.close()
        for listener in listeners:
            listener.close()
        if not await self._finished(FINISH_TIMEOUT_SECONDS):
            await self._break_off()

    async def _finished(self, seconds: float) -> bool:
        """Wait until all connections are closed and all requests answered; whether that came to pass."""
        state = self.server_state
        deadline = time.monotonic() + seconds
        while state.connections or state.tasks:
            # Again and again: one that was accepted last may be there only now.
            for connection in state.connections:
                connection.shutdown()
            if self.force_exit or time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def _break_off(self) -> None:
        state = self.server_state
        log.warning("broke off what did not finish in time", requests=len(state.tasks))
        for connection in list(state.connections):
            cast(LimitedHttpProtocol, connection).abort()
        self.force_exit = False
        if await self._finished(BREAK_OFF_SECONDS):
            return
        # The traces of what is cancelled on purpose would tell nobody anything.
        logging.getLogger("uvicorn.error").addFilter(_unless_cancelled)
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=BREAK_OFF_SECONDS)

    async def on_tick(self, counter: int) -> bool:
        parent = self._place.parent
        if parent is not None and os.getppid() != parent:
            return True
        if self._leave_at is not None and time.monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)


def run(
    build: Callable[[], Application],
    listeners: Sequence[socket.socket],
    requests: AccessLog,
    metrics: MetricsPort | None = None,
    *,
    leaving: ShutdownSignals,
    drain_seconds: float,
) -> int:
    """Serve until SIGTERM or SIGINT, then finish what runs; the exit code. One process for each socket.

    `leaving` holds what this process was told so far. `metrics` has a ledger for each process; the first tells what
    stands in all. `drain_seconds` is how long each serves on after SIGTERM.
    """
    raise_open_file_limit()
    code = _run(build, listeners, requests, metrics, leaving, drain_seconds)
    if code == 0:
        log.info("ended")
    return code


def _run(
    build: Callable[[], Application],
    listeners: Sequence[socket.socket],
    requests: AccessLog,
    metrics: MetricsPort | None,
    leaving: ShutdownSignals,
    drain_seconds: float,
) -> int:
    if len(listeners) == 1:
        return _serve(
            _WorkerSpec(build, listeners[0], requests, metrics, leaving, drain_seconds, number=0, parent=None)
        )
    parent = os.getpid()
    kept = [*listeners, *([] if metrics is None else [metrics.listener])]

    def serve(number: int) -> int:
        needed = (listeners[number], metrics.listener if metrics is not None and number == 0 else None)
        for other in kept:
            if other not in needed:
                other.close()
        return _serve(_WorkerSpec(build, listeners[number], requests, metrics, leaving, drain_seconds, number, parent))

    tasks = [partial(serve, number) for number in range(len(listeners))]
    return _Supervisor(tasks, kept, leaving, drain_seconds + END_SECONDS).run()


def _serve(place: _WorkerSpec) -> int:
    # Who waits already, since another process died here, is answered before the end.
    if place.leaving.requested and not accept_queue_length(place.listener):
        return 0
    # The socket outlives its process: a worker that was told to end alone left it turning everybody away.
    resume_accepting(place.listener)
    requests = place.requests
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_serve_worker(place))
        except ServiceUnavailable as error:
            log.error("cannot start", reason=str(error))
            return 1
        finally:
            requests.flush()
    return 0


async def _serve_worker(place: _WorkerSpec) -> None:
    server = place.build()
    observers: list[Observer] = [place.requests]
    if place.metrics is not None:
        ledger = place.metrics.ledgers[place.number]
        ledger.attach()
        server.publish_metrics(ledger)
        observers.append(ledger)
    spans = _traces(server.settings)
    if spans is not None:
        observers.append(spans)
    server.add_observers(*observers)
    config = uvicorn.Config(
        server,
        http=LimitedHttpProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        workers=1,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE_SECONDS,
    )
    await server.start()
    try:
        server.start_background_jobs()
        # What stands after a start stands until the end; the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        async with serve_metrics(place.metrics if place.number == 0 else None, server.database):
            await _GracefulServer(config, place, _connections(server.settings), server.begin_draining).serve(
                [place.listener]
            )
    finally:
        await server.stop()
        if spans is not None:
            await spans.close()


def _connections(settings: Settings) -> ConnectionLimit:
    per_ip = None if settings.connections_per_ip == "off" else settings.connections_per_ip
    return ConnectionLimit(per_ip=per_ip, trusted_proxies=settings.proxies)


def _unless_cancelled(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _traces(settings: Settings) -> RequestTracer | None:
    if settings.otlp_url is None:
        return None
    return RequestTracer(settings.otlp_url, version=program_version(), shown=mask_secrets(settings.otlp_url))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class _Supervisor:
    """Processes that serve side by side; one that dies is replaced."""

    def __init__(
        self,
        tasks: Sequence[Callable[[], int]],
        listeners: Sequence[socket.socket],
        leaving: ShutdownSignals,
        end_seconds: float,
    ) -> None:
        self._tasks = tasks
        self._leaving = leaving
        self._end_seconds = end_seconds
        self._listeners = listeners
        """Kept open here, so that nobody is turned away while a process is replaced."""
        self._crew: dict[int, int] = {}
        """Process id to the place in `tasks`."""
        self._not_before = [0.0] * len(tasks)
        """When one may be replaced again, by place."""

    def run(self) -> int:
        heeded = {*SIGNALS, signal.SIGCHLD}
        signal.signal(signal.SIGCHLD, _nothing)
        signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
        if self._leaving.requested:
            return 0
        for place in range(len(self._tasks)):
            self._begin(place, heeded)
        while True:
            if signal.sigwait(heeded) != signal.SIGCHLD:
                return self._end()
            for place, code in self._ended():
                log.error("a worker ended and is replaced", code=code)
                # At once, where that can be: clients wait where it listened, and an end would cut them off.
                rest = self._not_before[place] - time.monotonic()
                if rest > 0 and signal.sigtimedwait(SIGNALS, rest) is not None:
                    return self._end()
                self._not_before[place] = time.monotonic() + BETWEEN_RESTARTS
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
        deadline = time.monotonic() + self._end_seconds
        while self._crew and time.monotonic() < deadline:
            if not self._ended():
                time.sleep(0.02)
        for pid in self._crew:
            log.error("a worker did not end in time", pid=pid)
            os.kill(pid, signal.SIGKILL)
        return 0


def _nothing(number: int, frame: FrameType | None) -> Any:
    """A handler, because some systems don't tell of a child's end while nobody handles it."""
