"""Refusals in Astuto's words: one table from what the domain says to status and sentence.

docs/contracts/astuto.md, section 1.4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.api.astuto import messages, params
from app.domain.errors import (
    Conflict,
    FieldError,
    Forbidden,
    ForeignKeyViolation,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
    ValueOutOfRange,
)
from app.domain.permissions import Permission
from app.http.body import BodyTooLarge
from app.http.request import ApiResponse

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")

ACCESS_DENIED: Final = ApiResponse(
    401, messages.ACCESS_DENIED_BODY, (_JSON, (b"www-authenticate", b'Bearer realm="Application"'))
)
UNEXPECTED: Final = ApiResponse(500, messages.UNEXPECTED_BODY, (_JSON,))
MISSING: Final = ApiResponse(400, messages.MISSING_BODY, (_JSON,))
WRONG: Final = ApiResponse(400, messages.WRONG_BODY, (_JSON,))

_CONFLICTS: Final = {
    "vote.taken": ("user_id", "taken"),
    "post.not_pending": ("post", "not_pending"),
    "board.name_taken": ("name", "taken"),
    "user.taken": ("email", "taken"),
}


class MissingParam(Exception):
    """A parameter that the contract calls required is absent, null or blank."""


def to_response(error: Exception) -> ApiResponse | None:
    """The answer to a refusal, or None for an error nobody foresaw."""
    match error:
        case NotFound(what, asked):
            by = "email" if what == "address" else "id"
            return _answer(404, messages.not_found_message("user" if what == "address" else what, asked, by=by))
        case Forbidden(Permission.IMPERSONATE, why):
            return ApiResponse(
                401,
                messages.IMPERSONATED_UNKNOWN_BODY if why == "unknown" else messages.IMPERSONATION_REFUSED_BODY,
                (_JSON,),
            )
        case Forbidden():
            return ApiResponse(401, messages.NOT_AUTHORIZED_BODY, (_JSON,))
        case ValidationFailed(problems):
            return _answer(
                422, *(messages.field_message(wrong.field, wrong.code, **wrong.limits) for wrong in problems)
            )
        case Conflict(code):
            field, problem = _CONFLICTS.get(code, (code.partition(".")[0], "invalid"))
            return _answer(422, messages.field_message(field, problem))
        case MissingParam():
            return MISSING
        case params.MalformedRequest() | params.InvalidParam() | ForeignKeyViolation() | ValueOutOfRange():
            return WRONG
        case BodyTooLarge():
            return ApiResponse(413, messages.TOO_LARGE_BODY, (_JSON,))
        case ServiceUnavailable():
            return ApiResponse(503, messages.UNAVAILABLE_BODY, (_JSON, (b"retry-after", b"2")))
        case _:
            return None


@contextmanager
def replace_not_found(resource: str, with_: Exception) -> Iterator[None]:
    """Where one route words a missing thing differently from the table, it says so beside itself."""
    try:
        yield
    except NotFound as missing:
        if missing.resource != resource:
            raise
        raise with_ from missing


def missing_reference(field: str) -> ValidationFailed:
    """`Post is mandatory`: a missing reference among the values, where the contract answers 422 instead of 404."""
    return ValidationFailed([FieldError(field, "mandatory")])


def _answer(status: int, *sentences: str) -> ApiResponse:
    return ApiResponse(status, messages.errors_body(*sentences), (_JSON,))
