"""Forms: the input of a ProductLift endpoint, declared once for validation and for the OpenAPI document.

    class CreatePost(Form):
        title: Annotated[Text, Field(min_length=2, max_length=180, description="The title", examples=["Dark mode"])]
        user_id: Annotated[Uuid | None, Field(description="The author", examples=[EXAMPLE_USER])] = None

    form = CreatePost.parse(request.params)

Every field has a description, and every field but a file has an example. The messages are Laravel 8's, to the letter.
The types of the fields are in `field_types.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from app.api.productlift.field_types import TEXT, FieldType, ListType, Schema, choice, number_in, past_64_bits
from app.api.productlift.params import UNTRIMMED, RepeatedValue
from app.api.router import query_param
from app.http.multipart import Upload

# A list may have a million invalid items; the response lists this many.
MAX_ERRORS = 1000
# A character that is not trimmed; with it a schema counts the characters that are left after trimming.
_SOLID = "[^ \\t\\n\\r\\v]"

TAKEN = "The {} has already been taken."
SELECTED = "The selected {} is invalid."

Check = Callable[[Any], str | None]
Errors = dict[str, list[str]]


@dataclass(eq=False)
class FormErrors(Exception):
    """The input is invalid: each invalid field with its messages, in the form's order."""

    errors: Errors


def reject_taken(find_id: Callable[[Any], int | None], except_id: int | None = None) -> Check:
    """A check that rejects a value that another row than `except_id` has."""
    return lambda value: TAKEN if find_id(value) not in (None, except_id) else None


class FormField:
    """A field of a form as Laravel sees it: its type, its limits, and its messages."""

    def __init__(self, name: str, info: FieldInfo) -> None:
        self.name = name
        self.label = name.replace("_", " ")
        self.required = info.is_required()
        self.description, examples = info.description, info.examples
        if not self.required:
            # Of `Text | None`, the type.
            info = FieldInfo.from_annotation(get_args(info.annotation)[0])
            self.description, examples = self.description or info.description, examples or info.examples
        self.example = examples[0] if examples else None
        self.type = _field_type(info)
        self.is_file = self.type.unit == "kilobytes"
        self.item_type: FieldType | None = None
        if isinstance(self.type, ListType):
            self.item_type = _field_type(FieldInfo.from_annotation(get_args(info.annotation)[0]))
        self.min = _limit(info, "min_length", "ge")
        self.max = _limit(info, "max_length", "le", "max_kilobytes")

    def errors(self, value: Any, check: Check | None) -> Errors:
        """All errors of a value, by the names under which Laravel reports them."""
        if value is None or (self.required and value in ("", [], {})):
            return {self.name: [f"The {self.label} field is required."]} if self.required else {}
        if isinstance(value, Upload) and not value.is_complete:
            return {self.name: [f"The {self.label} failed to upload."]}
        messages: list[str] = []
        errors: Errors = {}
        try:
            converted = self.type.convert(value)
        except ValueError:
            messages.append(self.type.message)
        else:
            if self.item_type is not None:
                keys = value if isinstance(value, dict) else range(len(converted))
                errors = self._item_errors(self.item_type, zip(keys, converted, strict=True))
        messages += self._limit_errors(value)
        if check is not None and not messages and not errors:
            messages += filter(None, [check(converted)])
        return ({self.name: [message.format(self.label) for message in messages]} if messages else {}) | errors

    def _limit_errors(self, value: Any) -> list[str]:
        if self.item_type is not None:
            # The type converts a single scalar to a list of one.
            count = len(value) if isinstance(value, list | dict) else 1
            return [f"The {{}} must not have more than {self.max} items."] if self.max and count > self.max else []
        size, unit = _measure(value, self.type)
        if size is not None and self.min is not None and size < self.min:
            return [f"The {{}} must be at least {self.min}{unit}."]
        if size is not None and self.max is not None and size > self.max:
            return [f"The {{}} must not be greater than {self.max}{unit}."]
        return []

    def _item_errors(self, item_type: FieldType, items: Iterable[tuple[Any, Any]]) -> Errors:
        errors: Errors = {}
        for key, item in items:
            try:
                item_type.convert(item)
            except ValueError:
                if len(errors) == MAX_ERRORS:
                    break
                # Laravel shows the name of an item as it is, with underscores.
                errors[f"{self.name}.{key}"] = [item_type.message.format(f"{self.name}.{key}")]
        return errors

    def described_schema(self, *, nullable: bool) -> Schema:
        """As `schema`, with the description and the example."""
        schema = self.schema(nullable=nullable)
        if self.description is not None:
            schema["description"] = self.description
        if self.example is not None:
            schema["examples"] = [self.example]
        return schema

    def schema(self, *, nullable: bool) -> Schema:
        """The JSON Schema of the field. The server also accepts digits as text, and a single item as a list."""
        schema = dict(self.type.schema)
        if self.item_type is not None:
            schema["items"] = dict(self.item_type.schema)
            schema |= {} if self.max is None else {"maxItems": self.max}
            schema |= {"minItems": 1} if self.min else {}
        elif self.is_file:
            schema = {"type": "string", "contentMediaType": "application/octet-stream"}
        elif self.type.unit == "characters":
            schema |= self._length_schema()
        else:
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
        shortest = self.min if self.min is not None else int(self.required and self.type is TEXT)
        if shortest:
            schema["minLength"] = shortest
            if self.type is TEXT and self.name != UNTRIMMED:
                schema["pattern"] = _SOLID if shortest == 1 else f"{_SOLID}[\\s\\S]{{{shortest - 2},}}{_SOLID}"
        return schema


class Form(BaseModel):
    """The base class of forms. The order of the fields is the order in which they are validated.

    A field that was not sent is None and not in `model_fields_set`; one that was sent as null is None and in it.
    """

    model_config = ConfigDict(frozen=True)
    form_fields: ClassVar[tuple[FormField, ...]]
    json_example: ClassVar[tuple[str, ...]] = ()
    """The fields in the example of a JSON body; empty for all. The inputs of an HTML form show every example."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls.form_fields = tuple(FormField(name, info) for name, info in cls.model_fields.items())

    @classmethod
    def parse(cls, params: Mapping[str, Any], **checks: Check) -> Self:
        """Validate and convert the fields that were sent.

        `checks` are rules that need more than the input, by field. Each returns a message, with `{}` for the field, or
        None. A field is checked if it was sent, is not null, and has no other error.
        Raises FormErrors with all errors together.
        """
        if RepeatedValue in map(type, params.values()):
            params = cls._last_values(params)
        try:
            form = cls.model_validate(params)
        except ValidationError:
            raise FormErrors(cls._errors(params, checks)) from None
        if checks and (errors := cls._errors(params, checks)):
            raise FormErrors(errors)
        return form

    @classmethod
    def _last_values(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        """Of each name that was sent several times, the last value, unless the field takes a list."""
        lists = {field.name for field in cls.form_fields if field.item_type is not None}
        return {
            name: value[-1] if type(value) is RepeatedValue and name not in lists else value
            for name, value in params.items()
        }

    @classmethod
    def _errors(cls, params: Mapping[str, Any], checks: Mapping[str, Check]) -> Errors:
        errors: Errors = {}
        for field in cls.form_fields:
            errors |= field.errors(params.get(field.name), checks.get(field.name))
        return errors

    @classmethod
    def request_body(cls) -> dict[str, Any]:
        """The request body, as OpenAPI describes it: JSON or a form, with files where the form has some."""
        example = {field.name: field.example for field in cls.form_fields if field.example is not None}
        json_example = {name: example[name] for name in cls.json_example or example}
        content = {
            "application/json": {"schema": cls._body_schema(nullable=True), "example": json_example},
            "application/x-www-form-urlencoded": {"schema": cls._body_schema(), "example": example},
            "multipart/form-data": {"schema": cls._body_schema(with_files=True), "example": example},
        }
        return {"required": any(field.required for field in cls.form_fields), "content": content}

    @classmethod
    def _body_schema(cls, *, nullable: bool = False, with_files: bool = False) -> Schema:
        fields = [field for field in cls.form_fields if with_files or not field.is_file]
        schema = {
            "type": "object",
            "properties": {field.name: field.described_schema(nullable=nullable) for field in fields},
        }
        required = [field.name for field in fields if field.required]
        return {**schema, "required": required} if required else schema

    @classmethod
    def parameters(cls) -> list[dict[str, Any]]:
        """The same fields as OpenAPI query parameters. Files have none."""
        return [
            query_param(
                field.name,
                field.schema(nullable=False),
                field.description or "",
                example=field.example,
                required=field.required,
            )
            for field in cls.form_fields
            if not field.is_file
        ]


def _field_type(info: FieldInfo) -> FieldType:
    if get_origin(info.annotation) is Literal:
        return choice(*get_args(info.annotation))
    return next(item for item in info.metadata if isinstance(item, FieldType))


def _limit(info: FieldInfo, *names: str) -> int | None:
    """The value of the first of these limits that `Field` or `MaxKilobytes` sets."""
    return next((getattr(item, name) for item in info.metadata for name in names if hasattr(item, name)), None)


def _measure(value: Any, field_type: FieldType) -> tuple[float | None, str]:
    """The size of a value and its unit; Laravel measures values of the wrong type, too. None is no size."""
    if isinstance(value, Upload):
        return ((value.size or 0) / 1024, " kilobytes") if field_type.unit == "kilobytes" else (None, "")
    unit = " characters" if field_type.unit else ""
    if isinstance(value, list | dict):
        return len(value), unit
    if not unit:
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
