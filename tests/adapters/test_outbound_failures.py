"""Outbound calls to receivers that hang, break off, send too much, or have no valid certificate."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.adapters.outbound_http import MAX_RESPONSE_BYTES, OutboundClient
from tests.adapters.outbound import ChosenAddresses, outbound_client
from tests.adapters.test_outbound_http import OK, reason
from tests.support.certificates import Authority
from tests.support.raw_receiver import Respond, hang, raw_receiver, respond, response

HEAD = b"HTTP/1.1 200 OK\r\n"


def repeat(first: bytes, chunk: bytes) -> Respond:
    """Send `first`, and then `chunk` without end."""

    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(chunk)
            await writer.drain()

    return write


def dribble(first: bytes) -> Respond:
    """Send `first`, and then a letter every now and then."""

    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while not reader.at_eof():
            writer.write(b"a")
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.02)

    return write


def respond_and_close(raw: bytes) -> Respond:
    """Send the bytes and close the connection."""

    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        writer.close()
        await writer.wait_closed()
        raise ConnectionAbortedError

    return write


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a TCP reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise ConnectionAbortedError


@pytest.mark.parametrize("answer", [hang, dribble(HEAD + b"X-Header: ")])
async def test_a_receiver_that_hangs_or_dribbles_is_left(answer: Respond) -> None:
    async with raw_receiver(answer) as receiver, outbound_client(call_timeout_seconds=0.1) as client:
        assert await reason(client, receiver.url) == f"no response from 127.0.0.1:{receiver.port} within 0.1 seconds"
        await receiver.all_closed.wait()


async def test_a_receiver_that_does_not_read_is_left() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        closed.append(writer)

    closed: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with outbound_client(call_timeout_seconds=0.2) as client:
        message = await reason(client, f"http://127.0.0.1:{port}/hook", content=bytes(50_000_000))
    server.close()
    for writer in closed:
        writer.transport.abort()

    assert message == f"no response from 127.0.0.1:{port} within 0.2 seconds"


async def test_a_receiver_that_refuses_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with outbound_client() as client:
        assert await reason(client, f"http://127.0.0.1:{port}/hook") == (
            f"no connection to 127.0.0.1:{port}: connection refused"
        )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (reset, "the connection to {} was lost"),
        (respond_and_close(b""), "{} closed the connection without a response"),
        (respond_and_close(HEAD), "{} closed the connection without a response"),
        (respond(b"SSH-2.0-OpenSSH_9.2 hidden\r\n\r\n"), "{} sent no valid HTTP response"),
        (respond(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "{} sent no valid HTTP response"),
        (repeat(HEAD, b"X-Header: value\r\n" * 1000), "{} sent no valid HTTP response"),
        (repeat(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000), "{} sent too much before its response"),
    ],
)
async def test_without_a_response_the_reason_is_reported(answer: Respond, message: str) -> None:
    async with raw_receiver(answer) as receiver, outbound_client() as client:
        assert await reason(client, receiver.url) == message.format(f"127.0.0.1:{receiver.port}")
        await receiver.all_closed.wait()


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (respond(response(body=b"x" * MAX_RESPONSE_BYTES)), "x" * MAX_RESPONSE_BYTES),
        (repeat(HEAD + b"Content-Length: 104857600\r\n\r\n", b"x" * 50_000), "x" * MAX_RESPONSE_BYTES),
        (repeat(HEAD + b"\r\n", b"x" * 50_000), "x" * MAX_RESPONSE_BYTES),
        (repeat(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ffff\r\n%b\r\n" % (b"x" * 65535)), "x" * 65536),
        (respond_and_close(HEAD + b"Content-Length: 9\r\n\r\nthank"), "thank"),
        (respond_and_close(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nthank\r\n"), "thank"),
        (respond(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nthank\r\nz\r\n"), "thank"),
        (respond(HEAD + b"Content-Length: 5\r\n\r\nthanks"), "thank"),
        (respond(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + response(body=b"ok")), "ok"),
    ],
)
async def test_after_the_status_the_body_is_read_as_far_as_it_comes(answer: Respond, body: str) -> None:
    async with raw_receiver(answer) as receiver, outbound_client() as client:
        received = await client.call("POST", receiver.url)

    assert (received.status, received.body) == (200, body)


async def test_a_body_that_dribbles_ends_with_the_time_of_the_call() -> None:
    answer = dribble(HEAD + b"Content-Length: 1000\r\n\r\n")
    async with raw_receiver(answer) as receiver, outbound_client(call_timeout_seconds=0.2) as client:
        received = await client.call("POST", receiver.url)
        await receiver.all_closed.wait()

    assert received.status == 200
    assert 1 <= len(received.body) <= 20


async def test_tiny_chunks_end_at_the_limit_of_what_is_read() -> None:
    answer = repeat(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1000)
    async with raw_receiver(answer) as receiver, outbound_client() as client:
        received = await client.call("POST", receiver.url)
        await receiver.all_closed.wait()

    assert received.status == 200
    assert 30_000 < len(received.body) < MAX_RESPONSE_BYTES


async def test_a_response_that_is_too_long_closes_the_connection() -> None:
    answer = repeat(HEAD + b"Content-Length: 104857600\r\n\r\n", b"x" * 50_000)
    async with raw_receiver(answer) as receiver, outbound_client() as client:
        await client.call("POST", receiver.url)
        await receiver.all_closed.wait()
        await client.call("POST", receiver.url)

    assert receiver.connections == 2


async def test_a_call_is_repeated_if_the_receiver_has_closed_the_idle_connection() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(receiver.requests) in (2, 5, 6):
            raise ConnectionAbortedError
        writer.write(response())

    async with raw_receiver(answer) as receiver, outbound_client() as client:
        for _ in range(3):
            assert (await client.call("POST", receiver.url, content=b"{}")).status == 200
        # The fourth call loses an idle connection and a new one, and is not repeated again.
        assert await reason(client, receiver.url, content=b"{}") == (
            f"127.0.0.1:{receiver.port} closed the connection without a response"
        )

    assert receiver.connections == 3
    assert [request.body for request in receiver.requests] == [b"{}"] * 6


async def test_bytes_after_a_response_do_not_spoil_the_next_call() -> None:
    async with (
        raw_receiver(respond(HEAD + b"Content-Length: 5\r\n\r\nthanks")) as receiver,
        outbound_client() as client,
    ):
        bodies = [(await client.call("POST", receiver.url)).body for _ in range(3)]

    assert bodies == ["thank"] * 3


async def test_an_upgrade_is_a_response_like_others() -> None:
    raw = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    async with raw_receiver(respond(raw)) as receiver, outbound_client() as client:
        headers = [("Upgrade", "websocket"), ("Connection", "upgrade")]
        received = await client.call("POST", receiver.url, headers=headers)
        await receiver.all_closed.wait()

    assert (received.status, received.body) == (101, "")


async def test_all_calls_are_free_after_failures() -> None:
    """A call that fails gives its place among the calls of the host back."""
    async with raw_receiver(reset) as receiver, outbound_client(queue_timeout_seconds=0.01) as client:
        for _ in range(40):
            await reason(client, receiver.url)

    assert receiver.connections == 40


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority of the tests."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusting(authority: Authority) -> Iterator[ssl.SSLContext]:
    """The checks of a client that trusts the authority."""
    yield ssl.create_default_context(cafile=authority.certificate)


async def call_over_tls(client: OutboundClient, port: int, host: str = "hooks.example.com") -> int:
    return (await client.call("POST", f"https://{host}:{port}/hook", content=b"{}")).status


async def test_tls_uses_the_name_although_the_connection_goes_to_an_address(
    authority: Authority, trusting: ssl.SSLContext
) -> None:
    names: list[str | None] = []
    tls = authority.server_context("hooks.example.com")
    tls.sni_callback = lambda _, name, __: names.append(name)
    options = {"resolver": ChosenAddresses(["127.0.0.1"], ["127.0.0.1"]), "ssl_context": trusting}

    async with raw_receiver(OK, tls=tls) as receiver, outbound_client(**options) as client:
        assert await call_over_tls(client, receiver.port) == 200
        assert await call_over_tls(client, receiver.port, "hooks.example.com.") == 200

    assert names == ["hooks.example.com", "hooks.example.com"]
    assert receiver.requests[0].values("host") == [f"hooks.example.com:{receiver.port}"]


async def test_a_certificate_of_another_name_is_not_accepted(authority: Authority, trusting: ssl.SSLContext) -> None:
    options = {"resolver": ChosenAddresses(["127.0.0.1"]), "ssl_context": trusting}
    tls = authority.server_context("other.example.com")

    async with raw_receiver(OK, tls=tls) as receiver, outbound_client(**options) as client:
        message = await reason(client, f"https://hooks.example.com:{receiver.port}/hook")

    where = f"hooks.example.com:{receiver.port}"
    assert message.startswith(f"no connection to {where}: its TLS certificate is not valid (Hostname mismatch")
    assert receiver.requests == []


async def test_a_certificate_of_an_unknown_authority_is_not_accepted(authority: Authority) -> None:
    tls = authority.server_context("hooks.example.com")

    options = {"resolver": ChosenAddresses(["127.0.0.1"])}
    async with raw_receiver(OK, tls=tls) as receiver, outbound_client(**options) as client:
        message = await reason(client, f"https://hooks.example.com:{receiver.port}/hook")

    assert "its TLS certificate is not valid (" in message
    assert receiver.requests == []


async def test_tls_with_a_receiver_that_has_none_is_reported() -> None:
    async with raw_receiver(OK) as receiver, outbound_client(call_timeout_seconds=0.5) as client:
        message = await reason(client, f"https://127.0.0.1:{receiver.port}/hook")

    assert f"127.0.0.1:{receiver.port}" in message


def test_the_authorities_of_the_machine_are_trusted_too(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from app.adapters.outbound_http import create_ssl_context

    public = len(create_ssl_context().get_ca_certs())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))

    assert len(create_ssl_context().get_ca_certs()) >= 100
    assert authority.name in str(create_ssl_context().get_ca_certs())
    assert public >= 100
