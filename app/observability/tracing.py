"""A span for each request, for OpenTelemetry. The SDK is imported only where a collector is set.

A span is made when its request has been answered, and has no children. Spans that can't be delivered are dropped; no
request waits for a collector.
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
"""How to install the packages that spans need."""
EXPORT_TIMEOUT_SECONDS: Final = 5.0
"""The longest time of one delivery, retries included."""
PROBE_TIMEOUT_SECONDS: Final = 2.0
"""The longest time of a test of the collector."""
SHUTDOWN_TIMEOUT_SECONDS: Final = 3.0
"""How long the end of the server waits for the last delivery."""
LOG_INTERVAL_SECONDS: Final = 60.0
PATH: Final = "/v1/traces"


def is_installed() -> bool:
    """Whether the packages of the extra `otel` are installed."""
    try:
        # It requires the SDK.
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def endpoint(url: str) -> str:
    """The URL that receives spans: the URL of the collector with `/v1/traces`, which it may contain already."""
    url = url.rstrip("/")
    return url if url.endswith(PATH) else url + PATH


def accepts_spans(url: str) -> bool:
    """Whether the collector accepts spans, tested with an empty list of them."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter: Any = OTLPSpanExporter(endpoint=endpoint(url), timeout=PROBE_TIMEOUT_SECONDS)
    try:
        return not exporter.export([]).value
    finally:
        exporter.shutdown()


class RequestTracer:
    """Makes a span for each request; see `app.application.Observer`. A thread delivers them in batches."""

    def __init__(self, url: str, *, version: str, masked_url: str) -> None:
        """`masked_url` is the address without secrets, for the log."""
        from opentelemetry.context import Context
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # The SDK logs every failed attempt; `_LoggingExporter` logs one a minute.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        ours = Resource({"service.name": "earshot", "service.version": version})
        # The SDK would wait thirty seconds for the collector at the end of the process.
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        # Not a subclass of the exporter, whose module would have to be imported without a collector.
        delivery: Any = _LoggingExporter(
            OTLPSpanExporter(endpoint=endpoint(url), timeout=EXPORT_TIMEOUT_SECONDS), masked_url
        )
        self._provider.add_span_processor(BatchSpanProcessor(delivery))
        self._tracer = self._provider.get_tracer("earshot", version)
        self._context = Context
        self._kind = SpanKind.SERVER
        self._failed = Status(StatusCode.ERROR)
        self._propagator = TraceContextTextMapPropagator()

    def for_dialect(self, dialect: str) -> RequestObserver:
        """What is called after each request of a dialect; requests to /health have no span."""

        def observe(request: RequestContext, status: int, seconds: float) -> None:
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

        return observe

    async def close(self) -> None:
        """Deliver the remaining spans, within SHUTDOWN_TIMEOUT_SECONDS."""
        ending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, SHUTDOWN_TIMEOUT_SECONDS)

    def _parent_context(self, request: RequestContext) -> Any:
        """The trace that a trusted proxy named; else a new one."""
        if not request.from_trusted_proxy or b"traceparent" not in request.headers:
            return self._context()
        carried = {"traceparent": request.header(b"traceparent"), "tracestate": request.header(b"tracestate")}
        return self._propagator.extract(carried, self._context())


def _attributes(dialect: str, request: RequestContext, status: int) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "http.request.method": request.method,
        "http.response.status_code": status,
        "earshot.dialect": dialect,
        "earshot.request_id": request.request_id,
    }
    if request.route_path:
        attributes["http.route"] = request.route_path
    if request.principal is not None:
        attributes["earshot.portal"] = request.principal.portal_id
    return attributes


class _LoggingExporter:
    """An exporter that logs, at most once a minute, that nothing is delivered."""

    def __init__(self, exporter: Any, masked_url: str) -> None:
        self._exporter = exporter
        self._masked_url = masked_url
        self._quiet_until = 0.0

    def export(self, spans: Sequence[Any]) -> Any:
        outcome = self._exporter.export(spans)
        if outcome.value and time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + LOG_INTERVAL_SECONDS
            log.warning("no spans are accepted at %s, and are dropped; see `earshot doctor`", self._masked_url)
        return outcome

    def shutdown(self) -> None:
        self._exporter.shutdown()
