"""What Astuto's endpoints give back, and how their chapters are declared."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

from pydantic import BaseModel

from app.api.router import Chapter, E
from app.http.request import Answer

JSON: Final = ((b"content-type", b"application/json; charset=utf-8"),)


class Errors(BaseModel):
    """Every refusal."""

    errors: list[str]


class NoRoute(BaseModel):
    status: int
    error: str


REFUSALS: Final[dict[int, dict[str, Any]]] = {
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


class AstutoChapter(Chapter):
    """A chapter of the dialect: what is read carries a tag, and who has it already is told so."""

    def route(
        self, methods: str | Iterable[str], path: str, *, may_refuse: Iterable[int] = (), **more: Any
    ) -> Callable[[E], E]:
        """See `Chapter.route`."""
        refusals = [*may_refuse, 304] if methods == "GET" else may_refuse
        return super().route(methods, path, may_refuse=refusals, **more)


def chapter(tag: str) -> AstutoChapter:
    """A chapter of the dialect."""
    return AstutoChapter(tag, refusals=REFUSALS, always=(400, 401, 413, 429, 503), headers={})


def ok(body: bytes) -> Answer:
    """200 with a JSON body."""
    return Answer(200, body, JSON)


def in_pieces(body: AsyncIterator[bytes]) -> Answer:
    """200 with a JSON body that is written as it comes."""
    return Answer(200, body, JSON)


def written(row_id: int) -> Answer:
    """200 with the id of what was changed."""
    return Answer(200, b'{"id":%d}' % row_id, JSON)


def created(row_id: int) -> Answer:
    """201 with the id of what was made."""
    return Answer(201, b'{"id":%d}' % row_id, JSON)
