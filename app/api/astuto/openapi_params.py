"""The parameters of Astuto's endpoints in their document. How values are really read, leniently, is in `params`.

Every parameter may be in the query, in a JSON object or in a form; the document shows each where clients send it.
docs/contracts/astuto.md, section 1.6.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.api.router import path_param, query_param

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
INTEGER: Final[Schema] = {"type": "integer"}
INTEGER_OR_NULL: Final[Schema] = {"type": ["integer", "null"]}
BOOLEAN_OR_NULL: Final[Schema] = {"type": ["boolean", "null"]}

_FORMS: Final = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
_FROM_ZERO: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}

IMPERSONATED: Final[Schema] = {
    **INTEGER_OR_NULL,
    "description": "The user to impersonate; only with an administrator's key",
}

POST_ID: Final = path_param("id", INTEGER, "The post's number")
COMMENT_ID: Final = path_param("id", INTEGER, "The comment's number")
VOTE_ID: Final = path_param("id", INTEGER, "The vote's number")
USER_ID: Final = path_param("id", TEXT, "The user's number")
BOARD_ID: Final = path_param("id", TEXT, "The board's number or slug")


def with_description(schema: Mapping[str, Any], description: str) -> Schema:
    """The schema with a description of the parameter."""
    return {**schema, "description": description}


def pagination_params(default: int) -> list[dict[str, Any]]:
    """`limit` and `offset` of a list."""
    return [
        query_param("limit", {**_FROM_ZERO, "default": default}, "Maximum number of rows; any value is allowed"),
        query_param("offset", {**_FROM_ZERO, "default": 0}, "Number of rows to skip"),
    ]


def id_filter_param(name: str, resource: str) -> dict[str, Any]:
    """A filter by id. Blank is no filter; an unknown id gives an empty list; `name[]` may be repeated."""
    return query_param(name, INTEGER, f"Only those of this {resource}")


def object_body(required: Iterable[str] = (), /, **schemas: Schema) -> dict[str, Any]:
    """A request body: a JSON object or a form with these members. Unknown members are ignored."""
    required_names = list(required)
    schema: Schema = {"type": "object", "properties": schemas}
    if required_names:
        schema["required"] = required_names
    return {"required": bool(required_names), "content": {kind: {"schema": schema} for kind in _FORMS}}
