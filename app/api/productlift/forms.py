"""Forms: what a ProductLift endpoint takes, said once, for the judging of input and for the OpenAPI document.

    NEW_POST = Form(title=(REQUIRED, STRING, min_length(2), max_length(180)), user_id=(UUID,))
    wanted = NEW_POST.read(asked)

The messages are Laravel 8's, to the letter. What the values may be is in `kinds.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.api.productlift.field_types import ANYTHING, INVALID, STRING, FieldType, Schema, number_in, past_64_bits
from app.api.productlift.params import RepeatedValue
from app.http.multipart import Upload

# A list may hold a million wrong items; the answer names these many.
MAX_ERRORS = 1000
# A character that trimming leaves alone; with it a schema counts what is left after trimming.
_SOLID = "[^ \\t\\n\\r\\v]"

TAKEN = "The {} has already been taken."
SELECTED = "The selected {} is invalid."

Errors = dict[str, list[str]]


class FormErrors(Exception):
    """The input breaks the rules: each failing field with its messages, in the form's order."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Limit:
    """The least or the most that a value may measure: characters, the number itself, or kilobytes of 1024 bytes."""

    min: int | None = None
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Required:
    """Marks a field that must be there and not be empty."""


REQUIRED = Required()
Rule = FieldType | Limit | Required


def min_length(characters: int) -> Limit:
    """A text of at least so many code points."""
    return Limit(min=characters)


def max_length(characters: int) -> Limit:
    """A text of at most so many code points."""
    return Limit(max=characters)


def minimum(number: int) -> Limit:
    """A number not smaller than this."""
    return Limit(min=number)


def maximum(number: int) -> Limit:
    """A number not larger than this."""
    return Limit(max=number)


def max_kilobytes(kilobytes: int) -> Limit:
    """A file of at most so many KiB; the last byte of the last one is still allowed."""
    return Limit(max=kilobytes)


class Field:
    """One field of a form: a kind, its limits, and whether it must be given."""

    __slots__ = ("kind", "least", "most", "name", "required", "shown", "validate")

    def __init__(self, name: str, rules: Iterable[Rule]) -> None:
        self.name = name
        self.shown = name.replace("_", " ")
        self.required = False
        self.kind = ANYTHING
        self.least: int | None = None
        self.most: int | None = None
        for rule in rules:
            if isinstance(rule, FieldType):
                self.kind = rule
            elif isinstance(rule, Required):
                self.required = True
            else:
                self.least = rule.min if self.least is None else self.least
                self.most = rule.max if self.most is None else self.most
        self.validate = self._acceptor()

    def _acceptor(self) -> Callable[[Any], Any]:
        """The quick way: the value as taken, or NO if there is anything to complain about."""
        take = self.kind.convert
        if self.kind.items is not None:
            return _items_acceptor(take, self.kind.items.convert)
        if self.kind.unit == "kilobytes":
            return lambda value: INVALID if self.errors(value) else value
        if self.least is None and self.most is None:
            return take
        least = float("-inf") if self.least is None else self.least
        most = float("inf") if self.most is None else self.most
        if self.kind.unit == "characters":

            def measured(value: Any) -> Any:
                taken = take(value)
                return taken if taken is not INVALID and least <= len(taken) <= most else INVALID

            return measured

        def within(value: Any) -> Any:
            taken = take(value)
            return taken if taken is not INVALID and least <= taken <= most else INVALID

        return within

    def last_value(self, value: Any) -> Any:
        """Of a plain name given several times, the last value, unless the field takes a list."""
        return value[-1] if type(value) is RepeatedValue and self.kind.items is None else value

    def errors(self, value: Any) -> Errors:
        """All that is wrong with a value that was given, by the names Laravel files it under."""
        if isinstance(value, Upload) and not value.is_complete:
            return {self.name: [f"The {self.shown} failed to upload."]}
        found: Errors = {}
        messages = [] if self.kind.convert(value) is not INVALID else [self.kind.message.format(self.shown)]
        messages += self._out_of_bounds(value)
        if messages:
            found[self.name] = messages
        if self.kind.items is not None:
            found |= self._wrong_items(self.kind.items, value)
        return found

    def _out_of_bounds(self, value: Any) -> list[str]:
        size, unit = _measure(value, self.kind)
        if size is None:
            return []
        unit = f" {unit}" if unit else ""
        if self.least is not None and size < self.least:
            return [f"The {self.shown} must be at least {self.least}{unit}."]
        if self.most is not None and size > self.most:
            return [f"The {self.shown} must not be greater than {self.most}{unit}."]
        return []

    def _wrong_items(self, kind: FieldType, value: Any) -> Errors:
        found: Errors = {}
        for key, item in _items(self.kind.convert(value)):
            if kind.convert(item) is INVALID:
                if len(found) == MAX_ERRORS:
                    break
                found[f"{self.name}.{key}"] = [kind.message.format(f"{self.shown}.{key}")]
        return found

    def schema(self, *, nullable: bool) -> Schema:
        """What a client may send, as JSON Schema. The server takes more: digits as text, a lone item as a list."""
        schema = dict(self.kind.schema)
        if self.kind.unit == "characters":
            schema |= self._length_schema()
        elif self.kind.unit == "":
            schema |= {} if self.least is None else {"minimum": self.least}
            schema |= {} if self.most is None else {"maximum": self.most}
        if nullable and not self.required and "type" in schema:
            types = schema["type"]
            schema["type"] = [*types, "null"] if isinstance(types, list) else [types, "null"]
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
        return schema

    def _length_schema(self) -> Schema:
        schema: Schema = {} if self.most is None else {"maxLength": self.most}
        least = self.least if self.least is not None else int(self.required and self.kind is STRING)
        if least:
            schema["minLength"] = least
            if self.kind is STRING and self.name != "password":
                schema["pattern"] = _SOLID if least == 1 else f"{_SOLID}[\\s\\S]{{{least - 2},}}{_SOLID}"
        return schema


class Form:
    """The fields of an endpoint, in the order in which they are judged."""

    def __init__(self, **fields: tuple[Rule, ...]) -> None:
        self.fields = tuple(Field(name, rules) for name, rules in fields.items())
        self._steps = tuple((field.name, field.required, field.validate, field) for field in self.fields)

    def parse(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that were given, as what they mean; null stays None, what was not given is not there.

        Raises Refused with everything that is wrong.
        """
        wanted: dict[str, Any] = {}
        for name, required, accept, field in self._steps:
            if name not in params:
                if required:
                    raise FormErrors(self._complaints(params))
                continue
            value = params[name]
            if type(value) is RepeatedValue:
                value = field.last_value(value)
            if required:
                taken = INVALID if _is_empty(value) else accept(value)
            else:
                taken = None if value is None else accept(value)
            if taken is INVALID:
                raise FormErrors(self._complaints(params))
            wanted[name] = taken
        return wanted

    def parse_with_checks(self, params: Mapping[str, Any], **checks: Callable[[Any], str | None]) -> dict[str, Any]:
        """As `read`, with checks that need more than the input, by field: each answers a message, `{}` its field.

        A field is checked only where nothing else is wrong with it; all that fails is told together.
        """
        wanted: dict[str, Any] = {}
        errors: Errors = {}
        try:
            wanted = self.parse(params)
        except FormErrors as refused:
            errors = dict(refused.errors)
        for field in self.fields:
            value = field.last_value(params.get(field.name))
            if field.name in checks and field.name not in errors and value is not None:
                message = checks[field.name](field.validate(value))
                if message is not None:
                    errors[field.name] = [message.format(field.shown)]
        if errors:
            places = {field.name: place for place, field in enumerate(self.fields)}
            raise FormErrors(dict(sorted(errors.items(), key=lambda told: places[told[0].partition(".")[0]])))
        return wanted

    def _complaints(self, params: Mapping[str, Any]) -> Errors:
        errors: Errors = {}
        for field in self.fields:
            value = field.last_value(params.get(field.name))
            if field.required and _is_empty(value):
                errors[field.name] = [f"The {field.shown} field is required."]
            elif value is not None:
                errors |= field.errors(value)
        return errors

    def schema(self, *, of: Literal["json", "form", "multipart"] = "json") -> Schema:
        """The JSON Schema of the body. Files are in the multipart form only, nulls in the JSON form only."""
        properties: dict[str, Schema] = {}
        for field in self.fields:
            if field.kind.unit != "kilobytes":
                properties[field.name] = field.schema(nullable=of == "json")
            elif of == "multipart":
                properties[field.name] = {"type": "string", "contentMediaType": "application/octet-stream"}
        required = [field.name for field in self.fields if field.required]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}

    def parameters(self) -> list[dict[str, Any]]:
        """The same fields as OpenAPI query parameters. Files have none."""
        return [
            {"name": field.name, "in": "query", "required": field.required, "schema": field.schema(nullable=False)}
            for field in self.fields
            if field.kind.unit != "kilobytes"
        ]


def _items_acceptor(take: Callable[[Any], Any], take_item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def taken_items(value: Any) -> Any:
        array = take(value)
        if array is INVALID:
            return INVALID
        items = [take_item(item) for _, item in _items(array)]
        return INVALID if INVALID in items else items

    return taken_items


def _items(array: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(array, dict):
        return array.items()
    return enumerate(array) if isinstance(array, list) else ()


def _is_empty(value: Any) -> bool:
    """Laravel's `required`: null, an empty text and an empty array are as good as nothing."""
    return value is None or (isinstance(value, str | list | dict) and not value)


def _measure(value: Any, kind: FieldType) -> tuple[float | None, str]:
    """A value's size and its unit; Laravel measures also what is of the wrong kind. None: there is nothing to say."""
    if isinstance(value, Upload):
        return ((value.size or 0) / 1024, "kilobytes") if kind.unit == "kilobytes" else (None, "")
    unit = "" if kind.unit == "" else "characters"
    if isinstance(value, list | dict):
        return len(value), unit
    if kind.unit == "":
        if past_64_bits(value):
            return None, unit
        number = number_in(value)
        if number is not None:
            return number, unit
    return len(_as_php_writes(value)), unit


def _as_php_writes(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
