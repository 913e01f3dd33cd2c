"""Why an email was not sent, for the operator, and whether another attempt may succeed."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

import aiosmtplib

from app.adapters.smtp_server import SmtpServer

MAX_REPLY_CHARACTERS: Final = 300
_WRONG_LOGIN: Final = frozenset({530, 534, 535, 538})
"""Replies to any command that ask for a login, or for another one."""
_RELAY_DENIED: Final = re.compile(r"(?i)\brelay")


class Step(StrEnum):
    """A step of the conversation with a mail server, as the reasons name it."""

    WAIT = "waiting for the connection"
    CONNECT = "connecting"
    TLS = "starting the encryption"
    LOGIN = "logging in"
    SENDER = "naming the sender"
    RECIPIENT = "naming the recipient"
    MESSAGE = "sending the message"


_REJECTED: Final = {
    Step.CONNECT: "rejected the connection",
    Step.TLS: "rejected STARTTLS",
    Step.LOGIN: "rejected the user and the password of EARSHOT_SMTP_URL",
    Step.SENDER: "rejected the sender, EARSHOT_MAIL_FROM",
    Step.RECIPIENT: "rejected the recipient",
    Step.MESSAGE: "rejected the message",
}


class SmtpError(Exception):
    """An email was not sent. The text is one line for a person, and contains no secret."""

    def __init__(
        self, reason: str, *, is_permanent: bool = False, status: int | None = None, step: Step | None = None
    ) -> None:
        super().__init__(" ".join(reason.split()))
        self.is_permanent = is_permanent
        """Whether the same email would fail again, such as at an address that the server rejects."""
        self.status = status
        """The code of the server's reply, if there was one."""
        self.step = step


class Progress:
    """The step that an attempt has reached. Errors of the library become SmtpError, with the step in their reason."""

    def __init__(self, server: SmtpServer, mask: re.Pattern[str] | None) -> None:
        self.step = Step.WAIT
        self._server = server
        self._mask = mask

    @contextmanager
    def at(self, step: Step) -> Iterator[None]:
        """Convert the errors of this step."""
        self.step = step
        try:
            yield
        except aiosmtplib.SMTPResponseException as error:
            raise self._convert_reply(error) from None
        except aiosmtplib.SMTPTimeoutError:
            raise self.time_out() from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise SmtpError(f"{self._server.place}: {self._explain(error)} ({self.step})", step=step) from None

    def time_out(self) -> SmtpError:
        """The error of a server that does not answer in time."""
        return SmtpError(f"{self._server.place} did not answer in time ({self.step})", step=self.step)

    def _convert_reply(self, error: aiosmtplib.SMTPResponseException) -> SmtpError:
        text = self._clean(error.message)
        if not 200 <= error.code <= 599:
            reason = f"{self._server.place} does not speak SMTP: {text} ({self.step})"
            return SmtpError(reason, step=self.step)
        is_about_email = self.step in (Step.RECIPIENT, Step.MESSAGE)
        is_permanent = (
            is_about_email
            and error.code >= 500
            and error.code not in _WRONG_LOGIN
            # The server does not know this client: the address may be right.
            and not (self.step is Step.RECIPIENT and _RELAY_DENIED.search(text))
        )
        reason = f"{self._server.place} {_REJECTED[self.step]}: {error.code} {text}"
        return SmtpError(reason, is_permanent=is_permanent, status=error.code, step=self.step)

    def _explain(self, error: BaseException) -> str:
        cause = error.__cause__ if isinstance(error, aiosmtplib.SMTPConnectError) and error.__cause__ else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {self._clean(cause.verify_message)}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {self._clean(cause.reason or str(cause))}"
        if isinstance(cause, aiosmtplib.SMTPServerDisconnected):
            return "the server closed the connection"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        return self._clean(str(cause))

    def _clean(self, text: str) -> str:
        masked = text if self._mask is None else self._mask.sub("***", text)
        line = " ".join("".join(each if each.isprintable() else " " for each in masked).split())
        return line if len(line) <= MAX_REPLY_CHARACTERS else f"{line[:MAX_REPLY_CHARACTERS]}…"
