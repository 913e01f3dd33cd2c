"""Metrics for Prometheus, counted by prometheus_client in files that all processes of a server share.

Each worker writes to files named after its number. A replacement continues the files of the worker before it, so that
no counter decreases. prometheus_client is imported only by a server that has a port for metrics.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from app.http.request import RequestContext, RequestObserver

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram's buckets, in seconds."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
"""The label of methods that no route has: clients may invent any number of them."""
NO_ROUTE: Final = "(no route)"

MEASURE_SECONDS: Final = 1.0
"""The interval in which a process measures what it does not count, such as its connections."""
FILES: Final = ("counter", "gauge_sum", "histogram")
FILE_BYTES: Final = 1024 * 1024
"""More than the metrics of all routes need."""


@contextmanager
def metrics_files(parent: Path, workers: int) -> Iterator[Path]:
    """A new directory with an empty file for each worker and type of metric, which exists inside the block.

    Several servers may share `parent`, so the directory is locked. Directories that a killed server has left are
    removed. Raises OSError before the block.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        # Another server must not remove the new directory before it is locked.
        with _locked(parent, fcntl.LOCK_EX):
            for path in parent.glob("metrics-*"):
                with suppress(OSError), _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    rmtree(path, ignore_errors=True)
            temporary = TemporaryDirectory(prefix="metrics-", dir=parent, ignore_cleanup_errors=True)
            directory = Path(stack.enter_context(temporary))
            stack.enter_context(_locked(directory, fcntl.LOCK_EX))
        create_files(directory, workers)
        yield directory


@contextmanager
def _locked(directory: Path, operation: int) -> Iterator[None]:
    """Hold a lock that forked processes inherit. With LOCK_NB, raises BlockingIOError when another process has it."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


def create_files(directory: Path, workers: int) -> None:
    """Create an empty file for each worker and type of metric. Raises OSError.

    The disk space is allocated now. The files are mapped into memory, and a write to a page for which a full disk has
    no space would kill the process.
    """
    for number in range(workers):
        for name in FILES:
            with (directory / f"{name}_{number}.db").open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    try:
                        os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
                    except OSError as error:
                        # Some file systems can't allocate; everything else, such as a full disk, ends the start.
                        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                            raise


_GAUGES: Final[dict[str, tuple[str, ...]]] = {
    "connections_max": ("earshot_database_connections", "Connections to PostgreSQL.", "max"),
    "connections_open": ("earshot_database_connections", "Connections to PostgreSQL.", "open"),
    "connections_in_use": ("earshot_database_connections", "Connections to PostgreSQL.", "in_use"),
    "connections_waiting": ("earshot_database_waiting", "Requests that wait for a connection."),
    "wal_bytes": ("earshot_sqlite_wal_bytes", "Size of SQLite's write-ahead log."),
}
"""The metric and its description for each figure of `Database.stats`, and the state of those that share a metric."""


class SharedMetrics:
    """The metrics of one worker. There is at most one instance in a process."""

    def __init__(self, directory: Path, worker: int) -> None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        # Missing metrics must not keep a worker from serving.
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        from prometheus_client import Counter, Histogram, values

        # The documented way to name the files after something else than the process id.
        values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]
        route = ("dialect", "method", "route")
        self._requests = Counter("earshot_requests", "Requests that were answered.", (*route, "status"), registry=None)
        self._durations = Histogram(
            "earshot_request_duration_seconds",
            "From the head of a request to the end of its response.",
            route,
            buckets=BOUNDS,
            registry=None,
        )
        self._rejections = Counter(
            "earshot_limit_refusals", "Requests rejected by a rate limit.", ("dialect",), registry=None
        )
        self.redis_fallbacks = Counter(
            "earshot_redis_fallbacks", "Requests counted in a process because Redis did not answer.", registry=None
        )
        self._deliveries = Counter(
            "earshot_outbox_attempts",
            "Attempts to deliver an email or a webhook call.",
            ("channel", "kind", "outcome"),
            registry=None,
        )
        self._gauges: dict[str, Gauge] = {}

    def for_dialect(self, dialect: str) -> RequestObserver:
        """The function to call after each request of a dialect."""
        rejections = self._rejections.labels(dialect)
        children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

        def observe(request: RequestContext, status: int, seconds: float) -> None:
            method = request.method if request.method in METHODS else OTHER
            key = (method, request.route_path, status)
            if key not in children:
                route = (dialect, method, request.route_path or NO_ROUTE)
                children[key] = self._requests.labels(*route, str(status)), self._durations.labels(*route)
            requests, durations = children[key]
            requests.inc()
            durations.observe(seconds)
            if status == 429:
                rejections.inc()

        return observe

    def count_delivery(self, channel: str, kind: str, outcome: str) -> None:
        """Count an attempt to deliver; the outcome is delivered, retry, failed or cancelled.

        The server makes the kinds, so there are some dozens.
        """
        self._deliveries.labels(channel, kind, outcome).inc()

    def set_database_stats(self, stats: Mapping[str, float]) -> None:
        """Set the gauges of what `Database.stats` returned."""
        from prometheus_client import Gauge

        for name, value in stats.items():
            if name not in self._gauges:
                metric, description, *state = _GAUGES[name]
                labels = ("state",) if state else ()
                gauge = Gauge(metric, description, labels, registry=None, multiprocess_mode="sum")
                self._gauges[name] = gauge.labels(*state) if state else gauge
            self._gauges[name].set(value)
