"""Lines of plain text, such as names and titles that an operator gives."""

import re
from typing import Final

from app.domain.errors import FieldError, ValidationFailed

MAX_LINE: Final = 255
"""Characters of most columns for a name or a title."""

# Control characters, and surrogates: bytes of the environment or a command line that are not UTF-8.
_NOT_PLAIN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def parse_line(value: str, *, max_length: int = MAX_LINE) -> str:
    """Return the line, trimmed. Raises ValidationFailed for the field `text` (blank, too_long, not_plain)."""
    line = value.strip()
    if not line:
        raise ValidationFailed([FieldError("text", "blank")])
    if len(line) > max_length:
        raise ValidationFailed([FieldError("text", "too_long", {"maximum": max_length})])
    if _NOT_PLAIN.search(line):
        raise ValidationFailed([FieldError("text", "not_plain")])
    return line
