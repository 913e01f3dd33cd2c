"""Converts the values of parameters as Astuto does. docs/contracts/astuto.md, sections 1.6 to 1.8 and 1.14.

A conversion returns UNSET for a value that counts as absent: an array or object, where one value is expected.
"""

import math
import re
from typing import Final

from app.api.astuto import rack_params
from app.api.astuto.rack_params import InvalidParam
from app.domain.unset import UNSET, Unset

MAX_INTEGER: Final = 2**63 - 1
MAX_FILTER_IDS: Final = rack_params.MAX_PAIRS
ARRAY_AS_EMAIL: Final = "[]"
"""An invalid email, which replaces an array."""

# What Ruby's [[:space:]] matches. Python's `isspace` has four separators more.
_SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "off", "OFF"})

_LEADING_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+(?:_[0-9]+)*)")
# What Ruby's Integer() reads: a sign, a base, digits with single underscores between them, and nothing else.
_WHOLE_INTEGER = re.compile(
    r"([+-]?)(?:0[xX](?P<hex>[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)|0[bB](?P<binary>[01]+(?:_[01]+)*)"
    r"|0[oO_]?(?P<octal>[0-7]+(?:_[0-7]+)*)|(?:0[dD])?(?P<decimal>0|[1-9][0-9]*(?:_[0-9]+)*))"
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
# No number within 64 bits has more digits in any base, once leading zeros are gone.
_MAX_DIGITS = 64


class MissingParam(Exception):
    """A parameter that the contract calls required is absent, null or blank."""


def to_int(value: object) -> int | Unset | None:
    """Convert to a whole number: `"5abc"` and 5.9 are 5, `"abc"` is 0, blank is None.

    A number over 64 bits gives a number over 64 bits, but not always the same one.
    """
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) < 19:
            return int(value)
        if is_blank(value):
            return None
        match = _LEADING_INTEGER.match(value)
        return _parse_digits(match[1], match[2], 10) if match else 0
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else MAX_INTEGER + 1
    if isinstance(value, int):
        return int(value)
    return None if value is None else UNSET


def to_id(value: object) -> int | Unset | None:
    """Convert to an id: 0, which no row has, for a value that is neither blank nor an id."""
    number = to_int(value)
    return number if number is None or number is UNSET else lookup_id(number)


def lookup_id(value: object) -> int:
    """The id that a value stands for, such as 3 for `3abc`; 0, which no row has, when there is none."""
    number = to_int(value)
    return number if isinstance(number, int) and 0 < number <= MAX_INTEGER else 0


def to_required_id(value: object) -> int:
    """As `to_id`. Raises MissingParam for a blank value, an array or an object."""
    if is_missing(value) or isinstance(value, list | dict):
        raise MissingParam
    return lookup_id(value)


def to_impersonated_id(value: object) -> int | None:
    """The user to impersonate: None when the value is blank, 0 when it is not one id. Section 1.14."""
    value = unwrap_array(value)
    return None if is_blank(value) else lookup_id(value)


def to_filter_ids(value: object) -> list[int] | None:
    """The ids of which any may match, ascending; None for no filter, empty for one that matches nothing.

    Raises InvalidParam for more than MAX_FILTER_IDS ids.
    """
    if isinstance(value, list):
        items = [item for item in value if item is not None]
        ids = {lookup_id(item) for item in items} - {0}
        if len(ids) > MAX_FILTER_IDS:
            raise InvalidParam
        return sorted(ids) if items else None
    if is_blank(value):
        return None
    number = lookup_id(value)
    return [number] if number else []


def to_text(value: object) -> str | Unset | None:
    """Convert to a text, spaces and all. Numbers become their digits, true and false become `t` and `f`."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return str(value)
    return _float_text(value) if isinstance(value, float) else UNSET


def to_required_text(value: object) -> str:
    """As `to_text`, but an array or object is empty. Raises MissingParam for a blank value."""
    if is_missing(value):
        raise MissingParam
    text = to_text(value)
    return "" if text is None or text is UNSET else text


def to_email(value: object) -> str | Unset | None:
    """Convert to a text. An array is an invalid email, not a missing one. Section 1.6."""
    return ARRAY_AS_EMAIL if isinstance(value, list) and unwrap_array(value) != [] else to_text(value)


def to_full_name(value: object) -> str | Unset | None:
    """Convert to a text. False counts as null. Section 2.5."""
    return None if value is False else to_text(value)


def to_bool(value: object) -> bool | Unset:
    """Convert to a flag: null, `""` and a few spellings are false, everything else is true."""
    if isinstance(value, str):
        return value != "" and value not in _FALSE
    if isinstance(value, float):
        # A fraction is never false in Astuto, not even 0.0.
        return True
    return value != 0 if isinstance(value, int) else False if value is None else UNSET


def to_limit(value: object) -> int | Unset:
    """Convert to a number of rows; UNSET for blank. Raises InvalidParam for anything but 0 to 64 bits."""
    number: int | Unset | None
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) < 19 and value[0] != "0":
            return int(value)
        if value == "null" or is_blank(value):
            return UNSET
        number = _parse_whole_integer(value)
    elif value is None:
        return UNSET
    else:
        number = None if isinstance(value, bool) else to_int(value)
    if not isinstance(number, int) or not 0 <= number <= MAX_INTEGER:
        raise InvalidParam
    return number


def to_offset(value: object) -> int | Unset:
    """Convert to a number of rows: the leading integer, else 0. Raises InvalidParam if it is negative or too large."""
    number = to_int(value)
    if number is UNSET:
        return UNSET
    if number is not None and not 0 <= number <= MAX_INTEGER:
        raise InvalidParam
    return number or 0


def unwrap_array(value: object) -> object:
    """The element of an array of one, not counting nulls; anything else stays as it is. Section 1.6."""
    if not isinstance(value, list):
        return value
    items = [item for item in value if item is not None]
    return items[0] if len(items) == 1 else items


def is_blank(value: object) -> bool:
    """Whether the value is empty, false included: the test for impersonation and for filters."""
    if isinstance(value, str):
        return not value or not value.strip(_SPACES)
    return value is None or value is False or value == [] or value == {}


def is_missing(value: object) -> bool:
    """Whether a required parameter counts as missing: null, empty or only whitespace. False is a value."""
    return value is not False and is_blank(value)


def _parse_whole_integer(value: str) -> int | None:
    """The result of Ruby's Integer(), or None where that raises."""
    match = _WHOLE_INTEGER.fullmatch(value.strip(" \t\n\v\f\r"))
    if match is None or match.lastgroup is None:
        return None
    return _parse_digits(match[1], match[match.lastgroup], _BASES[match.lastgroup])


def _parse_digits(sign: str, digits: str, base: int) -> int:
    significant = digits.replace("_", "").lstrip("0")
    # Long texts of digits are not converted: that would take time with the square of their length.
    return int(sign + (significant or "0"), base) if len(significant) <= _MAX_DIGITS else MAX_INTEGER + 1


def _float_text(value: float) -> str:
    """A fraction as Ruby writes it: as Python does, except for `1.0e+20` and `Infinity`."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else mantissa + e + exponent
