"""The emails that a served portal sends."""

import re
import time
from email.message import EmailMessage

from tests.support.smtp_sink import Sink

MAX_SECONDS = 30
_CODE = re.compile(r"\b(\d{6})\b")
_LINK = re.compile(r"https?://[^/\s]+(/sign-in/link\?token=\S+)")


class Mailbox:
    """Everybody's emails."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._read: set[int] = set()

    def wait_for(self, address: str) -> str:
        """The text of the next email to this address."""
        end = time.monotonic() + MAX_SECONDS
        while time.monotonic() < end:
            for number, envelope in enumerate(list(self._sink.envelopes)):
                if number not in self._read and address in envelope.rcpt_tos:
                    self._read.add(number)
                    return _text_of(self._sink.messages[number])
            time.sleep(0.02)
        raise AssertionError(f"no email to {address} within {MAX_SECONDS} seconds")

    def wait_for_code(self, address: str) -> str:
        """The code of six digits in the next email to this address."""
        return _find(_CODE, self.wait_for(address))

    def wait_for_link(self, address: str) -> str:
        """The path of the link to sign in that the next email to this address has."""
        return _find(_LINK, self.wait_for(address))


def _text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _find(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    assert match is not None, text
    return match[1]
