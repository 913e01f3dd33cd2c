"""Receivers of what the outbox sends, in processes of their own: an HTTP server that accepts every call, and an SMTP
server that accepts every email.

    python bench/receivers.py http 9001
    python bench/receivers.py smtp 9002

At SIGTERM a receiver prints, as JSON, how much it has received, and when the first arrived by the monotonic clock.
"""

import asyncio
import json
import re
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.processes import BackgroundProcess
from tests.support.processes import free_port

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

START_SECONDS: Final = 20
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RESPONSE: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Received(NamedTuple):
    """What a receiver received. `began_at` is when the first arrived, by the monotonic clock; None without any."""

    total: int
    began_at: float | None


class Receiver(BackgroundProcess):
    """A running receiver of this kind, `http` or `smtp`. `received` is set when it is closed."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.port = free_port()
        self.received = Received(0, None)
        super().__init__(f"{kind}-{self.port}", [sys.executable, __file__, kind, str(self.port)], folder=folder)
        try:
            self._await_port(kind)
        except BaseException:
            super().close()
            raise

    def close(self) -> None:
        """Stop the receiver, and read what it has received."""
        super().close()
        self.received = Received(**json.loads(self.read_log().splitlines()[-1]))

    def _await_port(self, kind: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running():
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        raise SystemExit(f"the {kind} receiver did not start: {self.read_log()[-2000:]}")


class _Counter:
    def __init__(self) -> None:
        self.total = 0
        self.began_at: float | None = None

    def add(self) -> None:
        if self.began_at is None:
            self.began_at = time.monotonic()
        self.total += 1


class _HttpConnection(asyncio.Protocol):
    """Accepts requests one after the other."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of uvloop is no asyncio.WriteTransport.
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < total:
                return
            self._buffer = self._buffer[total:]
            self._counter.add()
            self._transport.write(_RESPONSE)


class _SmtpHandler:
    """Accepts every email."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter

    async def handle_DATA(self, server: "SMTP", session: "Session", envelope: "Envelope") -> str:
        self._counter.add()
        return "250 accepted"


async def _receive(kind: str, port: int) -> None:
    counter, ended = _Counter(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    if kind == "http":
        server = await loop.create_server(lambda: _HttpConnection(counter), "127.0.0.1", port)
    elif kind == "smtp":
        from aiosmtpd.smtp import SMTP

        handler = _SmtpHandler(counter)
        server = await loop.create_server(lambda: SMTP(handler, loop=loop), "127.0.0.1", port)
    else:
        raise SystemExit(f"there is no receiver of {kind}")
    await ended.wait()
    server.close()
    print(json.dumps({"total": counter.total, "began_at": counter.began_at}), flush=True)


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_receive(sys.argv[1], int(sys.argv[2])))
