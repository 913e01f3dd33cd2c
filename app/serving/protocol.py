"""HTTP on the wire, bounded: how many connections, how long a head, how slow a client, and what can't be parsed at all.

These answers are the server's own, in plain text: before a head is read nobody knows which dialect would be spoken.
"""

import asyncio
import math
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.serving.connections import Connections

MOST_HEAD_BYTES: Final = 64 * 1024
MOST_UNREAD_BYTES: Final = 64 * 1024 * 1024
"""How much of a body is taken in and thrown away after the request has been answered."""

WAITING: Final = 0
HEAD: Final = 1
BODY: Final = 2
DONE: Final = 3
REFUSED: Final = 4

_HOP: Final = frozenset({b"upgrade", b"http2-settings"})

_REFUSALS: Final = {
    400: (b"400 Bad Request", b"This is not an HTTP request that can be read.\n"),
    431: (b"431 Request Header Fields Too Large", b"The head of the request is longer than 64 KiB.\n"),
    503: (b"503 Service Unavailable", b"The server has as many connections as it can take. Try again in a moment.\n"),
}


class _HeadTooLong(Exception):
    """Raised inside the parser, which turns it into an error of its own."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with patience and memory that end."""

    head_seconds = 10.0
    """The longest from the first byte of a head, or from the connection's beginning, to the head's end."""
    body_seconds = 30.0
    """The longest between two pieces of a body."""
    linger_seconds = 2.0
    """How long a client that was refused may take to read why."""
    write_seconds = 60.0
    """The longest that a client may take in nothing of an answer that waits for it."""
    goodbye_seconds = 1.0
    """How long an idle connection stays open when the server ends: a request may be on its way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stage = WAITING
        self._chunk = 0
        self._head_bytes = 0
        self._unread = 0
        self._heard = 0.0
        self._status = 400
        self._ending = False
        self._plain_head: bytes | None = None
        """The head of a request that wished for another protocol, without that wish."""
        self._timer: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        """The request that is being answered; `cycle` is the one that was read last, and may have to wait for it."""
        self._unsent = math.inf
        """How much of an answer waited when it was last looked at; infinite once some of it has gone out."""
        self._unsent_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        room = self.server_state.room() if isinstance(self.server_state, Connections) else None
        if room is None:
            self._timer = self.loop.call_later(self.head_seconds, self._late)
        elif room:
            self._refuse(503)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patient()
        self._all_sent()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        stage = self._stage
        if stage == REFUSED:
            return
        if stage in (DONE, WAITING) and data[0] in b"\r\n" and not data.strip(b"\r\n"):
            # Empty lines before a request are allowed, but are no reason to keep a connection open.
            return
        self._chunk = len(data)
        if stage == HEAD:
            self._head_bytes += self._chunk
        elif stage == BODY and self.cycle.response_complete:
            self._unread += self._chunk
            if self._unread > MOST_UNREAD_BYTES:
                self._hang_up()
                return
        self._unset_keepalive_if_required()
        self._feed(data)
        stage = self._stage
        if stage == DONE:
            if self._timer is not None:
                self._patient()
            if self.cycle.response_complete and self.timeout_keep_alive_task is None:
                # The answer went out before the body was in, and the body has ended the wait for the next request.
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
        elif stage == HEAD:
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(431)
            elif self._timer is None:
                self._timer = self.loop.call_later(self.head_seconds, self._late)
        elif stage == BODY:
            self._heard = self.loop.time()
            if self._timer is None:
                self._timer = self.loop.call_later(self.body_seconds, self._late)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as wish:
            head, self._plain_head = self._plain_head, None
            if head is None:
                self._refuse(400)
                return
            # The parser takes what follows for the other protocol, so a parser that knows nothing of it goes on.
            self.parser = httptools.HttpRequestParser(self)
            self._feed(head + data[wish.args[0] :])
        except httptools.HttpParserError:
            self._refuse(self._status)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage = HEAD
        self._head_bytes = self._chunk
        self._unread = 0

    def on_headers_complete(self) -> None:
        if self._head_bytes > MOST_HEAD_BYTES:
            # What came may be mostly body; only now is it known.
            length = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if length > MOST_HEAD_BYTES:
                self._status = 431
                raise _HeadTooLong
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            # Java's client asks for HTTP/2 this way with its first request, and sends the body all the same.
            self._plain_head = self._without_wish()
            return
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False
        self._stage = BODY
        if self._timer is not None:
            self._patient()

    def on_message_complete(self) -> None:
        if self._plain_head is None:
            super().on_message_complete()
            self._stage = DONE

    def _without_wish(self) -> bytes:
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                kept = [part for part in value.split(b",") if part.strip().lower() not in _HOP]
                value = b",".join(kept)
            if name not in _HOP and value.strip():
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_sending()
        if self._stage == BODY and self.expect_100_continue:
            # The client may or may not send the body that nobody asked for: what follows could not be told apart.
            self._hang_up()

    def _refuse(self, status: int) -> None:
        """Say so in plain text and hang up; after a moment, or the answer would be lost with what is still coming."""
        stage, self._stage = self._stage, REFUSED
        self._patient()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if stage != BODY or cycle.response_started:
                # Nonsense behind a request that is being answered: that answer comes first, and is the last.
                cycle.keep_alive = False
                self.pipeline.clear()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        line, text = _REFUSALS[status]
        self.transport.write(
            b"HTTP/1.1 "
            + line
            + b"\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d" % len(text)
            + b"\r\nconnection: close\r\n\r\n"
            + text
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(self.linger_seconds, self._late)

    def shutdown(self) -> None:
        """The server ends: what is asked now is the last, and is answered with `connection: close`."""
        if self._ending:
            return
        self._ending = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(self.goodbye_seconds, self._part)
        else:
            self.cycle.keep_alive = False

    def break_off(self) -> None:
        """The time for finishing is over. Who waits for the rest of a body is told that the client is gone."""
        self.pipeline.clear()
        self.transport.abort()

    def _part(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._hang_up()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_sending()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unsent = math.inf
        if not self.transport.is_closing():
            self._all_sent()

    def timeout_keep_alive_handler(self) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        """Close when all has been sent, or when the client takes no more of it."""
        self.transport.close()
        self._watch_sending()

    def _watch_sending(self) -> None:
        if self._unsent_timer is None and (left := self.transport.get_write_buffer_size()):
            self._unsent = left
            self._unsent_timer = self.loop.call_later(self.write_seconds, self._look_at_sending)

    def _look_at_sending(self) -> None:
        self._unsent_timer = None
        if self.transport.get_write_buffer_size() >= self._unsent:
            self.transport.abort()
        else:
            self._watch_sending()

    def _all_sent(self) -> None:
        if self._unsent_timer is not None:
            self._unsent_timer.cancel()
            self._unsent_timer = None

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing() or self._stage == DONE:
            return
        if self._stage == BODY:
            left = self._heard + self.body_seconds - self.loop.time()
            # While reading is paused it is we who are slow.
            if left > 0 or self.flow.read_paused:
                self._timer = self.loop.call_later(max(left, 1.0), self._late)
                return
        self._hang_up()

    def _patient(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
