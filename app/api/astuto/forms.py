"""Forms: the input of Astuto's endpoints as Pydantic models, which also describe it in the OpenAPI document.

    class CreateVote(Form, json_schema_extra={"required": ["post_id"]}):
        post_id: Annotated[int | None, ID] = None

    form = CreateVote.parse(request.params)

A parameter may be in the query, in a JSON object or in a form; the document shows each where clients send it, with
the example of the field.
docs/contracts/astuto.md, section 1.6.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, PydanticUseDefault, core_schema

from app.api.astuto import conversions
from app.api.astuto.conversions import MAX_INTEGER, MissingParam
from app.api.router import query_param
from app.domain.unset import UNSET

_JSON: Final = "application/json"
_CONTENT_TYPES: Final = (_JSON, "application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class FieldType:
    """Metadata of a field: the conversion of its value, and its schema in the document.

    The field keeps its default where the conversion returns UNSET.
    """

    convert: Callable[[object], object]
    schema: JsonSchemaValue

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        convert = self.convert

        def validate(value: object) -> object:
            converted = convert(value)
            if converted is UNSET:
                raise PydanticUseDefault
            return converted

        return core_schema.no_info_plain_validator_function(validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return dict(self.schema)


_TEXT: Final = {"type": "string"}
_INTEGER: Final = {"type": "integer"}
_FROM_ZERO: Final = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}

TEXT: Final = FieldType(conversions.to_text, _TEXT)
TEXT_OR_NULL: Final = FieldType(conversions.to_text, {"type": ["string", "null"]})
REQUIRED_TEXT: Final = FieldType(conversions.to_required_text, _TEXT)
EMAIL: Final = FieldType(conversions.to_email, _TEXT)
FULL_NAME: Final = FieldType(conversions.to_full_name, {"type": ["string", "null"]})
ID: Final = FieldType(conversions.to_id, _INTEGER)
ID_OR_NULL: Final = FieldType(conversions.to_id, {"type": ["integer", "null"]})
REQUIRED_ID: Final = FieldType(conversions.to_required_id, _INTEGER)
FILTER_IDS: Final = FieldType(conversions.to_filter_ids, _INTEGER)
FLAG: Final = FieldType(conversions.to_bool, {"type": ["boolean", "null"]})
LIMIT: Final = FieldType(conversions.to_limit, _FROM_ZERO)
OFFSET: Final = FieldType(conversions.to_offset, _FROM_ZERO)
IMPERSONATED_ID: Final = FieldType(
    conversions.to_impersonated_id,
    {
        "type": ["integer", "null"],
        "description": "The user to impersonate; only with an administrator's key",
        "examples": [12],
    },
)


class _JsonSchema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        # None and UNSET are not values that a client sends: they mean that the parameter is absent.
        if schema["default"] is None or schema["default"] is UNSET:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


class Form(BaseModel):
    """The parameters of an endpoint; others are ignored.

    A field without a default raises MissingParam when it is absent. Where the contract responds to an absent parameter
    with another error, the field has a default, and `json_schema_extra` lists it as required.
    """

    json_example: ClassVar[tuple[str, ...]] = ()
    """The fields in the example of a JSON body; empty for all. The inputs of an HTML form show every example."""

    @classmethod
    def parse(cls, params: Mapping[str, Any]) -> Self:
        """Convert the parameters of a request. Raises MissingParam and InvalidParam."""
        try:
            return cls.model_validate(params)
        except ValidationError:
            # No conversion raises ValueError, so only an absent field without a default leads here.
            raise MissingParam from None

    @classmethod
    def request_body(cls) -> dict[str, Any]:
        """The request body in the document: a JSON object, or a form."""
        model = cls.model_json_schema(schema_generator=_JsonSchema)
        schema = {name: model[name] for name in ("type", "properties", "required") if name in model}
        example = {name: field["examples"][0] for name, field in model["properties"].items() if "examples" in field}
        json_example = {name: example[name] for name in cls.json_example or example}
        content = {
            content_type: {"schema": schema, "example": json_example if content_type == _JSON else example}
            for content_type in _CONTENT_TYPES
        }
        return {"required": "required" in model, "content": content}

    @classmethod
    def parameters(cls) -> list[dict[str, Any]]:
        """The query parameters in the document."""
        properties = cls.model_json_schema(schema_generator=_JsonSchema)["properties"]
        return [
            query_param(name, schema, schema.pop("description"), example=schema.pop("examples")[0])
            for name, schema in properties.items()
        ]
