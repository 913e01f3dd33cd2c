"""The successful responses of Astuto's endpoints, and the router that declares them."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from fastapi.types import DecoratedCallable
from pydantic import BaseModel, Field

from app.api.router import DialectRouter, MethodNotAllowed, RouteMatch, path_param
from app.http.response import ApiResponse

JSON: Final = ((b"content-type", b"application/json; charset=utf-8"),)


class Errors(BaseModel):
    """Every error."""

    errors: list[str] = Field(description="One or more messages in English")


ERROR_SCHEMAS: Final[dict[int, dict[str, Any]]] = {
    304: {"description": "Not modified (`If-None-Match`)"},
    400: {"description": "A required parameter is missing, or one is malformed", "model": Errors},
    401: {"description": "No valid key, or the key's user lacks a permission", "model": Errors},
    404: {"description": "Not found", "model": Errors},
    413: {"description": "The request is too large", "model": Errors},
    422: {"description": "Invalid values", "model": Errors},
    429: {
        "description": "Too many requests",
        "content": {"text/plain": {"schema": {"type": "string", "const": "Retry later\n"}}},
    },
    503: {"description": "The database is unreachable, or too many requests are waiting", "model": Errors},
}

PATH_PARAMS: Final = {
    "boards/id": path_param("id", {"type": "string"}, "The board's number or slug", example="feature-requests"),
    "posts/id": path_param("id", {"type": "integer"}, "The post's number", example=1),
    "comments/id": path_param("id", {"type": "integer"}, "The comment's number", example=1),
    "users/id": path_param("id", {"type": "string"}, "The user's number", example="1"),
    "votes/id": path_param("id", {"type": "integer"}, "The vote's number", example=1),
}


class AstutoRouter(DialectRouter):
    """The router of Astuto's dialect.

    A trailing slash or a format suffix is ignored (`/boards/`, `/posts/3.json`, `/boards.xml`); the response is JSON.
    """

    error_schemas = ERROR_SCHEMAS
    common_errors = (400, 401, 413, 429, 503)
    path_params = PATH_PARAMS

    def get(
        self, path: str, *, errors: Iterable[int] = (), **options: Any
    ) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint for GET, which responds 304 to a client that has the current version."""
        return super().get(path, errors=[*errors, 304], **options)

    def find_route(self, method: str, path: str) -> RouteMatch | MethodNotAllowed | None:
        """See `DialectRouter.find_route`. The suffix that is cut off is not part of an id either."""
        return super().find_route(method, _strip_suffix(path))


def _strip_suffix(path: str) -> str:
    if path[-1] != "/" and "." not in path:
        return path
    parent, slash, segment = path.rstrip("/").rpartition("/")
    name, dot, suffix = segment.rpartition(".")
    # `/posts/.json` has no id, and `/posts/3.` no format.
    return f"{parent}{slash}{name}" if dot and name and suffix else f"{parent}{slash}{segment}"


def ok(body: bytes) -> ApiResponse:
    """200 with a JSON body."""
    return ApiResponse(200, body, JSON)


def updated(row_id: int) -> ApiResponse:
    """200 with the id of the row that was changed."""
    return ApiResponse(200, b'{"id":%d}' % row_id, JSON)


def created(row_id: int) -> ApiResponse:
    """201 with the id of the new row."""
    return ApiResponse(201, b'{"id":%d}' % row_id, JSON)
