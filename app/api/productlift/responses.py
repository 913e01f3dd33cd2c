"""What ProductLift's endpoints give back, and how their chapters are declared."""

from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
from pydantic import BaseModel

from app.api.productlift.forms import Form
from app.api.router import DialectRouter
from app.http.request import ApiResponse

JSON: Final = ((b"content-type", b"application/json"),)


class Message(BaseModel):
    """An error."""

    message: str


class InvalidData(BaseModel):
    """Validation failed."""

    message: str
    errors: dict[str, list[str]]


ERROR_SCHEMAS: Final[dict[int, dict[str, Any]]] = {
    401: {"description": "No valid token", "model": Message},
    404: {"description": "There is no such thing", "model": Message},
    413: {"description": "The request is too large", "model": Message},
    422: {"description": "The input breaks a rule", "model": InvalidData | Message},
    429: {"description": "Too many requests", "model": Message},
    503: {"description": "Not now: the database can't be reached, or too many requests wait", "model": Message},
}
_HEADERS: Final = {
    "x-ratelimit-limit": {"schema": {"type": "integer"}, "description": "Requests a window"},
    "x-ratelimit-remaining": {"schema": {"type": "integer"}, "description": "Requests left in this window"},
}
DELETED: Final = ApiResponse(200, b"{}", JSON)
"""A successful delete."""


def make_router(tag: str) -> DialectRouter:
    """A chapter of the dialect."""
    return DialectRouter(tag, refusals=ERROR_SCHEMAS, always=(401, 413, 429, 503), headers=_HEADERS)


def request_body(form: Form) -> dict[str, Any]:
    """What a route reads from a body, as OpenAPI describes it: JSON or a form, with files where there are any."""
    content = {
        "application/json": {"schema": form.schema()},
        "application/x-www-form-urlencoded": {"schema": form.schema(of="form")},
        "multipart/form-data": {"schema": form.schema(of="multipart")},
    }
    return {"required": any(field.required for field in form.fields), "content": content}


def data_response(shown: Any) -> ApiResponse:
    """200 with `{"data": …}`."""
    return ApiResponse(200, orjson.dumps({"data": shown}), JSON)


def page_response(shown: list[Any], *, total: int, offset: int, limit: int) -> ApiResponse:
    """200 with the five keys of a paged list, in their order."""
    body = {"data": shown, "hasMore": offset + len(shown) < total, "total": total, "skip": offset, "limit": limit}
    return ApiResponse(200, orjson.dumps(body), JSON)


def page_envelope(shown: int, *, total: int, offset: int, limit: int) -> tuple[bytes, bytes]:
    """What stands before and behind the rows of `page`, for one that is written in pieces."""
    rest = orjson.dumps({"hasMore": offset + shown < total, "total": total, "skip": offset, "limit": limit})
    return b'{"data":[', b"]," + rest[1:]


def streamed(body: AsyncIterator[bytes]) -> ApiResponse:
    """200 with a long body, written as it comes."""
    return ApiResponse(200, body, JSON)
