"""The port at which Prometheus scrapes the metrics of all workers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from app.adapters.database import NO_PORTAL, Database
from app.domain.errors import ServiceUnavailable
from app.domain.outbox import backlog, events
from app.domain.outbox.backlog import Backlog
from app.observability.metrics import metrics_files
from app.server import StartupError, sockets
from app.server.connections import ConnectionLimit
from app.server.http_limits import uvicorn_config
from app.server.sockets import SettingNames
from app.settings import Settings

PATH: Final = "/metrics"
MAX_CONNECTIONS: Final = 8
"""Connections to the port; further ones are rejected."""
BACKLOG_TTL_SECONDS: Final = 5.0
"""How long a measured backlog of the outbox is used, however many scrapes come."""
BACKLOG_TIMEOUT_SECONDS: Final = 3.0


def open_metrics_port(settings: Settings, names: SettingNames = sockets.METRICS) -> socket.socket | None:
    """Open the port for scrapes, or return None where there is no setting for it. Raises StartupError.

    `names` are those of the settings, for its message.
    """
    if settings.metrics_address is None:
        return None
    try:
        (listener,) = sockets.listen(*settings.metrics_address, 1, names)
    except StartupError:
        # Only now, because the system may permit one port on two addresses.
        sockets.require_own_metrics_port(settings)
        raise
    return listener


@contextmanager
def metrics_directory(settings: Settings, *, processes: int) -> Iterator[Path | None]:
    """The directory of the processes' metrics inside the block; None where there is no port. Raises StartupError."""
    with ExitStack() as stack:
        directory = None
        if settings.metrics_port is not None:
            parent = settings.data_dir.absolute()
            try:
                directory = stack.enter_context(metrics_files(parent, processes))
            except OSError as error:
                raise StartupError(
                    f"the metrics can't be written to {parent} ({error.strerror})",
                    "make this user its owner and free space on its disk, or remove EARSHOT_METRICS_PORT",
                ) from None
        yield directory


class MetricsApp:
    """The ASGI application of the port: GET /metrics. It adds the backlog of the outbox to the workers' metrics."""

    def __init__(self, directory: Path, database: Database) -> None:
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        self._database = database
        self._backlog: Backlog | None = None
        """The backlog of the outbox. Its metrics are absent while it is unknown."""
        self._measure_after = 0.0
        self._registry = CollectorRegistry()
        MultiProcessCollector(self._registry, str(directory))  # type: ignore[no-untyped-call]
        self._registry.register(self)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == PATH and scope["method"] in ("GET", "HEAD"):
            response = await self._scrape(Headers(scope=scope).get("accept", ""))
        else:
            response = PlainTextResponse(f"The metrics are at {PATH}\n", 404)
        response.headers["cache-control"] = "no-store"
        await response(scope, receive, send)

    async def _scrape(self, accept: str) -> Response:
        from prometheus_client.exposition import choose_encoder

        await self._measure_backlog()
        encode, content_type = choose_encoder(accept)
        # In a thread, because some thousand lines take a while to render.
        return Response(await asyncio.to_thread(encode, self._registry), headers={"content-type": content_type})

    async def _measure_backlog(self) -> None:
        """Read the backlog from the database, unless that was done a moment ago."""
        if monotonic() < self._measure_after:
            return
        self._measure_after = monotonic() + BACKLOG_TTL_SECONDS
        try:
            async with asyncio.timeout(BACKLOG_TIMEOUT_SECONDS):
                self._backlog = await self._database.read(backlog.measure, NO_PORTAL, in_thread=True)
        except (ServiceUnavailable, TimeoutError):
            self._backlog = None

    def collect(self) -> Iterator[Any]:
        """Called by prometheus_client."""
        from prometheus_client.core import GaugeMetricFamily

        if self._backlog is None:
            return
        description = f"Stored events that nothing has processed yet; counted up to {events.MAX_COUNTED}."
        yield GaugeMetricFamily("earshot_outbox_depth", description, self._backlog.events)
        pending = GaugeMetricFamily(
            "earshot_outbox_pending",
            f"Emails and webhook calls that are not delivered yet; counted up to {events.MAX_COUNTED}.",
            labels=["channel"],
        )
        delay = GaugeMetricFamily(
            "earshot_outbox_delay_seconds", "For how long the oldest due delivery has been due.", labels=["channel"]
        )
        for channel, count in self._backlog.pending.items():
            pending.add_metric([channel], count)
            delay.add_metric([channel], self._backlog.delay_seconds[channel])
        yield pending
        yield delay


class _MetricsConnections(ConnectionLimit):
    """Few connections, so that they take no open files from the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self.most_refused = MAX_CONNECTIONS

    def warn(self, event: str, **fields: str | int | None) -> None:
        """Log nothing: a higher limit of open files would change nothing."""


class _EmbeddedServer(uvicorn.Server):
    """uvicorn's server beside another one in the same loop, which handles the signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = _MetricsConnections()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serve_metrics(
    listener: socket.socket | None, directory: Path | None, database: Database
) -> AsyncIterator[None]:
    """Answer scrapes of the metrics in the directory inside the block. Do nothing where there is no port for them."""
    if listener is None or directory is None:
        yield
        return
    config = uvicorn_config(
        MetricsApp(directory, database), limit_concurrency=MAX_CONNECTIONS, timeout_graceful_shutdown=1
    )
    server = _EmbeddedServer(config)
    task = asyncio.create_task(server.serve([listener]), name="metrics")
    try:
        yield
    finally:
        server.should_exit = True
        await task
