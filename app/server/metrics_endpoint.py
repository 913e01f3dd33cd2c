"""The numbers of all processes, told to Prometheus on a port of their own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import uvicorn

from app.adapters.database import NO_PORTAL, Database
from app.domain import outbox
from app.domain.errors import ServiceUnavailable
from app.observability.metrics import BOUNDS, NO_ROUTE, SharedMetrics
from app.server import sockets
from app.server.connections import ConnectionLimit
from app.server.http_limits import LimitedHttpProtocol
from app.settings import Settings

PATH: Final = "/metrics"
MOST_AT_ONCE: Final = 8
"""Connections to the numbers; further ones are refused."""
DEPTH_SECONDS: Final = 5.0
"""How long a measured depth of the outbox is told again, however often somebody asks."""
PATIENCE_SECONDS: Final = 3.0

_STATES: Final = {"max": "connections_max", "open": "connections_open", "in_use": "connections_in_use"}


@dataclass(frozen=True, slots=True)
class MetricsPort:
    """Where the numbers are told, and where they lie: one ledger for each process."""

    listener: socket.socket
    ledgers: Sequence[SharedMetrics]


def open_metrics_port(settings: Settings) -> MetricsPort | None:
    """Open the port and make a ledger for each process; None where no numbers are wished. Raises StartupError."""
    if settings.metrics_port is None:
        return None
    host = settings.host if settings.metrics_host is None else settings.metrics_host
    (listener,) = sockets.listen(host, settings.metrics_port, 1, sockets.METRICS)
    return MetricsPort(listener, [SharedMetrics() for _ in range(settings.workers)])


class MetricsCollector:
    """What prometheus_client renders: families made of the ledgers at the moment of asking."""

    def __init__(self, ledgers: Sequence[SharedMetrics], depth: int | None, *, pooled: bool) -> None:
        self._ledgers = ledgers
        self._depth = depth
        self._pooled = pooled

    def collect(self) -> Iterator[Any]:
        """The families. prometheus_client is imported here, so that only who asks for numbers pays for it."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        yield from self._requests()
        fallbacks = self._sum("redis_fallbacks")
        yield CounterMetricFamily(
            "earshot_redis_fallbacks", "Requests counted in a process because Redis did not answer.", fallbacks
        )
        if self._depth is not None:
            yield GaugeMetricFamily(
                "earshot_outbox_depth",
                f"Facts that wait to be delivered; counted up to {outbox.MAX_COUNTED}.",
                self._depth,
            )
        if not self._pooled:
            yield GaugeMetricFamily(
                "earshot_sqlite_wal_bytes", "Size of the log that SQLite writes ahead.", self._sum("wal_bytes")
            )
            return
        connections = GaugeMetricFamily("earshot_database_connections", "Connections to PostgreSQL.", labels=["state"])
        for state, name in _STATES.items():
            connections.add_metric([state], self._sum(name))
        yield connections
        yield GaugeMetricFamily(
            "earshot_database_waiting", "Requests that wait for a connection.", self._sum("connections_waiting")
        )

    def _requests(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        counts: dict[tuple[str, ...], float] = {}
        classes: dict[tuple[str, ...], list[float]] = {}
        refusals = dict.fromkeys(("productlift", "astuto", "pages"), 0.0)
        for ledger in self._ledgers:
            for one in ledger.series():
                dialect, verb, template, status = one.labels
                route = (dialect, verb, template or NO_ROUTE)
                labels = (*route, str(status))
                count = sum(one.classes)
                counts[labels] = counts.get(labels, 0.0) + count
                if status == 429:
                    refusals[dialect] = refusals.get(dialect, 0.0) + count
                kept = classes.setdefault(route, [0.0] * (len(one.classes) + 1))
                for place, value in enumerate((*one.classes, one.seconds)):
                    kept[place] += value
        names = ["dialect", "method", "route"]
        requests = CounterMetricFamily("earshot_requests", "Requests that were answered.", labels=[*names, "status"])
        for counted, count in counts.items():
            requests.add_metric(counted, count)
        yield requests
        durations = HistogramMetricFamily(
            "earshot_request_duration_seconds", "From a request's head to the end of its answer.", labels=names
        )
        bounds = [*map(str, BOUNDS), "+Inf"]
        for timed, numbers in classes.items():
            durations.add_metric(timed, list(zip(bounds, _running(numbers[:-1]), strict=True)), numbers[-1])
        yield durations
        limited = CounterMetricFamily(
            "earshot_limit_refusals", "Requests refused for asking too often.", labels=["dialect"]
        )
        for dialect, count in refusals.items():
            limited.add_metric([dialect], count)
        yield limited

    def _sum(self, name: str) -> float:
        return sum(ledger.get(name) for ledger in self._ledgers)


def _running(numbers: Sequence[float]) -> Iterator[float]:
    total = 0.0
    for number in numbers:
        total += number
        yield total


class MetricsApp:
    """The ASGI application behind the port: GET /metrics."""

    def __init__(self, ledgers: Sequence[SharedMetrics], database: Database) -> None:
        self._ledgers = ledgers
        self._database = database
        self._depth: int | None = None
        self._measure_after = 0.0
        self._pooled = "connections_max" in database.stats()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != PATH or scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 404, b"text/plain; charset=utf-8", f"The numbers are at {PATH}\n".encode())
            return
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        if monotonic() >= self._measure_after:
            self._measure_after = monotonic() + DEPTH_SECONDS
            self._depth = await self._measured()
        collected = MetricsCollector(self._ledgers, self._depth, pooled=self._pooled)
        # Some thousand lines take a while to write, and requests come in between.
        kind, text = await asyncio.to_thread(_rendered, collected, accept)
        await _answer(send, 200, kind, b"" if scope["method"] == "HEAD" else text)

    async def _measured(self) -> int | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._database.read(outbox.pending_count, NO_PORTAL, in_thread=True)
        except (ServiceUnavailable, TimeoutError):
            # Nobody knows; a family without a value says so better than an old one.
            return None


def _rendered(collected: MetricsCollector, accept: str) -> tuple[bytes, bytes]:
    from prometheus_client.exposition import choose_encoder

    encode, kind = choose_encoder(accept)
    return kind.encode(), encode(collected)


async def _answer(send: Any, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _MetricsConnections(ConnectionLimit):
    """The connections to the numbers: few, so that they take no open files from the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self.most_refused = MOST_AT_ONCE

    def _warn_full(self) -> None:
        """Say nothing: more open files would change nothing, and whoever asks for the numbers is told."""


class _EmbeddedServer(uvicorn.Server):
    """uvicorn's server beside another one in the same loop, which alone hears signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = _MetricsConnections()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serve_metrics(metrics: MetricsPort | None, database: Database) -> AsyncIterator[None]:
    """Tell the numbers until the block is left; nothing at all where none are wished."""
    if metrics is None:
        yield
        return
    config = uvicorn.Config(
        MetricsApp(metrics.ledgers, database),
        http=LimitedHttpProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=1,
    )
    server = _EmbeddedServer(config)
    telling = asyncio.create_task(server.serve([metrics.listener]), name="metrics")
    try:
        yield
    finally:
        server.should_exit = True
        await telling
