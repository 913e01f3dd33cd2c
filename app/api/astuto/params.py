"""Parses the parameters of Astuto's dialect, and converts each value. Validation is elsewhere.

docs/contracts/astuto.md, sections 1.6 to 1.9 and 1.14. Conversions take the value of a parameter, or MISSING:
`to_str(values.get("title", MISSING))`.
"""

import json
import math
import re
from enum import Enum
from typing import Final

import orjson

from app.api.astuto import rack_params
from app.api.astuto.rack_params import InvalidParam, MalformedRequest
from app.http.body import Body

__all__ = [
    "MISSING",
    "OVERFLOW",
    "InvalidParam",
    "MalformedRequest",
    "Missing",
    "Overflow",
    "Params",
    "get_form_field",
    "is_blank",
    "is_missing",
    "parse_id_filter",
    "parse_limit",
    "parse_offset",
    "parse_params",
    "path_id",
    "rate_limit_token",
    "to_bool",
    "to_int",
    "to_lookup_id",
    "to_stored_id",
    "to_str",
    "value_or_none",
]

Params = dict[str, object]
"""The parameters of a request by name: text, numbers, flags, null, files; arrays and objects of these."""


class Missing(Enum):
    """A parameter that was not sent, or is an array or object, which counts the same."""

    MISSING = "absent"


class Overflow(Enum):
    """A number beyond 64 bits: no row has it as its id."""

    OVERFLOW = "past 64 bits"


MISSING: Final = Missing.MISSING
OVERFLOW: Final = Overflow.OVERFLOW

MAX_INTEGER: Final = 2**63 - 1
MAX_FILTER_IDS: Final = rack_params.MAX_PAIRS

# What Ruby's [[:space:]] matches. Python's `isspace` has four separators more.
_SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "off", "OFF"})
_JSON_TYPES = frozenset({"application/json", "text/x-json", "application/jsonrequest"})

_LEADING_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)([0-9]+(?:_[0-9]+)*)")
# What Ruby's Integer() reads: a sign, a base, digits with single underscores between them, and nothing else.
_WHOLE_INTEGER = re.compile(
    r"([+-]?)(?:0[xX](?P<hex>[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)|0[bB](?P<binary>[01]+(?:_[01]+)*)"
    r"|0[oO_]?(?P<octal>[0-7]+(?:_[0-7]+)*)|(?:0[dD])?(?P<decimal>0|[1-9][0-9]*(?:_[0-9]+)*))"
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
# No number within 64 bits has more digits in any base, once leading zeros are gone.
_MAX_DIGITS = 64


def rate_limit_token(authorization: bytes | str | None) -> str | None:
    """The last word of the header, a valid key or not, by which the rate limit counts; None if there is none."""
    if not authorization:
        return None
    header = authorization.encode("latin-1", "replace") if isinstance(authorization, str) else authorization
    words = header.rsplit(maxsplit=1)
    return words[-1].decode("latin-1") if words else None


def parse_params(content_type: str, query_string: bytes, body: Body) -> Params:
    """Merge the parameters of the body and the query string; the query string wins.

    Raises MalformedRequest for broken JSON or encoding, a NUL character anywhere, or names that contradict each other.
    """
    if body.kind == "none":
        return rack_params.parse_query(query_string)
    values = _parse_body(content_type, body)
    if query_string:
        values.update(rack_params.parse_query(query_string))
    return values


def get_form_field(body: Body, name: str) -> str | None:
    """The field of a form, the last of several; None without one, and for any other body."""
    if body.kind == "form":
        value: object = rack_params.parse_form(body.raw).get(name)
    else:
        value = dict(body.fields).get(name)
    return value if isinstance(value, str) else None


def to_int(value: object) -> int | Missing | Overflow | None:
    """Read a whole number as generously as Astuto: `"5abc"` and 5.9 are 5, `"abc"` is 0, blank is null."""
    if type(value) is int:
        return value if -MAX_INTEGER <= value <= MAX_INTEGER else OVERFLOW
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) < 19:
            return int(value)
        return _parse_leading_integer(value)
    if value is None or isinstance(value, bool):
        return None if value is None else int(value)
    if isinstance(value, float):
        return int(value) if abs(value) <= MAX_INTEGER else OVERFLOW
    return MISSING


def to_stored_id(value: object) -> int | Missing | None:
    """Read an id that is to be stored. Raises Wrong for a number past 64 bits."""
    number = to_int(value)
    if number is OVERFLOW:
        raise InvalidParam
    return number


def to_lookup_id(value: object) -> int | None:
    """Read an id that is to be looked up; None for all that can't be the id of anything."""
    number = to_int(value)
    return number if isinstance(number, int) and number > 0 else None


def to_str(value: object) -> str | Missing | None:
    """Read a text, spaces and all. Numbers become their digits, true and false become `t` and `f`."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    return MISSING


def to_bool(value: object) -> bool | Missing | None:
    """Read a flag: a few spellings are false, null and `""` are null, everything else is true."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return value not in _FALSE if value else None
    if isinstance(value, int):
        return value != 0
    # A fraction is never false in Astuto, not even 0.0.
    return True if isinstance(value, float) else MISSING


def value_or_none(value: object) -> object:
    """The element of an array of one, not counting nulls; anything else stays as it is. Section 1.6."""
    if not isinstance(value, list):
        return value
    items = [item for item in value if item is not None]
    return items[0] if len(items) == 1 else items


def is_blank(value: object) -> bool:
    """Whether the value is empty, false included: the test for impersonation and for filters."""
    if isinstance(value, str):
        return not value or not value.strip(_SPACES)
    return value is None or value is False or value is MISSING or value == [] or value == {}


def is_missing(value: object) -> bool:
    """Whether a required parameter counts as missing: absent, null, empty or only whitespace. False is a value."""
    return value is not False and is_blank(value)


def parse_limit(value: object, default: int) -> int:
    """Read `limit`; blank and null give the default. Raises InvalidParam for anything but 0 to 64 bits."""
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) < 19 and value[0] != "0":
            return int(value)
        if value == "null" or is_blank(value):
            return default
        number = _parse_whole_integer(value)
    elif value is None or value is MISSING:
        return default
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = int(value) if abs(value) <= MAX_INTEGER else None
    else:
        raise InvalidParam
    if number is None or not 0 <= number <= MAX_INTEGER:
        raise InvalidParam
    return number


def parse_offset(value: object) -> int:
    """Read `offset`: its leading integer, else 0. Raises InvalidParam for a negative one or one past 64 bits."""
    if value is None or value is MISSING:
        return 0
    number = to_int(value)
    if number is OVERFLOW:
        raise InvalidParam
    if number is None or number is MISSING:
        return 0
    if number < 0:
        raise InvalidParam
    return number


def path_id(path_segment: str) -> int | None:
    """Read the id at the beginning of a path segment: `3abc` is 3. None if there is none that could be an id."""
    return to_lookup_id(path_segment)


def parse_id_filter(value: object) -> tuple[int, ...] | None:
    """Read a filter by id: the ids of which any may match, ascending; None for no filter; empty matches nothing.

    Raises InvalidParam for more than MAX_FILTER_IDS ids.
    """
    if value is None or value is MISSING:
        return None
    if isinstance(value, list):
        items = [item for item in value if item is not None]
        if not items:
            return None
        ids = {number for number in map(to_lookup_id, items) if number is not None}
        if len(ids) > MAX_FILTER_IDS:
            raise InvalidParam
        return tuple(sorted(ids))
    if is_blank(value):
        return None
    number = to_int(value)
    return (number,) if isinstance(number, int) and number > 0 else ()


def _parse_body(content_type: str, body: Body) -> Params:
    """The parameters of the body; none for a kind that Astuto doesn't read."""
    if body.kind == "json":
        is_json = content_type == "application/json" or content_type.partition(";")[0].strip().lower() in _JSON_TYPES
        return _parse_json(body.raw) if is_json else {}
    if body.kind == "form":
        return rack_params.parse_form(body.raw)
    if body.kind == "multipart":
        if body.is_malformed or len(body.fields) > rack_params.MAX_PAIRS:
            raise MalformedRequest
        check = rack_params.check_text
        return rack_params.build_nested(
            (check(name), check(value) if isinstance(value, str) else value) for name, value in body.fields
        )
    return {}


def _parse_json(raw: bytes) -> Params:
    """The members of a JSON object; none for any other value and for an empty body."""
    if not raw.strip():
        return {}
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # orjson rejects a number too large for a float, even a whole one; the exact parser returns its digits.
        if "infinity" not in str(error):
            raise MalformedRequest from None
        value = _parse_json_exactly(raw)
    else:
        # orjson makes floats of whole numbers past 64 bits, but converted to text they must have all their digits.
        if isinstance(value, dict) and any(isinstance(v, float) and abs(v) > MAX_INTEGER for v in value.values()):
            value = _parse_json_exactly(raw)
    if not isinstance(value, dict):
        return {}
    if b"\\u0000" in raw:
        _check_all(value)
    return value


def _parse_json_exactly(raw: bytes) -> object:
    """Parse JSON with long whole numbers as their digits, which every conversion reads as that number."""
    try:
        value: object = json.loads(
            raw.decode(),
            parse_int=lambda digits: int(digits) if len(digits) < 19 else digits,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError):
        raise MalformedRequest from None
    _check_all(value)
    return value


def _reject_constant(constant: str) -> object:
    raise ValueError(constant)


def _check_all(value: object) -> None:
    """Raise MalformedRequest if any text, names included, has a NUL character or half a surrogate pair."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            rack_params.check_text(item)
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _parse_leading_integer(value: str) -> int | Overflow | None:
    if is_blank(value):
        return None
    match = _LEADING_INTEGER.match(value)
    if match is None:
        return 0
    return _to_64_bits(match[1], match[2], 10)


def _parse_whole_integer(value: str) -> int | None:
    """The result of Ruby's Integer(), or None where that raises or exceeds 64 bits."""
    match = _WHOLE_INTEGER.fullmatch(value.strip(" \t\n\v\f\r"))
    if match is None or match.lastgroup is None:
        return None
    number = _to_64_bits(match[1], match[match.lastgroup], _BASES[match.lastgroup])
    return None if isinstance(number, Overflow) else number


def _to_64_bits(sign: str, digits: str, base: int) -> int | Overflow:
    significant = digits.replace("_", "").lstrip("0")
    if len(significant) > _MAX_DIGITS:
        return OVERFLOW
    number = int(sign + (significant or "0"), base)
    return number if abs(number) <= MAX_INTEGER else OVERFLOW


def _float_text(value: float) -> str:
    """A fraction as Ruby writes it: as Python does, except for `1.0e+20` and `Infinity`."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else mantissa + e + exponent
