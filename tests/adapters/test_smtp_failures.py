"""Mail servers that hang, refuse, answer garbage or end in the middle: the attempt ends in time, with a reason."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.adapters.smtp import SmtpClient, SmtpTimeouts
from tests.adapters.test_smtp import fail, send, server
from tests.support.processes import free_port
from tests.support.smtp_sink import run_sink, run_stream_server

FAST = SmtpTimeouts(connect=0.3, total=0.6, idle=30)
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def hang_after_greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 hello\r\n")
    await reader.read(-1)


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-more\r\n")
        await asyncio.sleep(0.05)


async def send_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff\x1b[2J")
    await reader.read(-1)


async def send_endless_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(100):
        writer.write(b"2" * 2**20)
        await writer.drain()


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def close_in_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 hello\r\n")
    while line := await reader.readline():
        if line == b"DATA\r\n":
            writer.write(b"354 go on\r\n")
            await reader.readline()
            writer.transport.abort()
            return
        writer.write(b"250 fine\r\n")


async def hang_in_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 hello\r\n")
    while line := await reader.readline():
        if line == b"DATA\r\n":
            writer.write(b"354 go on\r\n")
            await asyncio.sleep(60)
        writer.write(b"250 fine\r\n")


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (hang, "did not answer in time (connecting)"),
        (hang_after_greeting, "did not answer in time (connecting)"),
        (dribble, "did not answer in time (connecting)"),
        (send_garbage, "does not speak SMTP: Malformed SMTP response line: HTTP/1.1 400 Bad Request (connecting)"),
        (send_endless_line, "does not speak SMTP: Response too long (connecting)"),
        (close_at_once, ": the server closed the connection (connecting)"),
        (close_in_data, ": the server closed the connection (sending the message)"),
        (hang_in_data, "did not answer in time (sending the message)"),
    ],
)
async def test_a_server_that_misbehaves_ends_the_attempt_and_not_the_email(talk: Talk, reason: str) -> None:
    with run_stream_server(talk) as port:
        error = await fail(SmtpClient(server(port), timeouts=FAST))

    assert str(error).replace(f"127.0.0.1:{port} ", "").replace(f"127.0.0.1:{port}:", ":") == reason
    assert error.is_permanent is False


async def test_a_server_that_refuses_connections_is_reported() -> None:
    port = free_port()

    error = await fail(SmtpClient(server(port)))

    assert str(error).startswith(f"127.0.0.1:{port}: ")
    assert "connecting" in str(error)
    assert error.is_permanent is False


async def test_a_host_without_an_address_is_reported() -> None:
    error = await fail(SmtpClient(server(25, host="mail.invalid")))

    assert str(error).startswith("mail.invalid:25: ")
    assert error.is_permanent is False


async def test_each_email_has_its_time_after_those_before_it() -> None:
    accepted = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            if line == b"DATA\r\n":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                accepted += 1
                await asyncio.sleep(0.4)
            writer.write(b"250 fine\r\n")

    with run_stream_server(talk) as port:
        client = SmtpClient(server(port), timeouts=SmtpTimeouts(connect=1, total=1))
        results = await asyncio.gather(*(send(client) for _ in range(4)), return_exceptions=True)
        await client.close()

    assert not [result for result in results if isinstance(result, BaseException)]
    assert accepted == 4


async def test_a_handshake_of_tls_with_a_server_without_tls_is_reported() -> None:
    with run_sink() as sink:
        error = await fail(SmtpClient(server(sink.port, tls="implicit"), timeouts=FAST))

    assert str(error).startswith(f"127.0.0.1:{sink.port}: TLS failed: ")
    assert error.is_permanent is False


async def test_a_connection_that_died_silently_is_replaced() -> None:
    accepted: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while (line := await reader.readline()) != b"RSET\r\n":
            if line == b"DATA\r\n":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                accepted.append(id(writer))
            writer.write(b"250 fine\r\n")
        await reader.read(-1)

    with run_stream_server(talk) as port:
        client = SmtpClient(server(port), timeouts=SmtpTimeouts(connect=0.3, total=5))
        await send(client)
        await send(client)
        await client.close()

    assert len(set(accepted)) == 2
