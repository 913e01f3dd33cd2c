"""Forms: the input of a ProductLift endpoint, declared once for validation and for the OpenAPI document.

    NEW_POST = Form(title=(REQUIRED, STRING, min_length(2), max_length(180)), user_id=(UUID,))
    form = NEW_POST.parse(request.params)

The messages are Laravel 8's, to the letter. The types of the values are in `field_types.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.api.productlift.field_types import ANYTHING, INVALID, STRING, FieldType, Schema, number_in, past_64_bits
from app.api.productlift.params import RepeatedValue
from app.http.multipart import Upload

# A list may have a million invalid items; the response lists this many.
MAX_ERRORS = 1000
# A character that is not trimmed; with it a schema counts the characters that are left after trimming.
_SOLID = "[^ \\t\\n\\r\\v]"

TAKEN = "The {} has already been taken."
SELECTED = "The selected {} is invalid."

Errors = dict[str, list[str]]


class FormErrors(Exception):
    """The input is invalid: each invalid field with its messages, in the form's order."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Limit:
    """The minimum or maximum of a value: of its characters, the number itself, or its kilobytes of 1024 bytes."""

    min: int | None = None
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Required:
    """Marks a field that must be present and not empty."""


REQUIRED = Required()
Rule = FieldType | Limit | Required


def min_length(characters: int) -> Limit:
    """A text of at least this many code points."""
    return Limit(min=characters)


def max_length(characters: int) -> Limit:
    """A text of at most this many code points."""
    return Limit(max=characters)


def minimum(number: int) -> Limit:
    """A number not smaller than this."""
    return Limit(min=number)


def maximum(number: int) -> Limit:
    """A number not larger than this."""
    return Limit(max=number)


def max_kilobytes(kilobytes: int) -> Limit:
    """A file of at most this many KiB, inclusive."""
    return Limit(max=kilobytes)


class Field:
    """One field of a form: a type, its limits, and whether it is required."""

    __slots__ = ("label", "max", "min", "name", "required", "type", "validate")

    def __init__(self, name: str, rules: Iterable[Rule]) -> None:
        self.name = name
        self.label = name.replace("_", " ")
        self.required = False
        self.type = ANYTHING
        self.min: int | None = None
        self.max: int | None = None
        for rule in rules:
            if isinstance(rule, FieldType):
                self.type = rule
            elif isinstance(rule, Required):
                self.required = True
            else:
                self.min = rule.min if self.min is None else self.min
                self.max = rule.max if self.max is None else self.max
        self.validate = self._make_validator()

    def _make_validator(self) -> Callable[[Any], Any]:
        """The fast path: a function that returns the converted value, or INVALID if there is any error."""
        convert = self.type.convert
        if self.type.items is not None:
            return _make_list_validator(convert, self.type.items.convert)
        if self.type.unit == "kilobytes":
            return lambda value: INVALID if self.errors(value) else value
        if self.min is None and self.max is None:
            return convert
        low = float("-inf") if self.min is None else self.min
        high = float("inf") if self.max is None else self.max
        if self.type.unit == "characters":

            def validate_length(value: Any) -> Any:
                text = convert(value)
                return text if text is not INVALID and low <= len(text) <= high else INVALID

            return validate_length

        def validate_number(value: Any) -> Any:
            number = convert(value)
            return number if number is not INVALID and low <= number <= high else INVALID

        return validate_number

    def last_value(self, value: Any) -> Any:
        """Of a name that was sent several times, the last value, unless the field takes a list."""
        return value[-1] if type(value) is RepeatedValue and self.type.items is None else value

    def errors(self, value: Any) -> Errors:
        """All errors of a value, by the names under which Laravel reports them."""
        if isinstance(value, Upload) and not value.is_complete:
            return {self.name: [f"The {self.label} failed to upload."]}
        errors: Errors = {}
        messages = [] if self.type.convert(value) is not INVALID else [self.type.message.format(self.label)]
        messages += self._limit_errors(value)
        if messages:
            errors[self.name] = messages
        if self.type.items is not None:
            errors |= self._item_errors(self.type.items, value)
        return errors

    def _limit_errors(self, value: Any) -> list[str]:
        size, unit = _measure(value, self.type)
        if size is None:
            return []
        unit = f" {unit}" if unit else ""
        if self.min is not None and size < self.min:
            return [f"The {self.label} must be at least {self.min}{unit}."]
        if self.max is not None and size > self.max:
            return [f"The {self.label} must not be greater than {self.max}{unit}."]
        return []

    def _item_errors(self, item_type: FieldType, value: Any) -> Errors:
        errors: Errors = {}
        for key, item in _items(self.type.convert(value)):
            if item_type.convert(item) is INVALID:
                if len(errors) == MAX_ERRORS:
                    break
                errors[f"{self.name}.{key}"] = [item_type.message.format(f"{self.label}.{key}")]
        return errors

    def schema(self, *, nullable: bool) -> Schema:
        """The JSON Schema of the field. The server also accepts digits as text, and a single item as a list."""
        schema = dict(self.type.schema)
        if self.type.unit == "characters":
            schema |= self._length_schema()
        elif self.type.unit == "":
            schema |= {} if self.min is None else {"minimum": self.min}
            schema |= {} if self.max is None else {"maximum": self.max}
        if nullable and not self.required and "type" in schema:
            types = schema["type"]
            schema["type"] = [*types, "null"] if isinstance(types, list) else [types, "null"]
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
        return schema

    def _length_schema(self) -> Schema:
        schema: Schema = {} if self.max is None else {"maxLength": self.max}
        shortest = self.min if self.min is not None else int(self.required and self.type is STRING)
        if shortest:
            schema["minLength"] = shortest
            if self.type is STRING and self.name != "password":
                schema["pattern"] = _SOLID if shortest == 1 else f"{_SOLID}[\\s\\S]{{{shortest - 2},}}{_SOLID}"
        return schema


class Form:
    """The fields of an endpoint, in the order in which they are validated."""

    def __init__(self, **fields: tuple[Rule, ...]) -> None:
        self.fields = tuple(Field(name, rules) for name, rules in fields.items())
        self._steps = tuple((field.name, field.required, field.validate, field) for field in self.fields)

    def parse(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The converted fields that were sent; null is None, and a field that was not sent is absent.

        Raises FormErrors with all errors.
        """
        form: dict[str, Any] = {}
        for name, required, validate, field in self._steps:
            if name not in params:
                if required:
                    raise FormErrors(self._errors(params))
                continue
            value = params[name]
            if type(value) is RepeatedValue:
                value = field.last_value(value)
            if required:
                result = INVALID if _is_empty(value) else validate(value)
            else:
                result = None if value is None else validate(value)
            if result is INVALID:
                raise FormErrors(self._errors(params))
            form[name] = result
        return form

    def parse_with_checks(self, params: Mapping[str, Any], **checks: Callable[[Any], str | None]) -> dict[str, Any]:
        """As `parse`, with checks that need more than the input, by field. Each returns a message, `{}` its field.

        A field is checked only if it has no other error. Raises FormErrors with all errors together.
        """
        form: dict[str, Any] = {}
        errors: Errors = {}
        try:
            form = self.parse(params)
        except FormErrors as error:
            errors = dict(error.errors)
        for field in self.fields:
            value = field.last_value(params.get(field.name))
            if field.name in checks and field.name not in errors and value is not None:
                message = checks[field.name](field.validate(value))
                if message is not None:
                    errors[field.name] = [message.format(field.label)]
        if errors:
            order = {field.name: index for index, field in enumerate(self.fields)}
            raise FormErrors(dict(sorted(errors.items(), key=lambda item: order[item[0].partition(".")[0]])))
        return form

    def _errors(self, params: Mapping[str, Any]) -> Errors:
        errors: Errors = {}
        for field in self.fields:
            value = field.last_value(params.get(field.name))
            if field.required and _is_empty(value):
                errors[field.name] = [f"The {field.label} field is required."]
            elif value is not None:
                errors |= field.errors(value)
        return errors

    def schema(self, *, of: Literal["json", "form", "multipart"] = "json") -> Schema:
        """The JSON Schema of the body. Files are in the multipart form only, nulls in the JSON form only."""
        properties: dict[str, Schema] = {}
        for field in self.fields:
            if field.type.unit != "kilobytes":
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
            if field.type.unit != "kilobytes"
        ]


def _make_list_validator(convert: Callable[[Any], Any], convert_item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def validate_items(value: Any) -> Any:
        array = convert(value)
        if array is INVALID:
            return INVALID
        items = [convert_item(item) for _, item in _items(array)]
        return INVALID if INVALID in items else items

    return validate_items


def _items(array: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(array, dict):
        return array.items()
    return enumerate(array) if isinstance(array, list) else ()


def _is_empty(value: Any) -> bool:
    """Whether Laravel's `required` rejects the value: null, an empty text or an empty array."""
    return value is None or (isinstance(value, str | list | dict) and not value)


def _measure(value: Any, field_type: FieldType) -> tuple[float | None, str]:
    """The size of a value and its unit; Laravel measures values of the wrong type, too. None is no size."""
    if isinstance(value, Upload):
        return ((value.size or 0) / 1024, "kilobytes") if field_type.unit == "kilobytes" else (None, "")
    unit = "" if field_type.unit == "" else "characters"
    if isinstance(value, list | dict):
        return len(value), unit
    if field_type.unit == "":
        if past_64_bits(value):
            return None, unit
        number = number_in(value)
        if number is not None:
            return number, unit
    return len(_to_php_string(value)), unit


def _to_php_string(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
