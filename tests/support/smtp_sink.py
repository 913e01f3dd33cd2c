"""A real SMTP server in a thread, which keeps the emails that it accepts."""

import asyncio
import datetime
import ipaddress
import ssl
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "feedback@example.com", "p@ss:w/rd-zqvkxw"


class Sink:
    """What the server accepted, and how it answers: `replies` by command, such as {"RCPT": "550 no such user"}."""

    def __init__(self) -> None:
        self.port = 0
        self.envelopes: list[Envelope] = []
        self.connections_count = 0
        self.commands: list[str] = []
        self.is_encrypted: list[bool] = []
        """Of each accepted email, whether its connection was encrypted."""
        self.replies: dict[str, str] = {}
        self.quit = threading.Event()

    @property
    def messages(self) -> list[EmailMessage]:
        """The accepted emails."""
        return [
            message_from_bytes(each.original_content, policy=policy.default)  # type: ignore[misc]
            for each in self.envelopes
        ]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("MAIL")
        if (reply := self.replies.get("MAIL")) is not None:
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 sender accepted"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("RCPT")
        if (reply := self.replies.get("RCPT")) is not None:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 recipient accepted"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("DATA")
        if (reply := self.replies.get("DATA")) is not None:
            return reply
        self.envelopes.append(envelope)
        assert server.transport is not None
        self.is_encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return f"250 queued as {len(self.envelopes)}"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("RSET")
        return self.replies.get("RSET", "250 reset")

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("QUIT")
        self.quit.set()
        return "221 good bye"


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


class _Connection(SMTP):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # STARTTLS calls it again.
        if self.transport is None:
            self.event_handler.connections_count += 1
        super().connection_made(transport)

    async def _handle_client(self) -> None:
        try:
            await super()._handle_client()
        finally:
            if self.transport is not None:
                self.transport.abort()


@contextmanager
def _run_server(make_connection: Callable[[], asyncio.Protocol], *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve a protocol on a free loopback port, in a thread with its own event loop, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> asyncio.Server:
        return await loop.create_server(make_connection, "127.0.0.1", 0, ssl=tls)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    # Each connection has a task, which aborts it at its end.
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)


@contextmanager
def run_sink(
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    login: bool = False,
    smtputf8: bool = False,
) -> Iterator[Sink]:
    """A sink. `tls` encrypts from the first byte; `login` requires USER and PASSWORD."""
    sink = Sink()

    def connect() -> SMTP:
        with warnings.catch_warnings():
            # Without encryption it offers a login, too, so that a client that would use it is seen.
            warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
            return _Connection(
                sink,
                hostname="mx.example.com",
                loop=asyncio.get_running_loop(),
                enable_SMTPUTF8=smtputf8,
                tls_context=starttls,
                auth_required=login,
                auth_require_tls=False,
                authenticator=_authenticate if login else None,
            )

    with _run_server(connect, tls=tls) as port:
        sink.port = port
        yield sink


@contextmanager
def run_stream_server(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> Iterator[int]:
    """A server that talks to each connection as `handle` does; the port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                await handle(reader, writer)
        finally:
            writer.transport.abort()

    def connect() -> asyncio.Protocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), talk)

    with _run_server(connect) as port:
        yield port


def make_certificate(folder: Path, *, host: str = "localhost") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate for the host, signed by itself: the context of its server, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(host)]
    if host == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))
