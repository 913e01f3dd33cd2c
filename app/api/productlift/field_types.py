"""The kinds of value that ProductLift's fields take: how Laravel judges each, and what it becomes here.

Limits, required fields and whole forms are in `rules.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from app.http.multipart import Upload

SMALLEST, LARGEST = -(2**63), 2**63 - 1
# No row has this id: what an id past 64 bits becomes, so that it is unknown, and not an error.
UNKNOWN_ID = 0
# Enough to tell every kind of picture, an SVG behind a long preamble included.
SNIFF_BYTES = 4096

Schema = dict[str, Any]
Unit = Literal["characters", "", "kilobytes"]


class _Invalid:
    """What a kind answers to a value that it does not take; there is one, `NO`."""


INVALID: Final = _Invalid()


@dataclass(frozen=True, slots=True)
class FieldType:
    """`take` turns a value into what it means, or into NO; `wording` is the message for that, `{}` its field.

    `unit` says what limits count. `items` is set for lists only: what each item must be.
    """

    convert: Callable[[Any], Any]
    message: str
    schema: Schema
    unit: Unit = "characters"
    items: FieldType | None = field(default=None)


# Digits as filter_var(FILTER_VALIDATE_INT) takes them, and what is_numeric() takes besides.
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)")
_NUMERIC = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
UUID_FORM = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
# RFC 5322 without comments and folding, letters of all scripts allowed (RFC 6531); a domain needs no dot.
_ATOM = r"""[^\x00-\x20\x7f-\xa0\s"(),.:;<>@\[\]\\]+"""
_LABEL = r"(?!-)[^\x00-\x2c./\x3a-\x40\x5b-\x5e`\x7b-\xa0\s]+(?<!-)"
_EMAIL = re.compile(
    rf"""(?:{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*")@(?:{_LABEL}(?:\.{_LABEL})*|\[[!-Z^-~]+\])"""
)
_WORDS = {"1": True, "true": True, "0": False, "false": False}
# Longer digits don't fit into 64 bits; int() would refuse very long ones.
_MOST_DIGITS = 20


def number_in(value: Any) -> float | None:
    """The number that PHP's is_numeric() sees in a value, or None."""
    if type(value) is int or type(value) is float:
        return value
    if type(value) is not str:
        return None
    if len(value) <= _MOST_DIGITS and _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if _NUMERIC.fullmatch(value) else None


def past_64_bits(value: Any) -> bool:
    """Whether the value is a number that no 64-bit integer can hold."""
    number = number_in(value)
    return number is not None and not SMALLEST <= number <= LARGEST


def _text(value: Any) -> Any:
    return value if type(value) is str and "\0" not in value else INVALID


def _integer(value: Any) -> Any:
    if type(value) is str:
        if len(value) > _MOST_DIGITS or not _INTEGER.fullmatch(value):
            return INVALID
        value = int(value)
    elif type(value) is float and value.is_integer():
        value = int(value)
    elif value is True:
        return 1
    elif type(value) is not int:
        return INVALID
    return value if SMALLEST <= value <= LARGEST else INVALID


def _id(value: Any) -> Any:
    taken = _integer(value)
    if taken is INVALID and past_64_bits(value) and (type(value) is not str or _INTEGER.fullmatch(value)):
        return UNKNOWN_ID
    return taken


def _reference(value: Any) -> Any:
    if type(value) is str or type(value) is int or type(value) is float:
        taken = _integer(value)
        return UNKNOWN_ID if taken is INVALID else taken
    return INVALID


def _boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    if type(value) is int:
        return bool(value) if value in (0, 1) else INVALID
    if type(value) is str:
        return _WORDS.get(value.lower(), INVALID)
    return INVALID


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        return value if type(value) is str and pattern.fullmatch(value) else INVALID

    return take


def _email(value: Any) -> Any:
    return value if type(value) is str and _EMAIL.fullmatch(value) and value.isprintable() else INVALID


def _file(value: Any) -> Any:
    return value if isinstance(value, Upload) else INVALID


def _list(value: Any) -> Any:
    """What PHP calls an array; a lone scalar is a list of one."""
    if isinstance(value, dict | list):
        return value
    return INVALID if isinstance(value, Upload) else [value]


STRING = FieldType(_text, "The {} must be a string.", {"type": "string"})
INTEGER = FieldType(_integer, "The {} must be an integer.", {"type": "integer", "format": "int64"}, unit="")
#: The id of something: past 64 bits it is `UNKNOWN_ID`, which is no error.
ID = FieldType(_id, "The {} must be an integer.", {"type": "integer"}, unit="")
#: An id given as text or as a number; a text that is no id is `UNKNOWN_ID`, too.
REFERENCE = FieldType(_reference, "The {} must be a string.", {"type": ["string", "integer"]})
BOOLEAN = FieldType(_boolean, "The {} field must be true or false.", {"type": "boolean"})
EMAIL = FieldType(_email, "The {} must be a valid email address.", {"type": "string", "format": "email"})
UUID = FieldType(_matching(UUID_FORM), "The {} must be a valid UUID.", {"type": "string", "format": "uuid"})
COLOR = FieldType(
    _matching(_COLOR), "The {} format is invalid.", {"type": "string", "pattern": "^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$"}
)
FILE = FieldType(_file, "The {} must be a file.", {}, unit="kilobytes")
#: Any value but null.
ANYTHING = FieldType(lambda value: value, "", {})


def choice(*words: str) -> FieldType:
    """One of these words, to the letter."""

    def take(value: Any) -> Any:
        return value if type(value) is str and value in words else INVALID

    return FieldType(take, "The selected {} is invalid.", {"type": "string", "enum": list(words)})


def list_of(kind: FieldType) -> FieldType:
    """A list whose items are all of a kind. An item that is not is refused by its place: `status.0`."""
    return FieldType(_list, "The {} must be an array.", {"type": "array", "items": dict(kind.schema)}, items=kind)


def image_file(sniff: Callable[[bytes], str | None]) -> FieldType:
    """A picture, told by its first bytes alone: `sniff` names their kind, or answers None."""

    def take(value: Any) -> Any:
        if not isinstance(value, Upload):
            return INVALID
        value.file.seek(0)
        head = value.file.read(SNIFF_BYTES)
        value.file.seek(0)
        return INVALID if sniff(head) is None else value

    return FieldType(take, "The {} must be an image.", {}, unit="kilobytes")
