"""Spans, taken in by a receiver that speaks OTLP over HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.application import create_app
from app.observability.tracing import RequestTracer
from app.settings import Settings
from tests.conftest import TestClock
from tests.server.test_serve import key_of, send_request, until
from tests.support.checkout import ROOT
from tests.support.clients import HOST
from tests.support.commands import Earshot, message_of
from tests.support.processes import free_port

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


class Collector:
    """A receiver of spans on loopback. `spans` are those that came, `services` who sent them."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.paths: set[str] = set()

    def take(self, path: str, body: bytes) -> None:
        self.paths.add(path)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services.add(attributes(of_resource.resource)["service.name"])
            for of_scope in of_resource.scope_spans:
                self.spans.extend(of_scope.spans)

    def named(self, name: str) -> Any:
        (found,) = [span for span in self.spans if span.name == name]
        return found


def attributes(owner: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in owner.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(self.path, body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nothing; the tests look at what came."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        collector = Collector(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def test_each_request_is_a_span(sqlite: Earshot, collector: Collector) -> None:
    with sqlite.serving(EARSHOT_OTLP_URL=collector.url) as serving:
        _, headers = send_request(serving.port, key_of(serving, "Astuto"), "/api/v1/boards/1?secret=hidden")
        assert send_request(serving.port, key_of(serving, "ProductLift"), "/api/v1/statuses")[0] == 200
        assert send_request(serving.port, "nobody", "/posts/no-such-page")[0] == 404
        assert send_request(serving.port, "nobody", "/health")[0] == 200
        assert serving.end() == 0

    assert (collector.services, collector.paths) == ({"earshot"}, {"/v1/traces"})
    assert sorted(span.name for span in collector.spans) == ["GET /boards/{id}", "GET /posts/{slug}", "GET /statuses"]
    span = collector.named("GET /boards/{id}")
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.route": "/boards/{id}",
        "http.response.status_code": 200,
        "earshot.dialect": "astuto",
        "earshot.request_id": headers["x-request-id"],
        "earshot.portal": 1,
    }
    assert span.kind == span.SPAN_KIND_SERVER
    assert span.parent_span_id == b""
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 30e9
    assert attributes(collector.named("GET /statuses"))["earshot.dialect"] == "productlift"
    page = collector.named("GET /posts/{slug}")
    assert (attributes(page)["earshot.dialect"], attributes(page)["http.response.status_code"]) == ("pages", 404)
    assert {span.status.code for span in collector.spans} == {0}
    assert "hidden" not in str(collector.spans)


@pytest.mark.parametrize("proxy", ["127.0.0.1", "10.0.0.1"], ids=["trusted proxy", "untrusted client"])
def test_a_trace_is_continued_from_a_trusted_proxy_only(sqlite: Earshot, collector: Collector, proxy: str) -> None:
    with sqlite.serving(EARSHOT_OTLP_URL=collector.url, EARSHOT_TRUSTED_PROXIES=proxy) as serving:
        key = key_of(serving, "Astuto")
        send_request(serving.port, key, "/api/v1/boards", traceparent=TRACEPARENT, tracestate="vendor=1")
        send_request(serving.port, key, "/api/v1/boards/1", traceparent="00-nonsense-01")
        send_request(serving.port, key, "/api/v1/post_statuses", traceparent=TRACEPARENT.removesuffix("1") + "0")
        assert serving.end() == 0

    span = collector.named("GET /boards")
    found = (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state)
    nonsense = collector.named("GET /boards/{id}")
    assert nonsense.parent_span_id == b""
    if proxy == "127.0.0.1":
        assert found == (TRACE, PARENT, "vendor=1")
        # The proxy decided that this trace is not recorded.
        assert len(collector.spans) == 2
    else:
        assert (found[1], found[2]) == ("", "")
        assert found[0] != TRACE
        assert len({span.trace_id for span in collector.spans}) == 3


def test_each_worker_exports_its_spans(on_postgres: Earshot, collector: Collector) -> None:
    settings = {"EARSHOT_OTLP_URL": f"{collector.url}/v1/traces", "EARSHOT_RATE_LIMITS": "off"}
    with on_postgres.serving("--workers", "2", **settings) as serving:
        key = key_of(serving, "Astuto")
        names = {send_request(serving.port, key, "/api/v1/boards")[1]["x-request-id"] for _ in range(30)}
        assert serving.end() == 0

    assert {attributes(span)["earshot.request_id"] for span in collector.spans} == names
    assert len({span.trace_id for span in collector.spans}) == len(names) == 30


async def test_a_5xx_response_is_a_failed_span(settings: Settings, clock: TestClock, collector: Collector) -> None:
    never_started = create_app(settings, clock=clock)
    traces = RequestTracer(collector.url, version="1", masked_url=collector.url)
    never_started.add_observers(traces)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(never_started), base_url=HOST) as client:
        response = await client.get("/astuto/api/v1/boards", headers={"authorization": "Bearer tkn_admin_abc"})
    await traces.close()

    assert response.status_code == 500
    (span,) = collector.spans
    assert (attributes(span)["http.response.status_code"], span.status.code) == (500, span.status.STATUS_CODE_ERROR)


@pytest.mark.parametrize("responses", [False, True], ids=["connection refused", "no response"])
def test_an_unavailable_collector_delays_no_request_and_is_logged_once(sqlite: Earshot, responses: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if responses else free_port()
        with sqlite.serving(
            EARSHOT_OTLP_URL=f"http://me:hidden@127.0.0.1:{port}", OTEL_BSP_SCHEDULE_DELAY="50"
        ) as serving:
            key = key_of(serving, "Astuto")
            assert [send_request(serving.port, key, "/api/v1/boards")[0] for _ in range(20)] == [200] * 20

            message = f"no spans are accepted at http://me:***@127.0.0.1:{port}, and are dropped; see `earshot doctor`"
            if not responses:
                until(lambda: message in serving.log.read_text())
            # The bound is the server's own: what it does not get rid of in a few seconds it drops.
            serving.process.terminate()
            assert serving.process.wait(10) == 0

        log = serving.log.read_text()
        assert log.count(message) <= 1
        assert "hidden" not in log
        assert "Traceback" not in log


def test_a_start_without_the_otel_extra_reports_what_to_install(sqlite: Earshot, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import sys\nsys.modules['opentelemetry.exporter'] = None\n")

    done = sqlite.run("serve", "--port", "0", EARSHOT_OTLP_URL="http://127.0.0.1:4318", PYTHONPATH=f"{site}:{ROOT}")

    assert message_of(done) == (
        "EARSHOT_OTLP_URL=http://127.0.0.1:4318 (from the environment): OpenTelemetry is not installed: "
        "pip install '.[otel]' in a copy of Earshot's sources; ./manage does so by itself"
    )
    assert not (sqlite.folder / "data").exists()


def test_an_invalid_otlp_url_prevents_the_start(sqlite: Earshot) -> None:
    done = sqlite.run("serve", "--port", "0", EARSHOT_OTLP_URL="127.0.0.1:4317")

    assert message_of(done).startswith(
        "EARSHOT_OTLP_URL=127.0.0.1:4317 (from the environment): must be the address of a collector"
    )
