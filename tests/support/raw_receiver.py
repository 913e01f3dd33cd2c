"""A receiver of HTTP requests that responds with the bytes that a test chooses, on a loopback socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Respond: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ReceivedRequest:
    """A request as it arrived."""

    line: str
    headers: list[tuple[str, str]]
    """Names in lower case."""
    body: bytes

    def values(self, name: str) -> list[str]:
        """The values of a header, none if it is absent."""
        return [value for key, value in self.headers if key == name]


@dataclass
class RawReceiver:
    """A running receiver, and what has arrived."""

    port: int = 0
    connections: int = 0
    requests: list[ReceivedRequest] = field(default_factory=list)
    all_closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no connection is open, after the first."""
    open_connections: int = 0

    @property
    def url(self) -> str:
        """The URL of the receiver, without TLS."""
        return f"http://127.0.0.1:{self.port}/hook"


def respond(raw: bytes) -> Respond:
    """Send these bytes, whatever the request is."""

    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return write


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send nothing until the client closes the connection."""
    await reader.read()


def response(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    """A response with its Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def raw_receiver(
    answer: Respond, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawReceiver]:
    """Run a receiver until the block ends. It reads each request of a connection, and then calls `answer`."""
    receiver = RawReceiver()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        receiver.connections += 1
        receiver.open_connections += 1
        receiver.all_closed.clear()
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    receiver.requests.append(await read_request(reader))
                    await answer(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()
            receiver.open_connections -= 1
            if not receiver.open_connections:
                receiver.all_closed.set()

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def read_request(reader: asyncio.StreamReader) -> ReceivedRequest:
    """The next request of the connection. Raises IncompleteReadError at its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    return ReceivedRequest(line, headers, await reader.readexactly(length))
