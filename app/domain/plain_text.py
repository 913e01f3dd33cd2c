"""Plain text, such as names and titles that an operator gives."""

import re
from typing import Final

from app.domain.errors import FieldError, ValidationFailed

MAX_LINE: Final = 255
"""Characters of most columns for a name or a title."""

# Control characters, and surrogates: bytes of the environment or a command line that are not UTF-8.
_NOT_PLAIN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_PLAIN_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Tabs and the ends of lines are allowed."""


def parse_line(value: str, *, max_length: int = MAX_LINE) -> str:
    """Return the line, trimmed. Raises ValidationFailed for the field `text` (blank, too_long, not_plain)."""
    return _parse(value, _NOT_PLAIN, max_length)


def parse_text(value: str, *, max_length: int) -> str:
    """As `parse_line`, for a text that may have several lines."""
    return _parse(value, _NOT_PLAIN_LINES, max_length)


def _parse(value: str, not_plain: re.Pattern[str], max_length: int) -> str:
    text = value.strip()
    if not text:
        raise ValidationFailed([FieldError("text", "blank")])
    if len(text) > max_length:
        raise ValidationFailed([FieldError("text", "too_long", {"maximum": max_length})])
    if not_plain.search(text):
        raise ValidationFailed([FieldError("text", "not_plain")])
    return text
