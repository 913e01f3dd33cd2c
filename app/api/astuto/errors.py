"""Refusals in Astuto's words: one table from what the domain says to status and sentence.

docs/contracts/astuto.md, section 1.4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.api.astuto import manners, words
from app.api.body import BodyTooLarge
from app.api.calls import Answer
from app.domain.policy import Act
from app.domain.refusals import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    ReferenceMissing,
    Unavailable,
    Unstorable,
)

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")

ACCESS_DENIED: Final = Answer(
    401, words.ACCESS_DENIED_BODY, (_JSON, (b"www-authenticate", b'Bearer realm="Application"'))
)
UNEXPECTED: Final = Answer(500, words.UNEXPECTED_BODY, (_JSON,))
MISSING: Final = Answer(400, words.MISSING_BODY, (_JSON,))
WRONG: Final = Answer(400, words.WRONG_BODY, (_JSON,))

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
            return _answer(404, words.not_found("user" if what == "address" else what, asked, by=by))
        case Forbidden(Act.IMPERSONATE, why):
            return Answer(
                401,
                words.IMPERSONATED_UNKNOWN_BODY if why == "unknown" else words.IMPERSONATION_REFUSED_BODY,
                (_JSON,),
            )
        case Forbidden():
            return Answer(401, words.NOT_AUTHORIZED_BODY, (_JSON,))
        case Invalid(problems):
            return _answer(422, *(words.sentence(wrong.field, wrong.code, **wrong.limits) for wrong in problems))
        case Conflict(code):
            field, problem = _CONFLICTS.get(code, (code.partition(".")[0], "invalid"))
            return _answer(422, words.sentence(field, problem))
        case Missing():
            return MISSING
        case manners.Unreadable() | manners.Wrong() | ReferenceMissing() | Unstorable():
            return WRONG
        case BodyTooLarge():
            return Answer(413, words.TOO_LARGE_BODY, (_JSON,))
        case Unavailable():
            return Answer(503, words.UNAVAILABLE_BODY, (_JSON, (b"retry-after", b"2")))
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
    return Answer(status, words.errors(*sentences), (_JSON,))
