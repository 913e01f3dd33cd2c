"""Refusals in Astuto's words: one table from what the domain says to status and sentence.

docs/contracts/astuto.md, section 1.4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.api.astuto import messages, params
from app.domain.errors import Conflict, Forbidden, Invalid, NotFound, Problem, ReferenceMissing, Unavailable, Unstorable
from app.domain.permissions import Act
from app.http.body import BodyTooLarge
from app.http.request import Answer

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")

ACCESS_DENIED: Final = Answer(
    401, messages.ACCESS_DENIED_BODY, (_JSON, (b"www-authenticate", b'Bearer realm="Application"'))
)
UNEXPECTED: Final = Answer(500, messages.UNEXPECTED_BODY, (_JSON,))
MISSING: Final = Answer(400, messages.MISSING_BODY, (_JSON,))
WRONG: Final = Answer(400, messages.WRONG_BODY, (_JSON,))

_CONFLICTS: Final = {
    "vote.taken": ("user_id", "taken"),
    "post.not_pending": ("post", "not_pending"),
    "board.name_taken": ("name", "taken"),
    "user.taken": ("email", "taken"),
}


class Missing(Exception):
    """A parameter that the contract calls required is absent, null or blank."""


def refused(error: Exception) -> Answer | None:
    """The answer to a refusal, or None for an error nobody foresaw."""
    match error:
        case NotFound(what, asked):
            by = "email" if what == "address" else "id"
            return _answer(404, messages.not_found("user" if what == "address" else what, asked, by=by))
        case Forbidden(Act.IMPERSONATE, why):
            return Answer(
                401,
                messages.IMPERSONATED_UNKNOWN_BODY if why == "unknown" else messages.IMPERSONATION_REFUSED_BODY,
                (_JSON,),
            )
        case Forbidden():
            return Answer(401, messages.NOT_AUTHORIZED_BODY, (_JSON,))
        case Invalid(problems):
            return _answer(422, *(messages.sentence(wrong.field, wrong.code, **wrong.limits) for wrong in problems))
        case Conflict(code):
            field, problem = _CONFLICTS.get(code, (code.partition(".")[0], "invalid"))
            return _answer(422, messages.sentence(field, problem))
        case Missing():
            return MISSING
        case params.Unreadable() | params.Wrong() | ReferenceMissing() | Unstorable():
            return WRONG
        case BodyTooLarge():
            return Answer(413, messages.TOO_LARGE_BODY, (_JSON,))
        case Unavailable():
            return Answer(503, messages.UNAVAILABLE_BODY, (_JSON, (b"retry-after", b"2")))
        case _:
            return None


@contextmanager
def reworded(what: str, instead: Exception) -> Iterator[None]:
    """Where one route words a missing thing differently from the table, it says so beside itself."""
    try:
        yield
    except NotFound as missing:
        if missing.what != what:
            raise
        raise instead from missing


def mandatory(field: str) -> Invalid:
    """`Post is mandatory`: a missing reference among the values, where the contract answers 422 instead of 404."""
    return Invalid([Problem(field, "mandatory")])


def _answer(status: int, *sentences: str) -> Answer:
    return Answer(status, messages.errors(*sentences), (_JSON,))
