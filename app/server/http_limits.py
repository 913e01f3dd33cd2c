"""Limits of HTTP: the number of connections, the size of a head, timeouts, and requests that can't be parsed.

The responses here are plain text, because the dialect is not known before the head has been read.
"""

import asyncio
from collections.abc import Sized
from typing import Any, Final

import httptools
import uvicorn
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.server.connections import ConnectionLimit
from app.server.response_transport import ResponseTransport

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADER_FIELDS: Final = 2000
"""Each field takes some hundred bytes of memory, even a short one."""
MAX_CHUNK_BYTES: Final = 4096
"""What the parser gets at once. All requests in it are parsed, so it limits how many of a client are queued."""

WAITING: Final = 0
HEAD: Final = 1
BODY: Final = 2
DONE: Final = 3
REJECTED: Final = 4


def _encode_rejection(status: bytes, text: bytes) -> bytes:
    """A plain response, after which the connection is closed."""
    return (
        b"HTTP/1.1 %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
        b"connection: close\r\n\r\n%s" % (status, len(text), text)
    )


MALFORMED: Final = _encode_rejection(b"400 Bad Request", b"This is not an HTTP request that can be read.\n")
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
HEAD_TOO_LONG: Final = _encode_rejection(_TOO_LARGE, b"The head of the request is longer than 64 KiB.\n")
TOO_MANY_FIELDS: Final = _encode_rejection(
    _TOO_LARGE, b"The head of the request has more than %d fields.\n" % MAX_HEADER_FIELDS
)
TOO_MUCH_FRAMING: Final = _encode_rejection(_TOO_LARGE, b"Trailer fields and chunk extensions may have 64 KiB.\n")
UNKNOWN_CODING: Final = _encode_rejection(
    b"501 Not Implemented", b"The only transfer coding that is understood is chunked.\n"
)
TOO_MANY_CONNECTIONS: Final = {
    429: _encode_rejection(
        b"429 Too Many Requests", b"Your address has as many connections as it may have. Close some first.\n"
    ),
    503: _encode_rejection(
        b"503 Service Unavailable", b"The server has as many connections as it can take. Try again in a moment.\n"
    ),
}


class _Rejected(Exception):
    """Raised inside the parser, which turns it into an error of its own."""


class PipelineFlowControl(FlowControl):
    """Does not read while requests of the connection are queued.

    uvicorn resumes reading after every response, so that a client that sends requests faster than they are answered
    fills the memory.
    """

    def __init__(self, transport: asyncio.Transport, pipeline: Sized, held: Sized) -> None:
        super().__init__(transport)
        self._pipeline = pipeline
        self._held = held

    def resume_reading(self) -> None:
        if not self._pipeline and not self._held:
            super().resume_reading()


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with timeouts and bounded memory."""

    header_timeout = 10.0
    """From the first byte of a head, or the start of the connection, to the end of the head."""
    body_timeout = 30.0
    """Between two pieces of a body. A whole body may take twice as long, and more by `body_rate`."""
    body_rate = 500
    """The minimum rate of a long body on average, in bytes a second."""
    discard_timeout = 5.0
    """For the rest of a body whose request has been answered already."""
    linger_timeout = 2.0
    """For a rejected client to read the response."""
    idle_close_delay = 1.0
    """How long an idle connection stays open when the server ends, because a request may be on its way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connection_limit: ConnectionLimit = kwargs["server_state"]
        self._stage = WAITING
        self._chunk = 0
        self._framing_bytes = 0
        """Bytes of the head; after it, bytes since the last byte of the body: chunk sizes and extensions, trailers."""
        self._last_body_at = 0.0
        self._body_started_at = 0.0
        self._body_bytes = 0
        self._held = bytearray()
        """Bytes behind requests that are queued. They are parsed when those have been started."""
        self._address: str | None = None
        """The address that this connection is counted under, if any."""
        self._rejection = MALFORMED
        """The response when the parser fails."""
        self._ending = False
        self._plain_head: bytes | None = None
        """The head of a request for an upgrade of the protocol, without that request."""
        self._timer: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        """The request that is being answered; `cycle` is the one that was read last, which may be queued."""
        self._response: ResponseTransport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = PipelineFlowControl(transport, self.pipeline, self._held)
        self._address = self._connection_limit.enter(self.client and self.client[0])
        status = self._connection_limit.refusal(self._address)
        if status is None:
            self._set_timer(self.header_timeout)
        elif status:
            self._reject(TOO_MANY_CONNECTIONS[status])
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection_limit.leave(self._address)
        self._held.clear()
        self._cancel_timer()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        stage = self._stage
        if stage == REJECTED:
            return
        if self.pipeline or self._held:
            self._held += data
            self.flow.pause_reading()
            return
        if stage in (DONE, WAITING) and data[0] in b"\r\n" and not data.strip(b"\r\n"):
            # Empty lines before a request are allowed, but do not restart the timeout.
            return
        if len(data) > MAX_CHUNK_BYTES:
            self._held += data
            self._take_held()
            return
        self._take(data)

    def _take_held(self) -> None:
        """Parse the held bytes, until a request has to be queued."""
        held = self._held
        while held and not self.pipeline and self._stage != REJECTED and not self.transport.is_closing():
            piece = bytes(held[:MAX_CHUNK_BYTES])
            del held[:MAX_CHUNK_BYTES]
            self._take(piece)
        if self.transport.is_closing():
            held.clear()
        elif self.cycle is None or len(self.cycle.body) <= HIGH_WATER_LIMIT:
            self.flow.resume_reading()

    def _take(self, data: bytes) -> None:
        self._chunk = len(data)
        self._framing_bytes += self._chunk
        self._feed(data)
        stage = self._stage
        if stage == DONE:
            self._cancel_timer()
        elif stage == HEAD:
            if self._framing_bytes > MAX_HEAD_BYTES:
                self._reject(HEAD_TOO_LONG)
            elif self._timer is None:
                self._set_timer(self.header_timeout)
        elif stage == BODY:
            self._last_body_at = self.loop.time()
            if self._framing_bytes > MAX_HEAD_BYTES:
                self._reject(TOO_MUCH_FRAMING)
            elif self._timer is None:
                self._body_started_at = self._last_body_at
                self._set_timer(self.body_timeout)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head, self._plain_head = self._plain_head, None
            if head is None:
                self._reject(MALFORMED)
            else:
                self.parser = httptools.HttpRequestParser(self)
                self._feed(head + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._reject(self._rejection)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # Not on any data: after the rest of a body whose response has been sent, the connection may be idle.
        self._unset_keepalive_if_required()
        self._stage = HEAD
        self._framing_bytes = self._chunk
        self._body_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage != HEAD:
            # Proxies do not check trailer fields for forged headers, and nothing here needs them.
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        elif name == b"transfer-encoding":
            if value.rstrip(b" ").lower() != b"chunked":
                self._rejection = UNKNOWN_CODING
                raise _Rejected
            if self.parser.get_http_version() != "1.1":
                # A proxy may disagree about where the body of an HTTP/1.0 request ends.
                raise _Rejected
        self.headers.append((name, value))
        if len(self.headers) > MAX_HEADER_FIELDS:
            self._rejection = TOO_MANY_FIELDS
            raise _Rejected

    def on_headers_complete(self) -> None:
        if self._framing_bytes > MAX_HEAD_BYTES:
            # The bytes may be mostly body, which is known only now.
            length = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if length > MAX_HEAD_BYTES:
                self._rejection = HEAD_TOO_LONG
                raise _Rejected
        method = self.parser.get_method()
        if self.parser.should_upgrade() and method != b"CONNECT":
            # Java's client requests HTTP/2 in this way, and sends the body of the request as well. The parser takes
            # the body for the other protocol, so another parser reads the request without this header.
            start = b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())
            fields = [b"%s: %s" % field for field in self.headers if field[0] != b"upgrade"]
            self._plain_head = b"\r\n".join([start, *fields, b"", b""])
            return
        # The keep-alive timer of the previous response, if that was sent while this head was read.
        self._unset_keepalive_if_required()
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False
        self._stage = BODY
        self._framing_bytes = 0
        self._cancel_timer()

    def on_body(self, body: bytes) -> None:
        self._framing_bytes = 0
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._plain_head is None:
            super().on_message_complete()
            self._stage = DONE

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        self._response = ResponseTransport(self.transport)
        cycle.transport = self._response  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        if self._response is not None:
            self._response.flush()
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._stage == BODY and self.cycle.response_complete:
            if self.expect_100_continue and not self._body_bytes:
                # The client may send the body or not, so the next request could not be distinguished from it.
                self.transport.close()
            else:
                self._set_timer(self.discard_timeout)
        elif self.flow.read_paused and not self.pipeline:
            # Not at once: this is called by the application, which must not see errors of the next request.
            self.loop.call_soon(self._take_held)

    def _reject(self, response: bytes) -> None:
        """Send a plain response, and close a moment later: closing at once would reset it with the incoming bytes."""
        stage, self._stage = self._stage, REJECTED
        self._held.clear()
        self._cancel_timer()
        last = self._last_to_answer(stage)
        if last is not None:
            # Requests before the invalid bytes are still being answered. The connection is closed after them.
            last.keep_alive = False
            return
        if stage != BODY or not self.cycle.response_complete:
            # A request must not get a second response, which the client would take for that of its next request.
            self.transport.write(response)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._set_timer(self.linger_timeout)

    def _last_to_answer(self, stage: int) -> RequestResponseCycle | None:
        """The last request that is answered although the rest is rejected. An incomplete request is dropped."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return None
        if stage != BODY or (cycle.response_started and not self.pipeline):
            return cycle
        if self.pipeline:
            self.pipeline.popleft()
            return self.pipeline[0][0] if self.pipeline else self._answering
        cycle.disconnected = True
        cycle.message_event.set()
        return None

    def shutdown(self) -> None:
        """The server ends: the current request is the last, and its response has `connection: close`."""
        if self._ending:
            return
        self._ending = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(self.idle_close_delay, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    def abort(self) -> None:
        """Close at once. An application that waits for the rest of a body receives a disconnect."""
        self.pipeline.clear()
        self.transport.abort()

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _on_timeout(self) -> None:
        self._timer = None
        if self.transport.is_closing() or self._stage == DONE:
            return
        if self._stage in (HEAD, BODY) and self.flow.read_paused:
            # Reading was paused by the server, so the client is not slow.
            self._body_started_at = self._last_body_at = self.loop.time()
            self._set_timer(self.body_timeout)
            return
        if self._stage == BODY and not self.cycle.response_complete:
            deadline = self._body_started_at + 2 * self.body_timeout + self._body_bytes / self.body_rate
            left = min(self._last_body_at + self.body_timeout, deadline) - self.loop.time()
            if left > 0:
                self._set_timer(left)
                return
        self.transport.close()

    def _set_timer(self, seconds: float) -> None:
        self._cancel_timer()
        self._timer = self.loop.call_later(seconds, self._on_timeout)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def uvicorn_config(application: Any, **options: Any) -> uvicorn.Config:
    """The configuration of a server with these limits. Signals, logs and forwarded headers are not uvicorn's."""
    return uvicorn.Config(
        application,
        http=LimitedHttpProtocol,
        ws="none",
        interface="asgi3",
        workers=1,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        **{"lifespan": "off", **options},
    )
