"""Where one request ends and the next begins, on real sockets: trailers, chunks, pipelines, answers that come early."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from app.server.http_limits import LimitedHttpProtocol
from tests.server.test_http_limits import (
    UPGRADE,
    ShortTimeouts,
    connected,
    echo,
    read_response,
    request,
    respond,
    respond_without_reading,
)
from tests.server.test_serve import key_of, send_request
from tests.support.commands import Earshot

CHUNKED = "transfer-encoding: chunked\r\n"
TOO_MUCH_FRAMING = b"Trailer fields and chunk extensions may have 64 KiB.\n"


async def respond_with_header_names(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the names of the header fields, as they are known once the body is in."""
    while (await receive()).get("more_body"):
        pass
    await respond(send, b" ".join(name for name, _ in scope["headers"]))


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_trailer_fields_are_not_added_to_the_headers(size: int) -> None:
    sent = request(head=CHUNKED) + b"3\r\nabc\r\n0\r\nX-Late: 1\r\nExpect: 100-continue\r\nX-Last:\r\n\r\n"
    sent += request(head=CHUNKED, path="/next") + b"0\r\n\r\n"

    async with connected(respond_with_header_names) as (reader, writer):
        for at in range(0, len(sent), size):
            writer.write(sent[at : at + size])
            await writer.drain()

        assert await read_response(reader) == (200, b"host transfer-encoding")
        assert await read_response(reader) == (200, b"host transfer-encoding")


@pytest.mark.parametrize(
    "endless",
    [b"0\r\n" + b"x-a: b\r\n" * 20_000, b"0\r\nx-a: " + b"b" * 100_000, b"1;" + b"a" * 100_000, b"0" * 100_000],
    ids=["fields", "one field", "extension", "size"],
)
async def test_chunk_framing_over_64_kib_is_rejected(endless: bytes) -> None:
    async with connected(echo) as (reader, writer):
        writer.write(request(head=CHUNKED) + endless)

        assert await read_response(reader) == (431, TOO_MUCH_FRAMING)
        assert await reader.read() == b""


async def test_long_trailers_after_the_response_close_the_connection() -> None:
    async with connected(respond_without_reading) as (reader, writer):
        writer.write(request(head=CHUNKED))
        assert await read_response(reader) == (200, b"no")

        # One answer to one request: a second would pass for the answer to the next.
        writer.write(b"0\r\n" + b"x-a: b\r\n" * 20_000)
        assert await reader.read() == b""


async def test_invalid_bytes_after_the_response_get_no_second_response() -> None:
    async with connected(respond_without_reading) as (reader, writer):
        writer.write(request(head=CHUNKED))
        assert await read_response(reader) == (200, b"no")

        writer.write(b"zz\r\n")
        assert await reader.read() == b""


async def test_a_long_body_may_have_chunk_extensions_and_small_chunks() -> None:
    async with connected(echo) as (reader, writer):
        writer.write(request(head=CHUNKED) + b"1;name=value\r\na\r\n" * 20_000 + b"0\r\nx: y\r\n\r\n")

        assert await read_response(reader) == (200, b"/ 20000")


async def test_more_than_2000_header_fields_are_rejected() -> None:
    async with connected(echo) as (reader, writer):
        writer.write(request(head="a: b\r\n" * 2000, method="GET"))

        assert await read_response(reader) == (431, b"The head of the request has more than 2000 fields.\n")
        assert await reader.read() == b""
    async with connected(echo) as (reader, writer):
        writer.write(request(head="a: b\r\n" * 1999, method="GET"))

        assert await read_response(reader) == (200, b"/ 0")


@pytest.mark.parametrize("upgrade", ["", UPGRADE], ids=["plain", "h2c"])
async def test_thousands_of_pipelined_requests_are_answered_in_order(upgrade: str) -> None:
    many = 3000
    async with connected(echo) as (reader, writer):
        writer.write(b"".join(request(head=upgrade, body=b"12345", path=f"/{number}") for number in range(many)))

        for number in range(many):
            assert await read_response(reader) == (200, f"/{number} 5".encode())
        # An empty line before a request is ignored.
        writer.write(b"\r\n" + request(method="GET", path="/last"))
        assert await read_response(reader) == (200, b"/last 0")


@pytest.mark.parametrize("size", [100, 4096, 50_000])
async def test_requests_pipelined_after_a_long_body_are_answered(size: int) -> None:
    sent = (request(body=b"b" * 300_000) + request(head=CHUNKED, path="/small") + b"3\r\nabc\r\n0\r\n\r\n") * 5

    async def send(writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(sent), size):
            writer.write(sent[at : at + size])
            await writer.drain()

    async with connected(echo) as (reader, writer):
        sending = asyncio.create_task(send(writer))
        for _ in range(5):
            assert await read_response(reader) == (200, b"/ 300000")
            assert await read_response(reader) == (200, b"/small 3")
        await sending


class Gate:
    """Answers once the server has got more on the connection than the first request."""

    def __init__(self) -> None:
        asked, more = asyncio.Event(), asyncio.Event()
        self.asked, self._more = asked, more

        class Watched(LimitedHttpProtocol):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if asked.is_set():
                    more.set()

        self.protocol = Watched

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        await self._more.wait()
        await echo(scope, receive, send)


@pytest.mark.parametrize(
    ("behind", "responses"),
    [
        (request(path="/two", method="GET") + b"nonsense\r\n\r\n", [b"/one 0", b"/two 0"]),
        (request(path="/two", method="GET") + request(head=CHUNKED) + b"zz\r\n", [b"/one 0", b"/two 0"]),
        (request(head=CHUNKED) + b"zz\r\n", [b"/one 0"]),
    ],
    ids=["invalid request line", "invalid body after two requests", "invalid body after one request"],
)
async def test_requests_before_invalid_bytes_are_answered(behind: bytes, responses: list[bytes]) -> None:
    gate = Gate()
    async with connected(gate, gate.protocol) as (reader, writer):
        writer.write(request(path="/one", method="GET"))
        await gate.asked.wait()
        writer.write(behind)

        assert [await read_response(reader) for _ in responses] == [(200, each) for each in responses]
        assert await reader.read() == b""


async def test_a_pipelined_request_gets_100_continue_in_its_turn() -> None:
    gate = Gate()
    async with connected(gate, gate.protocol) as (reader, writer):
        writer.write(request(path="/one", method="GET"))
        await gate.asked.wait()
        writer.write(b"POST /two HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")

        assert await read_response(reader) == (200, b"/one 0")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert await read_response(reader) == (200, b"/two 3")


async def send_slowly(writer: asyncio.StreamWriter, interval: float) -> None:
    """Send a byte again and again until the connection is closed."""
    with suppress(OSError):
        while not writer.is_closing():
            writer.write(b"b")
            await asyncio.sleep(interval)


async def read_until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, interval: float) -> bytes:
    """What the server sends before it closes the connection, while bytes are sent slowly."""
    sending = asyncio.create_task(send_slowly(writer, interval))
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        sending.cancel()


class ShortDiscardTimeout(LimitedHttpProtocol):
    """Waits for the pieces of a body as usual, but not for what comes when it has been answered."""

    discard_timeout = 1.0


class ShortBodyTimeout(LimitedHttpProtocol):
    """Waits for less than a body takes that comes slowly and steadily."""

    body_timeout = 0.5


async def test_the_rest_of_a_body_after_an_early_response_times_out() -> None:
    async with connected(respond_without_reading, ShortDiscardTimeout) as (reader, writer), asyncio.timeout(20):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nbegun")
        assert await read_response(reader) == (200, b"no")

        assert await read_until_closed(reader, writer, interval=0.02) == b""


def test_the_timeout_for_the_rest_of_a_body_is_five_seconds() -> None:
    assert LimitedHttpProtocol.discard_timeout == 5.0


async def test_a_connection_stays_open_if_the_rest_of_a_body_arrives_in_time() -> None:
    async with connected(respond_without_reading, ShortDiscardTimeout) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
        assert await read_response(reader) == (200, b"no")
        writer.write(b"67890")
        # Longer than a rest is waited for: the connection is idle now, which is another matter.
        await asyncio.sleep(1.5 * ShortDiscardTimeout.discard_timeout)

        writer.write(request(method="GET"))
        assert await read_response(reader) == (200, b"no")


async def test_a_too_slow_body_times_out() -> None:
    async with connected(echo, ShortTimeouts) as (reader, writer), asyncio.timeout(20):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
        # Each byte comes in time, but all of them would take hours.
        assert await read_until_closed(reader, writer, interval=ShortTimeouts.body_timeout / 5) == b""


async def test_a_slow_body_over_the_minimum_speed_is_read_completely() -> None:
    async with connected(echo, ShortBodyTimeout) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 15000\r\n\r\n")
        # Longer than a body of no speed may take altogether.
        for _ in range(15):
            writer.write(b"b" * 1000)
            await asyncio.sleep(ShortBodyTimeout.body_timeout / 5)

        assert await read_response(reader) == (200, b"/ 15000")


def test_trailers_from_a_trusted_proxy_are_ignored(sqlite: Earshot) -> None:
    """HAProxy adds `X-Forwarded-For` to the head and passes trailer fields on as they are."""

    async def send_with_trailers(port: int, number: int, key: str) -> tuple[int, str]:
        head = f"authorization: Bearer {key}\r\nx-forwarded-for: 203.0.113.9\r\n{CHUNKED}connection: close\r\n"
        trailers = f"x-forwarded-for: 198.51.100.{number}\r\nx-request-id: forged\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(head=head, method="GET", path="/astuto/api/v1/boards") + f"0\r\n{trailers}\r\n".encode())
        response = (await reader.read()).decode()
        writer.close()
        return int(response.split()[1]), response

    with sqlite.serving(EARSHOT_TRUSTED_PROXIES="127.0.0.1") as serving:
        # Keys that are none: only the limit of the address counts them together.
        responses = [asyncio.run(send_with_trailers(serving.port, n, f"tkn_admin_{n}")) for n in range(130)]
        valid = asyncio.run(send_with_trailers(serving.port, 200, key_of(serving, "Astuto")))

    # Two windows at most, should one end meanwhile.
    assert 100 <= sum(status == 401 for status, _ in responses) < 130
    assert {status for status, _ in responses} == {401, 429}
    assert valid[0] == 429
    assert not any("forged" in response for _, response in [*responses, valid])


def test_a_key_revoked_while_the_body_arrives_is_rejected(earshot: Earshot) -> None:
    body = b'{"name": "Too late"}'
    head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"

    with earshot.serving(EARSHOT_RATE_LIMITS="off") as serving:
        key = key_of(serving, "Astuto")
        head += f"authorization: Bearer {key}\r\n"

        async def wait_for_status(status: int) -> None:
            while (await asyncio.to_thread(send_request, serving.port, key, "/api/v1/boards"))[0] != status:
                pass

        async def create_board() -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
            writer.write(request(path="/api/v1/boards", head=head) + body[:5])
            await writer.drain()
            # Answered after the first, so that this one has been admitted.
            await wait_for_status(200)
            assert earshot.run("keys", "revoke", "2").code == 0
            await wait_for_status(401)
            writer.write(body[5:])
            status, _ = await read_response(reader)
            writer.close()
            return status

        assert asyncio.run(create_board()) == 401
        assert "Too late" not in earshot.run("boards", "list").out
