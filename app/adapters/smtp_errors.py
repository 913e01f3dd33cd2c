"""Why an email was not sent, for the operator, and whether another attempt may succeed."""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

import aiosmtplib

from app.adapters.smtp_server import SmtpServer

MAX_REPLY_CHARACTERS: Final = 300
ENCRYPTION_REQUIRED: Final = 538
_WRONG_LOGIN: Final = frozenset({530, 534, 535, ENCRYPTION_REQUIRED})
"""Replies to any command that ask for a login, or for another one."""
_RELAY_DENIED: Final = re.compile(r"(?i)\brelay")
_NEEDS_TLS: Final = re.compile(r"(?i)\b(?:starttls|tls|ssl|encrypt\w*)\b")
_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM})
_PLAIN_TEXT: Final = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
"""Reasons of OpenSSL for bytes that are not TLS."""
_NAME_MISMATCH: Final = frozenset({62, 63, 64})
"""Codes of OpenSSL for a certificate of another host, email or IP address."""
_UNKNOWN_AUTHORITY: Final = frozenset({2, 18, 19, 20, 21})
"""Codes of OpenSSL for a certificate, or its issuer, that the system does not trust."""
_END_OF_SUMMARY: Final = re.compile(r": |, so |, which ")
_CHECK_ADDRESS: Final = "check host and port of EARSHOT_SMTP_URL"


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

    @property
    def summary(self) -> str:
        """The reason without the remedy and without the server's reply, which may quote an address."""
        return _END_OF_SUMMARY.split(str(self), maxsplit=1)[0]


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
            raise SmtpError(f"{self._server.place} {self._explain(error)}", step=step) from None

    def time_out(self) -> SmtpError:
        """The error of a server that does not answer in time."""
        remedy = self._check_address() if self.step is Step.CONNECT else ""
        return SmtpError(f"{self._server.place} did not answer in time ({self.step}){remedy}", step=self.step)

    def _convert_reply(self, error: aiosmtplib.SMTPResponseException) -> SmtpError:
        text = self._clean(error.message)
        if not 200 <= error.code <= 599:
            reason = f"does not speak SMTP, so {_CHECK_ADDRESS}: {text}"
            return SmtpError(f"{self._server.place} {reason}", step=self.step)
        is_relay_denied = self.step is Step.RECIPIENT and _RELAY_DENIED.search(text) is not None
        is_about_email = self.step in (Step.RECIPIENT, Step.MESSAGE)
        # If the server does not know this client, the address may be right.
        is_permanent = is_about_email and error.code >= 500 and error.code not in _WRONG_LOGIN and not is_relay_denied
        problem = self._explain_login(error.code, text) if error.code in _WRONG_LOGIN else _REJECTED[self.step]
        if is_relay_denied:
            problem = "does not relay emails of this client to others"
            if self._server.user is None:
                problem += ", so add user and password to EARSHOT_SMTP_URL"
        reason = f"{self._server.place} {problem}: {error.code} {text}"
        return SmtpError(reason, is_permanent=is_permanent, status=error.code, step=self.step)

    def _explain_login(self, code: int, text: str) -> str:
        """What a reply asks for that is about the login, or the encryption that it needs."""
        if code == ENCRYPTION_REQUIRED or (
            code != 535 and self._server.tls in ("optional", "off") and _NEEDS_TLS.search(text)
        ):
            return "requires encryption, so write ?starttls=required or smtps:// in EARSHOT_SMTP_URL"
        if self._server.user is None:
            return "requires a login, so add user and password to EARSHOT_SMTP_URL"
        return "rejected the user and the password of EARSHOT_SMTP_URL"

    def _explain(self, error: BaseException) -> str:
        """What a server does whose reply was not read, and what to change."""
        cause = error.__cause__ if isinstance(error, aiosmtplib.SMTPConnectError) and error.__cause__ else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return self._explain_certificate(cause)
        if isinstance(cause, ssl.SSLError):
            if self._server.tls == "implicit" and cause.reason in _PLAIN_TEXT:
                return "does not begin with TLS, so write smtp:// instead of smtps:// in EARSHOT_SMTP_URL"
            return f"failed to start TLS: {self._clean(cause.reason or str(cause))} ({self.step})"
        if isinstance(cause, socket.gaierror):
            return "is not found in the DNS, so check the host of EARSHOT_SMTP_URL"
        if type(cause) is aiosmtplib.SMTPException and self.step is Step.LOGIN:
            remedy = "" if self._server.tls == "implicit" else ", or encrypt the connection with ?starttls=required"
            return f"offers no login, so remove user and password from EARSHOT_SMTP_URL{remedy}"
        if isinstance(cause, aiosmtplib.SMTPServerDisconnected):
            remedy = self._check_address() if self.step is Step.CONNECT else ""
            return f"closed the connection ({self.step}){remedy}"
        if isinstance(cause, OSError):
            return self._explain_connection(cause)
        return f"could not be used: {self._clean(str(cause))} ({self.step})"

    def _explain_certificate(self, error: ssl.SSLCertVerificationError) -> str:
        remedy = ""
        if error.verify_code in _NAME_MISMATCH:
            remedy = ", so write the host of EARSHOT_SMTP_URL as the certificate has it"
        elif error.verify_code in _UNKNOWN_AUTHORITY:
            remedy = ", so set SSL_CERT_FILE to the bundle of its authority"
        return f"has a certificate that is not valid{remedy}: {self._clean(error.verify_message)}"

    def _explain_connection(self, error: OSError) -> str:
        # asyncio has the text of the system's error only, and joins those of several addresses.
        numbers = {error.errno} if error.errno else {int(number) for number in _ERRNO.findall(str(error))}
        if errno.ECONNREFUSED in numbers:
            return f"refuses connections, so {_CHECK_ADDRESS}"
        if numbers & _UNREACHABLE:
            return f"cannot be reached from this machine, so {_CHECK_ADDRESS}"
        if errno.ETIMEDOUT in numbers:
            return f"did not answer in time ({self.step}){self._check_address()}"
        if numbers & {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}:
            return f"closed the connection ({self.step})"
        return f"could not be used: {self._clean(error.strerror or str(error))} ({self.step})"

    def _check_address(self) -> str:
        """What to change if the server says nothing at the beginning."""
        if self._server.tls == "implicit":
            return f", so {_CHECK_ADDRESS}, and write smtp:// if the server expects STARTTLS"
        return f", so {_CHECK_ADDRESS}, and write smtps:// if the server expects TLS from the first byte"

    def _clean(self, text: str) -> str:
        masked = text if self._mask is None else self._mask.sub("***", text)
        line = " ".join("".join(each if each.isprintable() else " " for each in masked).split())
        return line if len(line) <= MAX_REPLY_CHARACTERS else f"{line[:MAX_REPLY_CHARACTERS]}…"
