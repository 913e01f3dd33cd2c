"""The types of ProductLift's fields: how Laravel validates each, and what it is converted to.

    class CreatePost(Form):
        title: Annotated[Text, Field(max_length=180)]
        user_id: Uuid | None = None

Forms are in `forms.py`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from app.http.multipart import Upload

SMALLEST, LARGEST = -(2**63), 2**63 - 1
# No row has this id. An id past 64 bits becomes it, so that it is unknown, and not invalid.
UNKNOWN_ID = 0

Schema = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class FieldType:
    """The metadata of a field type in `Annotated`.

    `convert` returns the converted value or raises ValueError; `message` is the error then, with `{}` for the field.
    `unit` is what limits count.
    """

    convert: Callable[[Any], Any]
    message: str
    schema: Schema
    unit: Literal["characters", "", "kilobytes"] = "characters"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.convert)


class ListType(FieldType):
    """A list, which Pydantic validates item by item after `convert`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        # A list may have a million invalid items; `Form` finds and counts them.
        schema = {**handler(source), "fail_fast": True}
        return core_schema.no_info_before_validator_function(self.convert, schema)


@dataclass(frozen=True, slots=True)
class MaxKilobytes:
    """The limit of a file, in units of 1024 bytes, inclusive."""

    max_kilobytes: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, upload: Upload) -> Upload:
        if (upload.size or 0) > self.max_kilobytes * 1024:
            raise ValueError
        return upload


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


def _only(is_valid: Callable[[Any], object]) -> Callable[[Any], Any]:
    """A conversion that returns valid values as they are."""

    def convert(value: Any) -> Any:
        if not is_valid(value):
            raise ValueError
        return value

    return convert


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    return _only(lambda value: type(value) is str and pattern.fullmatch(value))


def _integer(value: Any) -> int:
    if type(value) is str:
        value = int(value) if len(value) <= _MAX_DIGITS and _INTEGER.fullmatch(value) else None
    elif value is True or (type(value) is float and value.is_integer()):
        value = int(value)
    if type(value) is not int or not SMALLEST <= value <= LARGEST:
        raise ValueError
    return value


def _id(value: Any) -> int:
    if past_64_bits(value) and (type(value) is not str or _INTEGER.fullmatch(value)):
        return UNKNOWN_ID
    return _integer(value)


def _reference(value: Any) -> int:
    if type(value) not in (str, int, float):
        raise ValueError
    try:
        return _integer(value)
    except ValueError:
        return UNKNOWN_ID


def _text_or_number(value: Any) -> str:
    if type(value) not in (str, int) or "\0" in str(value):
        raise ValueError
    return str(value)


def _boolean(value: Any) -> bool:
    if type(value) is str:
        value = _BOOLEANS.get(value.lower())
    if type(value) not in (bool, int) or value not in (0, 1):
        raise ValueError
    return bool(value)


def _is_file(value: Any) -> bool:
    return isinstance(value, Upload) and value.is_complete


def _list(value: Any) -> list[Any]:
    """The items of an array as PHP knows it; a single scalar becomes a list of one."""
    if isinstance(value, Upload):
        raise ValueError
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def _array(value: Any) -> list[Any]:
    """As `_list`, but a single scalar is an error."""
    if not isinstance(value, list | dict):
        raise ValueError
    return _list(value)


def choice(*values: str) -> FieldType:
    """The type of a field that is declared as `Literal["asc", "desc"]`: one of these values, exactly."""
    convert = _only(lambda value: type(value) is str and value in values)
    return FieldType(convert, "The selected {} is invalid.", {"type": "string", "enum": list(values)})


TEXT: Final = FieldType(
    _only(lambda value: type(value) is str and "\0" not in value), "The {} must be a string.", {"type": "string"}
)
LIST: Final = ListType(_list, "The {} must be an array.", {"type": "array"})
ARRAY: Final = ListType(_array, LIST.message, LIST.schema)

Text = Annotated[str, TEXT]
Integer = Annotated[
    int, FieldType(_integer, "The {} must be an integer.", {"type": "integer", "format": "int64"}, unit="")
]
#: The id of a row; past 64 bits it is `UNKNOWN_ID`, which is not an error.
Id = Annotated[int, FieldType(_id, "The {} must be an integer.", {"type": "integer"}, unit="")]
#: An id as text or as a number; a text that is not an id is `UNKNOWN_ID`, too.
Reference = Annotated[int, FieldType(_reference, "The {} must be a string.", {"type": ["string", "integer"]})]
#: A key that may be a number, as text.
TextOrNumber = Annotated[str, FieldType(_text_or_number, "The {} must be a string.", {"type": ["string", "integer"]})]
Boolean = Annotated[bool, FieldType(_boolean, "The {} field must be true or false.", {"type": "boolean"})]
Email = Annotated[
    str,
    FieldType(
        _only(lambda value: type(value) is str and _EMAIL.fullmatch(value) and value.isprintable()),
        "The {} must be a valid email address.",
        {"type": "string", "format": "email"},
    ),
]
Uuid = Annotated[
    str, FieldType(_matching(UUID_FORM), "The {} must be a valid UUID.", {"type": "string", "format": "uuid"})
]
Color = Annotated[
    str,
    FieldType(
        _matching(_COLOR),
        "The {} format is invalid.",
        {"type": "string", "pattern": "^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$"},
    ),
]
File = Annotated[Upload, FieldType(_only(_is_file), "The {} must be a file.", {}, unit="kilobytes")]
Image = Annotated[
    Upload,
    FieldType(
        _only(lambda value: _is_file(value) and value.image_type),
        "The {} must be an image.",
        {},
        unit="kilobytes",
    ),
]
#: Any value but null.
Anything = Annotated[object, FieldType(lambda value: value, "", {})]
#: A list of items of one type. An invalid item is reported by its index: `status.0`. An empty list is valid; a
#: required field that rejects it has `Field(min_length=1)`.
ListOf = Annotated[list[T], LIST]
#: A list for which a single item is an error, even if the item is valid.
ArrayOf = Annotated[list[T], ARRAY]
