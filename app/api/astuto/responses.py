"""What Astuto's endpoints give back, and how their chapters are declared."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

from pydantic import BaseModel

from app.api.router import DialectRouter, E
from app.http.request import ApiResponse

JSON: Final = ((b"content-type", b"application/json; charset=utf-8"),)


class Errors(BaseModel):
    """Every refusal."""

    errors: list[str]


class NoRoute(BaseModel):
    status: int
    error: str


ERROR_SCHEMAS: Final[dict[int, dict[str, Any]]] = {
    304: {"description": "You have this version already (`If-None-Match`)"},
    400: {"description": "A required parameter is missing, or one can't be read", "model": Errors},
    401: {"description": "No valid key, or the key's user may not do this", "model": Errors},
    404: {"description": "There is no such thing", "model": Errors},
    413: {"description": "The request is too large", "model": Errors},
    422: {"description": "The values break a rule", "model": Errors},
    429: {
        "description": "Too many requests",
        "content": {"text/plain": {"schema": {"type": "string", "const": "Retry later\n"}}},
    },
    503: {"description": "Not now: the database can't be reached, or too many requests wait", "model": Errors},
}


class AstutoRouter(DialectRouter):
    """A chapter of the dialect: what is read carries a tag, and who has it already is told so."""

    def route(
        self, methods: str | Iterable[str], path: str, *, errors: Iterable[int] = (), **more: Any
    ) -> Callable[[E], E]:
        """See `DialectRouter.route`."""
        statuses = [*errors, 304] if methods == "GET" else errors
        return super().route(methods, path, errors=statuses, **more)


def make_router(tag: str) -> AstutoRouter:
    """A chapter of the dialect."""
    return AstutoRouter(tag, refusals=ERROR_SCHEMAS, always=(400, 401, 413, 429, 503), headers={})


def ok(body: bytes) -> ApiResponse:
    """200 with a JSON body."""
    return ApiResponse(200, body, JSON)


def streamed(body: AsyncIterator[bytes]) -> ApiResponse:
    """200 with a JSON body that is written as it comes."""
    return ApiResponse(200, body, JSON)


def updated(row_id: int) -> ApiResponse:
    """200 with the id of what was changed."""
    return ApiResponse(200, b'{"id":%d}' % row_id, JSON)


def created(row_id: int) -> ApiResponse:
    """201 with the id of what was made."""
    return ApiResponse(201, b'{"id":%d}' % row_id, JSON)
