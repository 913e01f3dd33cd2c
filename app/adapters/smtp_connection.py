"""One connection to a mail server whose conversation can be followed, without the password."""

import base64
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from app.adapters.smtp_server import SmtpServer

MAX_LOGGED_CHARACTERS: Final = 1000
MIN_MASKED_CHARACTERS: Final = 4
"""A shorter part of a password would mask parts of ordinary words."""
_CONTINUES: Final = 334
_NO_CONTROLS: Final = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]")


def password_pattern(server: SmtpServer) -> re.Pattern[str] | None:
    """Finds the password in a text, also in the encodings of SMTP; None without a password."""
    if server.password is None:
        return None
    raw, user = server.password.encode(), (server.user or "").encode()
    encoded = (base64.b64encode(each).decode() for each in (raw, b"\0" + user + b"\0" + raw, user + b"\0" + raw))
    forms = [server.password, *encoded]
    return re.compile("|".join(re.escape(form) for form in forms if len(form) >= MIN_MASKED_CHARACTERS) or r"(?!)")


class SmtpConnection(aiosmtplib.SMTP):
    """A connection that passes each line of the conversation to `log_line`: `>` is sent, `<` received."""

    def __init__(self, server: SmtpServer, *, log_line: Callable[[str], None] | None, **options: Any) -> None:
        super().__init__(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "implicit",
            start_tls=False,
            # The library's default asks the DNS, which may take longer than the connection.
            local_hostname=re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname()) or "localhost",
            **options,
        )
        self._place = server.place
        self._password_pattern = password_pattern(server)
        self._log_line = log_line
        self._is_login = False

    async def connect(self, **options: Any) -> SMTPResponse:
        """As the library's, with the greeting."""
        self._log(f"* connecting to {self._place}")
        with self._log_rejection():
            greeting = await super().connect(**options)
        self._log_encryption()
        return self._log_reply(greeting)

    async def execute_command(self, *parts: bytes, **options: Any) -> SMTPResponse:
        """As the library's. What follows `AUTH` and its method is masked, also in the lines that belong to it."""
        is_login = self._is_login or parts[0] == b"AUTH"
        if self._is_login:
            self._log("> ***")
        else:
            shown = (*parts[:2], b"***")[: len(parts)] if is_login else parts
            self._log("> " + b" ".join(shown).decode(errors="replace"))
        self._is_login = False
        response = await super().execute_command(*parts, **options)
        self._is_login = is_login and response.code == _CONTINUES
        return self._log_reply(response)

    async def data(self, message: str | bytes, /, **options: Any) -> SMTPResponse:
        """As the library's, without the text of the message."""
        self._log(f"> DATA ({len(message)} bytes)")
        with self._log_rejection():
            return self._log_reply(await super().data(message, **options))

    async def starttls(self, **options: Any) -> SMTPResponse:
        """As the library's, with the version of TLS."""
        self._log("> STARTTLS")
        with self._log_rejection():
            response = self._log_reply(await super().starttls(**options))
        self._log_encryption()
        return response

    def abort(self) -> None:
        """Close the connection at once, even if the server reads nothing."""
        transport = self.transport
        if transport is not None and hasattr(transport, "abort"):
            transport.abort()
        self.close()

    @contextmanager
    def _log_rejection(self) -> Iterator[None]:
        """Log the reply that the library raises as an error."""
        try:
            yield
        except aiosmtplib.SMTPResponseException as error:
            self._log_reply(SMTPResponse(error.code, error.message))
            raise

    def _log_encryption(self) -> None:
        encryption = self.get_transport_info("ssl_object") if self.is_connected else None
        if encryption is not None:
            self._log(f"* encrypted with {encryption.version()}")

    def _log_reply(self, response: SMTPResponse) -> SMTPResponse:
        for line in response.message.split("\n"):
            self._log(f"< {response.code} {line}")
        return response

    def _log(self, line: str) -> None:
        if self._log_line is not None:
            masked = line if self._password_pattern is None else self._password_pattern.sub("***", line)
            self._log_line(_NO_CONTROLS.sub(" ", masked)[:MAX_LOGGED_CHARACTERS].rstrip())
