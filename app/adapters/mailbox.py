"""A mailbox as people write it: an e-mail address, or a name and an address in angle brackets."""

import re
from dataclasses import dataclass
from typing import Final

from app.domain.plain_text import parse_line
from app.domain.users.emails import parse_email

MAX_MAILBOX: Final = 320
_NAMED: Final = re.compile(r"([^<>]*)<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address, and the name that is shown with it; an empty name is none."""

    address: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> "Mailbox":
        """Parse `jane@example.com` or `Jane <jane@example.com>`. Raises ValidationFailed, also for a line break."""
        line = parse_line(text, max_length=MAX_MAILBOX)
        named = _NAMED.fullmatch(line)
        if named is None:
            return cls(parse_email(line))
        name, address = named.groups()
        return cls(parse_email(address), name.strip().removeprefix('"').removesuffix('"').strip())
