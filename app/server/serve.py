"""Serves an application on open sockets until SIGTERM or SIGINT, in this process or in several."""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, cast

import structlog
import uvicorn
import uvloop

from app.adapters.problem import Problem
from app.application import Application, Observer
from app.observability.logging import AccessLog
from app.observability.metrics import SharedMetrics
from app.observability.tracing import RequestTracer
from app.server.connections import ConnectionLimit, raise_open_file_limit
from app.server.http_limits import LimitedHttpProtocol, uvicorn_config
from app.server.metrics_endpoint import serve_metrics
from app.server.signals import SIGNALS
from app.server.startup import program_version
from app.server.supervisor import Supervisor
from app.settings import Settings, mask_secrets

FINISH_TIMEOUT_SECONDS: Final = 10
"""How long requests may take to finish after SIGTERM."""
SHUTDOWN_TIMEOUT_SECONDS: Final = 18.0
"""How long workers may take to end, after the drain period."""
KEEP_ALIVE_SECONDS: Final = 65
"""Longer than the minute for which proxies keep idle connections, so that they do not find them closed."""
ACCEPT_SECONDS: Final = 0.05
"""How long connections that are waiting may be accepted before the socket is closed, which resets those that remain."""
ABORT_TIMEOUT_SECONDS: Final = 1.0
"""How long requests may take to end after their connection was aborted, and again after they were cancelled."""

log = structlog.get_logger("earshot.serving")


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What one process needs to serve, and its number among the processes."""

    application: Application
    listener: socket.socket
    access_log: AccessLog
    metrics_listener: socket.socket | None
    metrics_dir: Path | None
    number: int
    parent: int | None


class GracefulServer(uvicorn.Server):
    """uvicorn's server with a drain period and a bounded shutdown. It also ends when its parent process has ended."""

    def __init__(self, worker: WorkerSpec) -> None:
        super().__init__(uvicorn_config(worker.application, timeout_keep_alive=KEEP_ALIVE_SECONDS))
        settings = worker.application.settings
        per_ip = None if settings.connections_per_ip == "off" else settings.connections_per_ip
        self.server_state = ConnectionLimit(
            per_ip=per_ip, trusted_proxies=settings.proxies, log_client_ip=settings.log_client_ip
        )
        self._application = worker.application
        self._parent = worker.parent
        self._drained_at: float | None = None
        """When the drain period after SIGTERM ends."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # The handlers stay after serving, so that a second signal does not interrupt the release of resources.
        for number in SIGNALS:
            signal.signal(number, self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self._application.begin_draining()
        drain_seconds = self._application.settings.drain_seconds
        if self._drained_at is None and drain_seconds and sig == signal.SIGTERM:
            # A load balancer needs time to notice that this process is not ready any more.
            self._drained_at = time.monotonic() + drain_seconds
            return
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self._parent is not None and os.getppid() != self._parent:
            return True
        if self._drained_at is not None and time.monotonic() >= self._drained_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, finish the requests of those that are open, and abort what takes too long."""
        await asyncio.sleep(ACCEPT_SECONDS)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        if not await self._finish(FINISH_TIMEOUT_SECONDS):
            await self._abort_connections()

    async def _finish(self, seconds: float) -> bool:
        """Wait until all connections are closed and all requests answered. False when the time was too short."""
        state = self.server_state
        deadline = time.monotonic() + seconds
        while state.connections or state.tasks:
            # Repeated, because a connection that was accepted last may be registered only now.
            for connection in state.connections:
                connection.shutdown()
            if self.force_exit or time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def _abort_connections(self) -> None:
        state = self.server_state
        log.warning("aborted requests that did not finish in time", requests=len(state.tasks))
        for connection in list(state.connections):
            cast(LimitedHttpProtocol, connection).abort()
        self.force_exit = False
        if await self._finish(ABORT_TIMEOUT_SECONDS):
            return
        # The tracebacks of tasks that are cancelled on purpose are of no use.
        logging.getLogger("uvicorn.error").addFilter(_is_not_cancellation)
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=ABORT_TIMEOUT_SECONDS)


def run(
    application: Application,
    listeners: Sequence[socket.socket],
    access_log: AccessLog,
    metrics_listener: socket.socket | None = None,
    metrics_dir: Path | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT, with one process for each socket. Return the exit code."""
    raise_open_file_limit()
    sockets = {*listeners, *([] if metrics_listener is None else [metrics_listener])}
    parent = os.getpid() if len(listeners) > 1 else None
    tasks = []
    for number, listener in enumerate(listeners):
        # Only the first process serves the metrics of all.
        metrics = metrics_listener if number == 0 else None
        spec = WorkerSpec(application, listener, access_log, metrics, metrics_dir, number, parent)
        tasks.append(partial(_serve, spec, sockets - {listener, metrics}))
    shutdown_timeout = application.settings.drain_seconds + SHUTDOWN_TIMEOUT_SECONDS
    code = tasks[0]() if parent is None else Supervisor(tasks, sockets, shutdown_timeout).run()
    if code == 0:
        log.info("ended")
    return code


def _serve(worker: WorkerSpec, others: Iterable[socket.socket]) -> int:
    """Serve in this process, which does not need the other sockets. Return the exit code."""
    for other in others:
        other.close()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve_worker(worker))
        except Problem as problem:
            log.error("cannot start", reason=problem.state, remedy=problem.remedy)
            return 1
        finally:
            worker.access_log.flush()
    return 0


async def _serve_worker(worker: WorkerSpec) -> None:
    application = worker.application
    observers: list[Observer] = [worker.access_log]
    shared_metrics = None if worker.metrics_dir is None else SharedMetrics(worker.metrics_dir, worker.number)
    if shared_metrics is not None:
        observers.append(shared_metrics)
    tracer = _create_tracer(application.settings)
    if tracer is not None:
        observers.append(tracer)
    application.add_observers(*observers)
    await application.start()
    try:
        if shared_metrics is not None:
            application.publish_metrics(shared_metrics)
        application.start_background_jobs()
        # Objects of the start stay until the end of the process, so the garbage collector does not have to scan them.
        gc.collect()
        gc.freeze()
        async with serve_metrics(worker.metrics_listener, worker.metrics_dir, application.database):
            await GracefulServer(worker).serve([worker.listener])
    finally:
        await application.stop()
        if tracer is not None:
            await tracer.close()


def _is_not_cancellation(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _create_tracer(settings: Settings) -> RequestTracer | None:
    if settings.otlp_url is None:
        return None
    return RequestTracer(settings.otlp_url, version=program_version(), masked_url=mask_secrets(settings.otlp_url))
