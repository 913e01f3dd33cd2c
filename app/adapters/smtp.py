"""Sends emails to a mail server over one connection, which is reused, and closed when it is idle."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from copy import copy
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from typing import Final

import aiosmtplib
import idna

from app.adapters.smtp_connection import SmtpConnection, password_pattern
from app.adapters.smtp_errors import Progress, SmtpError, Step
from app.adapters.smtp_server import SmtpServer

MAX_MESSAGES_PER_CONNECTION: Final = 100
"""Many servers accept no more."""
QUIT_SECONDS: Final = 2.0
_UNSENDABLE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\s<>()\[\],;:\\\"]")
"""Characters that would end the address in a command of SMTP, or need quotation marks."""
_POLICY: Final = WIRE.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class SmtpTimeouts:
    """How long the client waits, in seconds."""

    connect: float = 10.0
    """For the connection and the greeting."""
    total: float = 60.0
    """For one email, from the moment when no other email uses the connection."""
    idle: float = 30.0
    """After which an unused connection is closed."""


class SmtpClient:
    """A connection to a mail server. Concurrent calls wait for each other."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        timeouts: SmtpTimeouts | None = None,
        tls_context: ssl.SSLContext | None = None,
        log_line: Callable[[str], None] | None = None,
    ) -> None:
        """`tls_context` replaces the certificates of the system. `log_line` gets each line of the conversation."""
        self._server = server
        self._timeouts = timeouts or SmtpTimeouts()
        self._tls_context = tls_context
        self._connection = SmtpConnection(server, timeout=self._timeouts.total, log_line=log_line)
        self._lock = asyncio.Lock()
        self._sent_count = 0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def send(self, message: EmailMessage, *, sender: str, recipient: str) -> tuple[int, str]:
        """Send one email, and return the code and the text of the server's reply. Raises SmtpError.

        The header To gets the form of the address that the server accepts.
        """
        async with self._attempt() as progress:
            await self._connect(progress)
            has_utf8 = self._connection.supports_extension("smtputf8")
            address = _convert_address(recipient, has_utf8=has_utf8)
            options, encoding = ([], "ascii") if address.isascii() else (["SMTPUTF8"], "utf-8")
            with progress.at(Step.SENDER):
                await self._connection.mail(sender, options=options, encoding=encoding)
            with progress.at(Step.RECIPIENT):
                await self._connection.rcpt(address, encoding=encoding)
            with progress.at(Step.MESSAGE):
                response = await self._connection.data(_serialize(message, address))
            self._sent_count += 1
            return response.code, response.message

    async def check(self) -> None:
        """Connect, encrypt and log in as for an email, and send none. Raises SmtpError."""
        async with self._attempt() as progress:
            await self._connect(progress)

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            self._stop_idle_timer()
            await self._quit()
        if self._closing is not None:
            await self._closing

    @asynccontextmanager
    async def _attempt(self) -> AsyncIterator[Progress]:
        progress = Progress(self._server, password_pattern(self._server))
        try:
            # The time begins with the lock: an email that had to wait would be cut off after the server accepted it.
            async with self._lock, asyncio.timeout(self._timeouts.total):
                self._stop_idle_timer()
                try:
                    yield progress
                except BaseException as error:
                    # After a rejected recipient the server expects the next email.
                    if not (isinstance(error, SmtpError) and error.step is Step.RECIPIENT):
                        self._connection.abort()
                    raise
                finally:
                    self._start_idle_timer()
        except TimeoutError:
            raise progress.time_out() from None

    async def _connect(self, progress: Progress) -> None:
        """Make sure that the connection is open, encrypted and logged in."""
        if self._connection.is_connected and await self._is_usable():
            return
        server, self._sent_count = self._server, 0
        if server.tls != "off":
            self._connection.tls_context = await self._load_tls_context()
        with progress.at(Step.CONNECT):
            try:
                async with asyncio.timeout(self._timeouts.connect):
                    await self._connection.connect(timeout=self._timeouts.connect)
            except TimeoutError:
                raise progress.time_out() from None
            await self._greet()
        if server.tls in ("required", "optional"):
            with progress.at(Step.TLS):
                await self._start_tls()
        if server.user is not None and server.password is not None:
            with progress.at(Step.LOGIN):
                await self._connection.login(server.user, server.password)

    async def _is_usable(self) -> bool:
        """Whether the open connection can be used for another email; else it is closed."""
        if self._sent_count < MAX_MESSAGES_PER_CONNECTION:
            with suppress(aiosmtplib.SMTPException):
                # It also ends what a rejected email left. A firewall may have forgotten the connection.
                await self._connection.rset(timeout=self._timeouts.connect)
                return True
        await self._quit()
        return False

    async def _greet(self) -> None:
        try:
            await self._connection.ehlo()
        except aiosmtplib.SMTPHeloError:
            await self._connection.helo()

    async def _start_tls(self) -> None:
        if self._connection.supports_extension("starttls"):
            await self._connection.starttls()
            await self._greet()
        elif self._server.tls == "required":
            remedy = "so write smtps://, another port or ?starttls=optional in EARSHOT_SMTP_URL"
            if self._server.password is not None and not self._server.is_local:
                remedy = "so write smtps:// or another port in EARSHOT_SMTP_URL"
            raise SmtpError(f"{self._server.place} does not offer STARTTLS, which is required, {remedy}", step=Step.TLS)

    async def _load_tls_context(self) -> ssl.SSLContext:
        if self._tls_context is None:
            # It reads the certificates of the system.
            context = await asyncio.to_thread(ssl.create_default_context)
            if self._server.tls == "optional":
                # Who can replace the certificate can also remove the offer of encryption.
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._tls_context = context
        return self._tls_context

    async def _quit(self) -> None:
        if self._connection.is_connected:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(QUIT_SECONDS):
                    await self._connection.quit()
        self._connection.abort()

    def _start_idle_timer(self) -> None:
        if self._connection.is_connected:
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._timeouts.idle, self._close_idle)

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _close_idle(self) -> None:
        async def close() -> None:
            async with self._lock:
                # Another email may have been sent meanwhile.
                if self._idle_timer is None:
                    await self._quit()

        self._idle_timer = None
        self._closing = asyncio.create_task(close())


def _convert_address(address: str, *, has_utf8: bool) -> str:
    """The address in a form that the server accepts. Raises SmtpError."""
    local_part, _, domain = address.rpartition("@")
    if not local_part or not domain or _UNSENDABLE.search(address):
        raise SmtpError("the address is not valid", is_permanent=True, step=Step.RECIPIENT)
    if address.isascii() or has_utf8:
        return address
    if not local_part.isascii():
        reason = "the address has letters before the @ that the mail server does not support (SMTPUTF8)"
        raise SmtpError(reason, is_permanent=True, step=Step.RECIPIENT)
    try:
        return f"{local_part}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError:
        reason = "the domain of the address is not valid"
        raise SmtpError(reason, is_permanent=True, step=Step.RECIPIENT) from None


def _serialize(message: EmailMessage, address: str) -> bytes:
    shown = message["To"].addresses[0]
    if shown.addr_spec != address:
        local_part, _, domain = address.rpartition("@")
        message = copy(message)
        del message["To"]
        message["To"] = Address(shown.display_name, local_part, domain)
    return message.as_bytes(policy=_POLICY if address.isascii() else _POLICY.clone(utf8=True))
