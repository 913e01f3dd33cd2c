"""A span a request, for OpenTelemetry. Imported by a serving process that was told where to send them, and by no other.

A span is made when its request has been answered, from what was noted: it has no children, and costs nothing before.
What can't be delivered is dropped; no request ever waits for a collector.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

from app.http.request import RequestContext, RequestObserver

log = logging.getLogger("earshot.traces")

REMEDY: Final = "pip install '.[otel]' in a copy of Earshot's sources; ./manage does so by itself"
"""What brings the packages that spans need."""
EXPORT_INTERVAL_SECONDS: Final = 5.0
"""The longest that one delivery may take, its repetitions included."""
EXPORT_TIMEOUT_SECONDS: Final = 2.0
"""The longest that somebody who only wants to know waits."""
SHUTDOWN_TIMEOUT_SECONDS: Final = 3.0
"""The longest that the end of the server waits for the last delivery."""
LOG_INTERVAL_SECONDS: Final = 60.0
PATH: Final = "/v1/traces"


def is_installed() -> bool:
    """Whether the libraries of the extra `otel` are there."""
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None and (
            find_spec("opentelemetry.sdk.trace") is not None
        )
    except ModuleNotFoundError:
        return False


def endpoint(url: str) -> str:
    """The address that takes spans, from a collector's own or from the whole."""
    url = url.rstrip("/")
    return url if url.endswith(PATH) else url + PATH


def accepts_spans(url: str) -> bool:
    """Whether the collector takes spans: sends it none, and hears whether that was well."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter: Any = OTLPSpanExporter(endpoint=endpoint(url), timeout=EXPORT_TIMEOUT_SECONDS)
    try:
        return not exporter.export([]).value
    finally:
        exporter.shutdown()


class RequestTracer:
    """Told of each request; see `app.application.Observer`. Delivers from a thread of its own, many spans at once."""

    def __init__(self, url: str, *, version: str, shown: str) -> None:
        """`shown` is the address without secrets, for the log."""
        from opentelemetry.context import Context
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # It would say of each span and each try that the collector is away; `_LoggingExporter` says it once a minute.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        ours = Resource({"service.name": "earshot", "service.version": version})
        # The process ends when we say so, not when a collector has had its thirty seconds.
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        # Not a subclass of the exporter, which would have to be imported before anybody asked for it.
        delivery: Any = _LoggingExporter(
            OTLPSpanExporter(endpoint=endpoint(url), timeout=EXPORT_INTERVAL_SECONDS), shown
        )
        self._provider.add_span_processor(BatchSpanProcessor(delivery))
        self._tracer = self._provider.get_tracer("earshot", version)
        self._context = Context
        self._kind = SpanKind.SERVER
        self._failed = Status(StatusCode.ERROR)
        self._propagator = TraceContextTextMapPropagator()

    def for_dialect(self, dialect: str) -> RequestObserver:
        """What a dialect's door calls after each request; of `pages`, not those that ask only whether it is well."""

        def note(request: RequestContext, status: int, seconds: float) -> None:
            if dialect == "pages" and request.path.startswith("/health"):
                return
            ended = time.time_ns()
            span = self._tracer.start_span(
                f"{request.method} {request.route_path}" if request.route_path else request.method,
                context=self._parent_context(request),
                kind=self._kind,
                attributes=_attributes(dialect, request, status),
                start_time=ended - int(seconds * 1e9),
            )
            if status >= 500:
                span.set_status(self._failed)
            span.end(ended)

        return note

    async def close(self) -> None:
        """Deliver what is left, within bounds."""
        ending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, SHUTDOWN_TIMEOUT_SECONDS)

    def _parent_context(self, request: RequestContext) -> Any:
        """The trace that the request belongs to, where a proxy that we trust says so; else one of its own."""
        if not request.from_trusted_proxy or b"traceparent" not in request.headers:
            return self._context()
        carried = {"traceparent": request.header(b"traceparent"), "tracestate": request.header(b"tracestate")}
        return self._propagator.extract(carried, self._context())


def _attributes(dialect: str, request: RequestContext, status: int) -> dict[str, str | int]:
    told: dict[str, str | int] = {
        "http.request.method": request.method,
        "http.response.status_code": status,
        "earshot.dialect": dialect,
        "earshot.request_id": request.request_id,
    }
    if request.route_path:
        told["http.route"] = request.route_path
    if request.principal is not None:
        told["earshot.portal"] = request.principal.portal_id
    return told


class _LoggingExporter:
    """An exporter that tells in the log, once a minute, when nothing is delivered."""

    def __init__(self, exporter: Any, shown: str) -> None:
        self._exporter = exporter
        self._shown = shown
        self._quiet_until = 0.0

    def export(self, spans: Sequence[Any]) -> Any:
        outcome = self._exporter.export(spans)
        if outcome.value and time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + LOG_INTERVAL_SECONDS
            log.warning("no spans are taken at %s, and are dropped; see `earshot doctor`", self._shown)
        return outcome

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return bool(self._exporter.force_flush(timeout_millis))
