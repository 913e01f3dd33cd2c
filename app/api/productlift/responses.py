"""The successful responses of ProductLift's endpoints, and the router that declares them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import orjson
from fastapi.types import DecoratedCallable
from pydantic import BaseModel, Field

from app.api.productlift.path_params import PATH_PARAMS
from app.api.request import ApiRequest, PortalRequest
from app.api.router import DialectRouter
from app.api.streaming import stream_json_array
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse, StreamedResponse

JSON: Final = ((b"content-type", b"application/json"),)


class Message(BaseModel):
    """An error."""

    message: str = Field(description="What is wrong, in English")


class InvalidData(BaseModel):
    """Validation failed."""

    message: str = Field(description="That the data is invalid")
    errors: dict[str, list[str]] = Field(description="The messages by field")


ERROR_SCHEMAS: Final[dict[int, dict[str, Any]]] = {
    401: {"description": "No valid token", "model": Message},
    404: {"description": "Not found", "model": Message},
    413: {"description": "The request is too large", "model": Message},
    422: {"description": "Invalid input", "model": InvalidData | Message},
    429: {"description": "Too many requests", "model": Message},
    501: {"description": "This server does not have the function", "model": Message},
    503: {"description": "The database is unreachable, or too many requests are waiting", "model": Message},
}
_ABSENT: Final = "absent if the server has no rate limit"
_HEADERS: Final = {
    "x-ratelimit-limit": {
        "schema": {"type": "integer"},
        "description": f"Maximum number of requests in a window; {_ABSENT}",
    },
    "x-ratelimit-remaining": {"schema": {"type": "integer"}, "description": f"Requests left in this window; {_ABSENT}"},
}
DELETED: Final = ApiResponse(200, b"{}", JSON)
"""A successful delete."""


class ProductLiftRouter(DialectRouter):
    """The router of ProductLift's dialect."""

    error_schemas = ERROR_SCHEMAS
    common_errors = (401, 413, 429, 503)
    form_errors = (422,)
    path_params = PATH_PARAMS
    success_headers = _HEADERS

    def patch_or_put(self, path: str, **options: Any) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint for PATCH and PUT, which mean the same; see `api_route`."""
        return self.api_route(path, methods=["PATCH", "PUT"], **options)


def data_response(payload: Any) -> ApiResponse:
    """200 with `{"data": …}`."""
    return ApiResponse(200, orjson.dumps({"data": payload}), JSON)


async def list_rows(
    request: ApiRequest, fetch: Callable[[UnitOfWork], Iterable[Row]], serialize: Callable[[Row], Any]
) -> ApiResponse:
    """200 with all rows that `fetch` returns."""
    return await request.read(lambda work: data_response([serialize(row) for row in fetch(work)]))


def page_response(payload: list[Any], *, total: int, offset: int, limit: int) -> ApiResponse:
    """200 with the five keys of a page, in their order."""
    body = {"data": payload, "hasMore": offset + len(payload) < total, "total": total, "skip": offset, "limit": limit}
    return ApiResponse(200, orjson.dumps(body), JSON)


def page_envelope(count: int, *, total: int, offset: int, limit: int) -> tuple[bytes, bytes]:
    """What precedes and follows the rows of a streamed page."""
    end = orjson.dumps({"hasMore": offset + count < total, "total": total, "skip": offset, "limit": limit})
    return b'{"data":[', b"]," + end[1:]


async def stream_rows(
    request: PortalRequest,
    ids: Sequence[int],
    fetch: Callable[[UnitOfWork, Sequence[int]], Iterable[Row]],
    serialize: Callable[[Row], Any],
    *,
    before: bytes = b'{"data":[',
    after: bytes = b"]}",
) -> ApiResponse:
    """200 with the rows that `fetch` returns for these ids, in chunks. See `app.api.streaming`."""

    def serialize_ids(work: UnitOfWork, ids: Sequence[int]) -> list[Any]:
        return [serialize(row) for row in fetch(work, ids)]

    chunks = await stream_json_array(request, ids, serialize_ids, before=before, after=after)
    return StreamedResponse(200, chunks, JSON)
