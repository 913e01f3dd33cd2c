"""The successful responses of ProductLift's endpoints, and the router that declares them."""

from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
from pydantic import BaseModel

from app.api.router import DialectRouter
from app.http.response import ApiResponse, StreamedResponse

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
    404: {"description": "Not found", "model": Message},
    413: {"description": "The request is too large", "model": Message},
    422: {"description": "Invalid input", "model": InvalidData | Message},
    429: {"description": "Too many requests", "model": Message},
    503: {"description": "The database is unreachable, or too many requests are waiting", "model": Message},
}
_HEADERS: Final = {
    "x-ratelimit-limit": {"schema": {"type": "integer"}, "description": "Maximum number of requests in a window"},
    "x-ratelimit-remaining": {"schema": {"type": "integer"}, "description": "Requests left in this window"},
}
DELETED: Final = ApiResponse(200, b"{}", JSON)
"""A successful delete."""


class ProductLiftRouter(DialectRouter):
    """The router of ProductLift's dialect."""

    error_schemas = ERROR_SCHEMAS
    common_errors = (401, 413, 429, 503)
    success_headers = _HEADERS


def data_response(payload: Any) -> ApiResponse:
    """200 with `{"data": …}`."""
    return ApiResponse(200, orjson.dumps({"data": payload}), JSON)


def page_response(payload: list[Any], *, total: int, offset: int, limit: int) -> ApiResponse:
    """200 with the five keys of a page, in their order."""
    body = {"data": payload, "hasMore": offset + len(payload) < total, "total": total, "skip": offset, "limit": limit}
    return ApiResponse(200, orjson.dumps(body), JSON)


def page_envelope(count: int, *, total: int, offset: int, limit: int) -> tuple[bytes, bytes]:
    """What precedes and follows the rows of a streamed page."""
    end = orjson.dumps({"hasMore": offset + count < total, "total": total, "skip": offset, "limit": limit})
    return b'{"data":[', b"]," + end[1:]


def stream(chunks: AsyncIterator[bytes]) -> ApiResponse:
    """200 with a JSON body that is written in chunks."""
    return StreamedResponse(200, chunks, JSON)
