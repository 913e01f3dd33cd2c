"""Mail servers that hang, refuse, answer garbage or end in the middle: the attempt ends in time, with a reason."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.adapters.smtp import SmtpClient, SmtpTimeouts
from app.adapters.smtp_server import Tls
from tests.adapters.test_smtp import fail, send, server
from tests.support.processes import free_port
from tests.support.smtp_sink import make_certificate, run_sink, run_stream_server

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


REMEDY = (
    ", so check host and port of EARSHOT_SMTP_URL, and write smtps:// if the server expects TLS from the first byte"
)
NOT_SMTP = "does not speak SMTP, so check host and port of EARSHOT_SMTP_URL"


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (hang, f"did not answer in time (connecting){REMEDY}"),
        (hang_after_greeting, f"did not answer in time (connecting){REMEDY}"),
        (dribble, f"did not answer in time (connecting){REMEDY}"),
        (send_garbage, f"{NOT_SMTP}: Malformed SMTP response line: HTTP/1.1 400 Bad Request"),
        (send_endless_line, f"{NOT_SMTP}: Response too long"),
        (close_at_once, f"closed the connection (connecting){REMEDY}"),
        (close_in_data, "closed the connection (sending the message)"),
        (hang_in_data, "did not answer in time (sending the message)"),
    ],
)
async def test_a_server_that_misbehaves_ends_the_attempt_and_not_the_email(talk: Talk, reason: str) -> None:
    with run_stream_server(talk) as port:
        error = await fail(SmtpClient(server(port), timeouts=FAST))

    assert str(error) == f"127.0.0.1:{port} {reason}"
    assert error.is_permanent is False


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("tls", ["optional", "implicit"])
async def test_a_server_that_refuses_connections_is_reported(host: str, tls: Tls) -> None:
    port = free_port()

    error = await fail(SmtpClient(server(port, host=host, tls=tls)))

    assert str(error) == f"{host}:{port} refuses connections, so check host and port of EARSHOT_SMTP_URL"
    assert error.is_permanent is False


async def test_a_host_that_no_network_leads_to_is_reported() -> None:
    """A broadcast address, which no program may connect to."""
    error = await fail(SmtpClient(server(25, host="255.255.255.255")))

    assert str(error) == (
        "255.255.255.255:25 cannot be reached from this machine, so check host and port of EARSHOT_SMTP_URL"
    )
    assert error.is_permanent is False


async def test_a_server_with_tls_from_the_first_byte_is_reported(tmp_path: Path) -> None:
    context, _ = make_certificate(tmp_path)
    with run_sink(tls=context) as sink:
        error = await fail(SmtpClient(server(sink.port), timeouts=FAST))

    assert str(error) == f"127.0.0.1:{sink.port} did not answer in time (connecting){REMEDY}"


async def test_a_host_without_an_address_is_reported() -> None:
    error = await fail(SmtpClient(server(25, host="mail.invalid")))

    assert str(error) == "mail.invalid:25 is not found in the DNS, so check the host of EARSHOT_SMTP_URL"
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

    assert str(error) == (
        f"127.0.0.1:{sink.port} does not begin with TLS, so write smtp:// instead of smtps:// in EARSHOT_SMTP_URL"
    )
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
