"""Limits of HTTP: the number of connections, the size of a head, timeouts, and requests that can't be parsed.

The responses here are plain text, because the dialect is not known before the head has been read.
"""

import asyncio
import math
from typing import Any, Final

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.server.connections import ConnectionLimit
from app.server.flow_control import PipelineFlowControl

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADER_FIELDS: Final = 2000
"""Each field takes some hundred bytes of memory, even a short one."""
MAX_CHUNK_BYTES: Final = 4096
"""What the parser gets at once. All requests in it are parsed, so it limits how many of a client are queued."""
MAX_UNREAD_BYTES: Final = 64 * 1024 * 1024
"""How much of a body is read and discarded after the request has been answered."""

WAITING: Final = 0
HEAD: Final = 1
BODY: Final = 2
DONE: Final = 3
REJECTED: Final = 4

_UPGRADE_HEADERS: Final = frozenset({b"upgrade", b"http2-settings"})

_REJECTIONS: Final = {
    400: (b"400 Bad Request", b"This is not an HTTP request that can be read.\n"),
    429: (b"429 Too Many Requests", b"Your address has as many connections as it may have. Close some first.\n"),
    431: (b"431 Request Header Fields Too Large", b"The head of the request is longer than 64 KiB.\n"),
    501: (b"501 Not Implemented", b"The only transfer coding that is understood is chunked.\n"),
    503: (b"503 Service Unavailable", b"The server has as many connections as it can take. Try again in a moment.\n"),
}


_TOO_MANY_FIELDS: Final = b"The head of the request has more than %d fields.\n" % MAX_HEADER_FIELDS
_TOO_MUCH_FRAMING: Final = b"Trailer fields and chunk extensions may have 64 KiB.\n"


class _Rejected(Exception):
    """Raised inside the parser, which turns it into an error of its own."""


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
    write_timeout = 60.0
    """For a client that reads nothing of its response."""
    idle_close_delay = 1.0
    """How long an idle connection stays open when the server ends, because a request may be on its way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stage = WAITING
        self._chunk = 0
        self._head_bytes = 0
        self._unread = 0
        self._last_body_at = 0.0
        self._body_started_at = 0.0
        self._body_bytes = 0
        self._framing_bytes = 0
        """Bytes since the last byte of the body itself: chunk sizes, chunk extensions, trailer fields."""
        self._held = bytearray()
        """Bytes behind requests that are queued. They are parsed when those have been started."""
        self._address: str | None = None
        """The address that this connection is counted under, if any."""
        self._reason: tuple[int, bytes | None] = (400, None)
        """The arguments of `_reject` when the parser fails."""
        self._ending = False
        self._plain_head: bytes | None = None
        """The head of a request for an upgrade of the protocol, without that request."""
        self._timer: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        """The request that is being answered; `cycle` is the one that was read last, which may be queued."""
        self._unsent = math.inf
        """The size of the write buffer at the last check; infinite once some of it has been sent."""
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = PipelineFlowControl(transport, self.pipeline, self._held)
        status = None
        if isinstance(self.server_state, ConnectionLimit):
            self._address = self.server_state.enter(self.client and self.client[0])
            status = self.server_state.refusal(self._address)
        if status is None:
            self._timer = self.loop.call_later(self.header_timeout, self._on_timeout)
        elif status:
            self._reject(status)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(self.server_state, ConnectionLimit):
            self.server_state.leave(self._address)
        self._held.clear()
        self._cancel_timer()
        self._cancel_write_timer()
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
        self._unset_keepalive_if_required()
        self._take(data)

    def _take_held(self) -> None:
        """Parse the held bytes, until a request has to be queued."""
        held = self._held
        while held and not self.pipeline and self._stage != REJECTED and not self.transport.is_closing():
            piece = bytes(held[:MAX_CHUNK_BYTES])
            del held[:MAX_CHUNK_BYTES]
            self._unset_keepalive_if_required()
            self._take(piece)
        if self.transport.is_closing():
            held.clear()
        elif self.cycle is None or len(self.cycle.body) <= HIGH_WATER_LIMIT:
            self.flow.resume_reading()

    def _take(self, data: bytes) -> None:
        self._chunk = len(data)
        if self._stage == HEAD:
            self._head_bytes += self._chunk
        elif self._stage == BODY:
            self._framing_bytes += self._chunk
            if self.cycle.response_complete:
                self._unread += self._chunk
                if self._unread > MAX_UNREAD_BYTES:
                    self._close()
                    return
        self._feed(data)
        stage = self._stage
        if stage == DONE:
            if self._timer is not None:
                self._cancel_timer()
            if self.cycle.response_complete and self.timeout_keep_alive_task is None:
                # The response was sent before the body was complete, and the body cancelled the keep-alive timer.
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
        elif stage == HEAD:
            if self._head_bytes > MAX_HEAD_BYTES:
                self._reject(431)
            elif len(self.headers) > MAX_HEADER_FIELDS:
                self._reject(431, _TOO_MANY_FIELDS)
            elif self._timer is None:
                self._timer = self.loop.call_later(self.header_timeout, self._on_timeout)
        elif stage == BODY:
            self._last_body_at = self.loop.time()
            if self._framing_bytes > MAX_HEAD_BYTES:
                self._reject(431, _TOO_MUCH_FRAMING)
            elif self._timer is None:
                self._body_started_at = self._last_body_at
                self._timer = self.loop.call_later(self.body_timeout, self._on_timeout)

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                head, self._plain_head = self._plain_head, None
                if head is None:
                    self._reject(400)
                    return
                # The parser takes what follows for the other protocol, so a new parser continues.
                self.parser = httptools.HttpRequestParser(self)
                data = head + data[upgrade.args[0] :]
            except httptools.HttpParserError:
                self._reject(*self._reason)
                return
            else:
                return

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage = HEAD
        self._head_bytes = self._chunk
        self._unread = self._body_bytes = self._framing_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage != HEAD:
            # Proxies do not check trailer fields for forged headers, and nothing here needs them.
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        elif name == b"transfer-encoding":
            if value.rstrip(b" ").lower() != b"chunked":
                self._reason = (501, None)
                raise _Rejected
            if self.parser.get_http_version() != "1.1":
                # A proxy may disagree about where the body of an HTTP/1.0 request ends.
                raise _Rejected
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._head_bytes > MAX_CHUNK_BYTES and len(self.headers) > MAX_HEADER_FIELDS:
            self._reason = (431, _TOO_MANY_FIELDS)
            raise _Rejected
        if self._head_bytes > MAX_HEAD_BYTES:
            # The bytes may be mostly body, which is known only now.
            length = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if length > MAX_HEAD_BYTES:
                self._reason = (431, None)
                raise _Rejected
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            # Java's client requests HTTP/2 in this way, and sends the body of the request as well.
            self._plain_head = self._head_without_upgrade()
            return
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False
        self._stage = BODY
        if self._timer is not None:
            self._cancel_timer()

    def on_body(self, body: bytes) -> None:
        self._framing_bytes = 0
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._plain_head is None:
            super().on_message_complete()
            self._stage = DONE

    def _head_without_upgrade(self) -> bytes:
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                options = [part for part in value.split(b",") if part.strip().lower() not in _UPGRADE_HEADERS]
                value = b",".join(options)
            if name not in _UPGRADE_HEADERS and value.strip():
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_write_timer()
        elif self._stage == BODY and self.cycle.response_complete:
            if self.expect_100_continue and not self._body_bytes:
                # The client may send the body or not, so the next request could not be told from it.
                self._close()
                return
            self._cancel_timer()
            self._timer = self.loop.call_later(self.discard_timeout, self._on_timeout)
        elif self.flow.read_paused and not self.pipeline:
            # Not at once: this is called by the application, which must not see errors of the next request.
            self.loop.call_soon(self._take_held)

    def _reject(self, status: int, text: bytes | None = None) -> None:
        """Send a plain response, and close a moment later: closing at once would reset it with the incoming bytes."""
        stage, self._stage = self._stage, REJECTED
        self._held.clear()
        self._cancel_timer()
        last = self._last_to_answer(stage)
        if last is not None:
            # What can't be parsed follows requests that are being answered. They are the last of the connection.
            last.keep_alive = False
            return
        if stage != BODY or not self.cycle.response_complete:
            # A request that has its response must not get a second one, which would pass for that of the next.
            line, default = _REJECTIONS[status]
            text = text or default
            self.transport.write(
                b"HTTP/1.1 "
                + line
                + b"\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d" % len(text)
                + b"\r\nconnection: close\r\n\r\n"
                + text
            )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(self.linger_timeout, self._on_timeout)

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
            self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unsent = math.inf
        if not self.transport.is_closing():
            self._cancel_write_timer()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def _close(self) -> None:
        """Close when everything has been sent, or when the client stops reading."""
        self.transport.close()
        self._start_write_timer()

    def _start_write_timer(self) -> None:
        if self._write_timer is None and (size := self.transport.get_write_buffer_size()):
            self._unsent = size
            self._write_timer = self.loop.call_later(self.write_timeout, self._check_write_buffer)

    def _check_write_buffer(self) -> None:
        self._write_timer = None
        if self.transport.get_write_buffer_size() >= self._unsent:
            self.transport.abort()
        else:
            self._start_write_timer()

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _on_timeout(self) -> None:
        self._timer = None
        if self.transport.is_closing() or self._stage == DONE:
            return
        if self._stage in (HEAD, BODY) and self.flow.read_paused:
            # The server is slow, not the client.
            self._body_started_at = self._last_body_at = self.loop.time()
            self._timer = self.loop.call_later(self.body_timeout, self._on_timeout)
            return
        if self._stage == BODY and not self.cycle.response_complete:
            deadline = self._body_started_at + 2 * self.body_timeout + self._body_bytes / self.body_rate
            left = min(self._last_body_at + self.body_timeout, deadline) - self.loop.time()
            if left > 0:
                self._timer = self.loop.call_later(left, self._on_timeout)
                return
        self._close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
