"""The successful responses of ProductLift's endpoints, and the router that declares them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi.types import DecoratedCallable
from pydantic import BaseModel

from app.api.productlift.forms import Form
from app.api.productlift.path_params import PATH_PARAMS
from app.api.request import ApiRequest
from app.api.router import DialectRouter
from app.api.streaming import stream_json_array
from app.domain.unit_of_work import Row, UnitOfWork
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

    def api_route(
        self,
        path: str,
        *,
        methods: list[str] | None = None,
        form: type[Form] | None = None,
        parameters: Iterable[Mapping[str, Any]] = (),
        errors: Iterable[int] = (),
        **options: Any,
    ) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint; see `DialectRouter.api_route`.

        `form` is the query of GET and DELETE, and the body of other methods. A form implies the error 422, and a
        parameter in the path the error 404. `parameters` replace those of `PATH_PARAMS`.
        """
        names = re.findall(r"{(\w+)}", path)
        parameters = [*(parameters or [PATH_PARAMS[name] for name in names])]
        errors = {*errors, *([404] if names else []), *([422] if form else [])}
        if form is not None and {*(methods or ["GET"])} & {"GET", "DELETE"}:
            parameters += form.parameters()
        elif form is not None:
            options["request_body"] = form.request_body()
        return super().api_route(path, methods=methods, parameters=parameters, errors=errors, **options)

    def patch_or_put(self, path: str, **options: Any) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint for PATCH and PUT, which mean the same; see `api_route`."""
        return self.api_route(path, methods=["PATCH", "PUT"], **options)


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


async def stream_rows(
    request: ApiRequest,
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
