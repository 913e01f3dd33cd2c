"""Runs a worker of the outbox in a process of its own, with a port for its metrics if there is a setting for it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvloop

from app.adapters.database import Database
from app.adapters.encryption import SecretCipher
from app.backends import open_database
from app.background import BackgroundJobs, Job
from app.outbox.assembly import build_worker
from app.outbox.worker import Worker
from app.server import sockets
from app.server.signals import SIGNALS
from app.settings import Settings

log = structlog.get_logger("earshot.outbox")


@dataclass(frozen=True, slots=True)
class _Metrics:
    """Where this process counts, and the port that shows it."""

    listener: socket.socket
    directory: Path


def run(settings: Settings) -> int:
    """Run a worker until a signal arrives, and return the exit code. Raises StartupError."""
    with ExitStack() as stack:
        metrics = _open_metrics(settings, stack)
        database = open_database(settings)

        async def work() -> None:
            await database.open()
            try:
                worker = build_worker(settings, database, SecretCipher(settings.secret))
                async with _publishing(metrics, database, worker) as address:
                    log.info("the outbox runs", database=database.describe(), **address)
                    await _work_until_signal(worker)
            finally:
                await database.close()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work())
    log.info("ended")
    return 0


def _open_metrics(settings: Settings, stack: ExitStack) -> _Metrics | None:
    if settings.metrics_port is None:
        return None
    # Imported only here: it needs the web server, which takes time and memory.
    from app.server import metrics_endpoint

    listener = metrics_endpoint.open_metrics_port(settings, sockets.METRICS_OF_OUTBOX)
    directory = stack.enter_context(metrics_endpoint.metrics_directory(settings, processes=1))
    assert listener is not None
    assert directory is not None
    return _Metrics(listener, directory)


@asynccontextmanager
async def _publishing(metrics: _Metrics | None, database: Database, worker: Worker) -> AsyncIterator[dict[str, str]]:
    """Count what the worker does, and show it at the port inside the block; the field of the log with its address."""
    if metrics is None:
        yield {}
        return
    from app.observability.metrics import MEASURE_SECONDS, SharedMetrics
    from app.server import metrics_endpoint

    shared = SharedMetrics(metrics.directory, 0)
    worker.recorder.count = shared.count_delivery

    async def measure() -> None:
        shared.set_database_stats(database.stats())

    await measure()
    jobs = BackgroundJobs([Job("the metrics of this process", MEASURE_SECONDS, measure)])
    jobs.start()
    try:
        async with metrics_endpoint.serve_metrics(metrics.listener, metrics.directory, database):
            yield {"metrics": sockets.url_of(metrics.listener) + metrics_endpoint.PATH}
    finally:
        await jobs.stop()


async def _work_until_signal(worker: Worker) -> None:
    ended = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    worker.start()
    try:
        await ended.wait()
    finally:
        await worker.stop()
