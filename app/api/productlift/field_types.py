"""The types of ProductLift's fields: how Laravel validates each, and what it is converted to.

Limits, required fields and whole forms are in `forms.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, Literal

from app.http.multipart import Upload

SMALLEST, LARGEST = -(2**63), 2**63 - 1
# No row has this id. An id past 64 bits becomes it, so that it is unknown, and not invalid.
UNKNOWN_ID = 0

Schema = dict[str, Any]
Unit = Literal["characters", "", "kilobytes"]


class _Invalid:
    """The type of INVALID, which `FieldType.convert` returns for a value that it does not accept."""


INVALID: Final = _Invalid()


@dataclass(frozen=True, slots=True)
class FieldType:
    """`convert` returns the converted value or INVALID; `message` is the error then, with `{}` for the field.

    `unit` is what limits count. `items` is the type of the items of a list.
    """

    convert: Callable[[Any], Any]
    message: str
    schema: Schema
    unit: Unit = "characters"
    items: FieldType | None = field(default=None)


# Digits as filter_var(FILTER_VALIDATE_INT) accepts them, and what is_numeric() accepts besides.
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
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}
# More digits don't fit into 64 bits; int() rejects very long ones.
_MAX_DIGITS = 20


def number_in(value: Any) -> float | None:
    """The number that PHP's is_numeric() sees in a value, or None."""
    if type(value) is int or type(value) is float:
        return value
    if type(value) is not str:
        return None
    if len(value) <= _MAX_DIGITS and _INTEGER.fullmatch(value):
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
        if len(value) > _MAX_DIGITS or not _INTEGER.fullmatch(value):
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
    number = _integer(value)
    if number is INVALID and past_64_bits(value) and (type(value) is not str or _INTEGER.fullmatch(value)):
        return UNKNOWN_ID
    return number


def _reference(value: Any) -> Any:
    if type(value) is str or type(value) is int or type(value) is float:
        number = _integer(value)
        return UNKNOWN_ID if number is INVALID else number
    return INVALID


def _boolean(value: Any) -> Any:
    if type(value) is bool:
        return value
    if type(value) is int:
        return bool(value) if value in (0, 1) else INVALID
    if type(value) is str:
        return _BOOLEANS.get(value.lower(), INVALID)
    return INVALID


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        return value if type(value) is str and pattern.fullmatch(value) else INVALID

    return convert


def _email(value: Any) -> Any:
    return value if type(value) is str and _EMAIL.fullmatch(value) and value.isprintable() else INVALID


def _file(value: Any) -> Any:
    return value if isinstance(value, Upload) else INVALID


def _list(value: Any) -> Any:
    """An array as PHP knows it; a single scalar becomes a list of one."""
    if isinstance(value, dict | list):
        return value
    return INVALID if isinstance(value, Upload) else [value]


STRING = FieldType(_text, "The {} must be a string.", {"type": "string"})
INTEGER = FieldType(_integer, "The {} must be an integer.", {"type": "integer", "format": "int64"}, unit="")
#: The id of a row; past 64 bits it is `UNKNOWN_ID`, which is not an error.
ID = FieldType(_id, "The {} must be an integer.", {"type": "integer"}, unit="")
#: An id as text or as a number; a text that is not an id is `UNKNOWN_ID`, too.
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


def choice(*values: str) -> FieldType:
    """One of these values, exactly."""

    def convert(value: Any) -> Any:
        return value if type(value) is str and value in values else INVALID

    return FieldType(convert, "The selected {} is invalid.", {"type": "string", "enum": list(values)})


def list_of(item_type: FieldType) -> FieldType:
    """A list of items of one type. An invalid item is reported by its index: `status.0`."""
    return FieldType(
        _list, "The {} must be an array.", {"type": "array", "items": dict(item_type.schema)}, items=item_type
    )


def image_file(sniff: Callable[[BinaryIO], str | None]) -> FieldType:
    """An image; `sniff` detects its type from the content and returns None for other files."""

    def convert(value: Any) -> Any:
        return value if isinstance(value, Upload) and sniff(value.file) else INVALID

    return FieldType(convert, "The {} must be an image.", {}, unit="kilobytes")
