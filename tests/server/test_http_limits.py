"""HTTP on the wire, through real sockets: what is too long, too slow, or no HTTP at all."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from app.server.connections import ConnectionLimit
from app.server.http_limits import LimitedHttpProtocol
from app.server.sockets import set_write_timeout
from tests.support.commands import Earshot

NOT_HTTP = b"This is not an HTTP request that can be read.\n"
UPGRADE = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
TOO_LONG = b"The head of the request is longer than 64 KiB.\n"

App = Callable[[Any, Any, Any], Awaitable[None]]


class ShortTimeouts(LimitedHttpProtocol):
    """The same with a patience that a test can wait for."""

    header_timeout = 0.1
    body_timeout = 0.1
    linger_timeout = 0.1


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the path and the length of the body; keep quiet when the client hung up."""
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    await respond(send, f"{scope['path']} {length}".encode())


async def respond_without_reading(scope: Any, receive: Any, send: Any) -> None:
    """Answer without having read anything."""
    await respond(send, b"no")


class EndlessResponse:
    """Answers without an end, and knows how many pieces it has got rid of."""

    def __init__(self) -> None:
        self.pieces = 0
        self.gone = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()
        leaving = asyncio.create_task(receive())
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"a" * 65536, "more_body": True})
            self.pieces += 1
            await asyncio.sleep(0)
        self.gone.set()


async def respond_at_length(scope: Any, receive: Any, send: Any) -> None:
    """Answer with more than the system's buffers hold, at once, and mean to close the connection."""
    length = (b"content-length", b"50000000")
    await send({"type": "http.response.start", "status": 200, "headers": [length, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": b"a" * 50_000_000})


async def respond(send: Any, text: bytes) -> None:
    length = (b"content-length", str(len(text)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": text})


@asynccontextmanager
async def connected(
    app: App, protocol: type[LimitedHttpProtocol] = LimitedHttpProtocol, *, write_timeout: float = 60
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of this application."""
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False, interface="asgi3")
    config.load()
    state = ConnectionLimit()
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    set_write_timeout(server.sockets[0], write_timeout)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await server.wait_closed()


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next answer: status and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.lower().partition("content-length: ")[2].split("\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


def request(head: str = "", body: bytes = b"", method: str = "POST", path: str = "/") -> bytes:
    length = f"content-length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nhost: x\r\n{length}{head}\r\n".encode() + body


@pytest.mark.parametrize(
    "fields",
    [
        f"x-long: {'a' * 100_000}\r\n",
        f"x-long: {'a' * 66_000}\r\n",
        "".join(f"x-{number}: {'a' * 50}\r\n" for number in range(1200)),
    ],
    ids=["one field", "one field slightly too long", "many fields"],
)
@pytest.mark.parametrize("piece", [1024, 7000, 200_000])
async def test_request_headers_over_64_kib_are_rejected(piece: int, fields: str) -> None:
    head = request(head=fields, method="GET")

    async with connected(echo) as (reader, writer):
        for at in range(0, len(head), piece):
            writer.write(head[at : at + piece])

        assert await read_response(reader) == (431, TOO_LONG)
        assert await reader.read() == b""


async def test_the_keep_alive_timeout_does_not_end_a_request_in_progress() -> None:
    class ShortKeepAlive(LimitedHttpProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.timeout_keep_alive = 0.2

    async def wait_and_echo(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.1 if scope["path"] == "/first" else 0.6)
        await echo(scope, receive, send)

    async with connected(wait_and_echo, ShortKeepAlive) as (reader, writer):
        writer.write(request(path="/first", method="GET") + b"GET /sec")
        assert await read_response(reader) == (200, b"/first 0")
        writer.write(b"ond HTTP/1.1\r\nhost: x\r\n\r\n")

        assert await read_response(reader) == (200, b"/second 0")


async def test_long_headers_within_the_limit_and_a_long_body_are_accepted() -> None:
    async with connected(echo) as (reader, writer):
        writer.write(request(head=f"x-long: {'a' * 65_000}\r\n", body=b"b" * 1_000_000))

        assert await read_response(reader) == (200, b"/ 1000000")


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"CONNECT there:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: five\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=repr,
)
async def test_bytes_that_are_not_http_get_a_plain_400(garbage: bytes) -> None:
    async with connected(echo) as (reader, writer):
        writer.write(garbage)

        assert await read_response(reader) == (400, NOT_HTTP)
        assert await reader.read() == b""


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nhost: ", b"\r\n"], ids=["no bytes", "incomplete headers", "empty line"]
)
async def test_incomplete_request_headers_time_out(begun: bytes) -> None:
    async with connected(echo, ShortTimeouts) as (reader, writer):
        writer.write(begun)

        assert await reader.read() == b""


async def test_an_incomplete_body_times_out() -> None:
    async with connected(echo, ShortTimeouts) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")

        assert await reader.read() == b""


async def test_a_client_that_does_not_read_its_response_is_disconnected() -> None:
    endless_response = EndlessResponse()
    async with connected(endless_response, write_timeout=0.1) as (reader, writer):
        writer.write(request(method="GET"))

        async with asyncio.timeout(20):
            await endless_response.gone.wait()
        # No more than the system's own buffers took.
        assert endless_response.pieces * 65536 < 32 * 1024 * 1024
        with suppress(ConnectionResetError):
            assert len(await reader.read()) < 32 * 1024 * 1024


async def test_a_disconnect_with_pipelined_requests_logs_no_error(caplog: pytest.LogCaptureFixture) -> None:
    endless_response = EndlessResponse()
    async with connected(endless_response) as (reader, writer):
        writer.write(request(method="GET") * 3)
        await reader.readexactly(1_000_000)
        writer.transport.abort()

        async with asyncio.timeout(20):
            await endless_response.gone.wait()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_slow_client_gets_the_complete_response() -> None:
    write_timeout = 1.0

    async with connected(respond_at_length, write_timeout=write_timeout) as (reader, writer):
        writer.write(request(method="GET"))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" in head

        began, read = asyncio.get_running_loop().time(), 0
        while piece := await reader.read(1_000_000):
            read += len(piece)
            # The slowness of the client, which takes longer for it all than one that takes in nothing is given.
            await asyncio.sleep(len(piece) / 25_000_000)
        assert read == 50_000_000
        assert asyncio.get_running_loop().time() - began > write_timeout


async def test_an_unread_body_does_not_close_the_connection() -> None:
    async with connected(respond_without_reading) as (reader, writer):
        writer.write(request(body=b"b" * 3_000_000) + request(path="/next", method="GET"))

        assert await read_response(reader) == (200, b"no")
        assert await read_response(reader) == (200, b"no")


async def test_a_response_without_100_continue_closes_the_connection() -> None:
    async with connected(respond_without_reading) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n")

        assert await read_response(reader) == (200, b"no")
        assert await reader.read() == b""


async def test_a_request_with_an_http_2_upgrade_is_answered() -> None:
    async with connected(echo) as (reader, writer):
        late = request(head=UPGRADE, body=b"1234567", path="/late")
        writer.write(late[:-5])
        await writer.drain()
        writer.write(late[-5:])
        assert await read_response(reader) == (200, b"/late 7")

        writer.write(request(path="/next", method="GET"))
        assert await read_response(reader) == (200, b"/next 0")


def test_a_running_server_applies_these_limits(sqlite: Earshot) -> None:
    async def send_request(port: int, sent: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            return await read_response(reader)
        finally:
            writer.close()

    with sqlite.serving() as serving:
        assert asyncio.run(send_request(serving.port, request(head=f"x-long: {'a' * 100_000}\r\n"))) == (431, TOO_LONG)
        assert asyncio.run(send_request(serving.port, b"hello\r\n\r\n")) == (400, NOT_HTTP)
        assert asyncio.run(send_request(serving.port, request(method="GET", path="/health"))) == (200, b"success")


class RecordedWrites(asyncio.Transport):
    """A transport that keeps what is written to it, each piece by itself."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4000), "sockname": ("127.0.0.1", 8000)})
        self.pieces: list[bytes] = []
        self.closed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        self.closed.set()


async def written(app: App, sent: bytes) -> list[bytes]:
    """What the server writes in answer to a request that closes the connection."""
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False, interface="asgi3")
    config.load()
    transport = RecordedWrites()
    protocol = LimitedHttpProtocol(config=config, server_state=ConnectionLimit(), app_state={})
    protocol.connection_made(transport)
    protocol.data_received(sent)
    await asyncio.wait_for(transport.closed.wait(), 5)
    protocol.connection_lost(None)
    return transport.pieces


CLOSING = "host: a\r\nconnection: close\r\n"


async def test_head_and_body_of_a_response_are_written_together() -> None:
    [response] = await written(echo, f"GET /a HTTP/1.1\r\n{CLOSING}\r\n".encode())

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b"\r\n\r\n/a 0")


async def test_a_response_without_a_body_is_written() -> None:
    [response] = await written(respond_without_reading, f"HEAD /a HTTP/1.1\r\n{CLOSING}\r\n".encode())

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b"\r\n\r\n")


async def test_the_first_part_of_a_streamed_response_does_not_wait_for_the_second() -> None:
    async def respond_in_parts(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    first, second = await written(respond_in_parts, f"GET /a HTTP/1.1\r\n{CLOSING}\r\n".encode())

    assert first.endswith(b"\r\n\r\n3\r\none\r\n")
    assert second == b"3\r\ntwo\r\n0\r\n\r\n"


async def test_a_client_is_told_to_send_its_body_before_the_response() -> None:
    head = f"POST /a HTTP/1.1\r\n{CLOSING}expect: 100-continue\r\ncontent-length: 3\r\n\r\n"
    pieces = await written(echo, f"{head}abc".encode())

    assert pieces[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert pieces[1].startswith(b"HTTP/1.1 200 OK\r\n")
    assert pieces[1].endswith(b"\r\n\r\n/a 3")


async def test_the_head_of_a_response_that_breaks_off_is_written() -> None:
    async def break_off(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("no body")

    [response] = await written(break_off, f"GET /a HTTP/1.1\r\n{CLOSING}\r\n".encode())

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
