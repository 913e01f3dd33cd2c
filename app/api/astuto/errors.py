"""Astuto's error responses: a handler for each error, and the messages, to the letter.

docs/contracts/astuto.md, sections 1.4 and 1.5. The messages are always English, whatever the client accepts.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import orjson

from app.api.astuto.conversions import MissingParam
from app.api.astuto.rack_params import InvalidParam
from app.api.astuto.responses import JSON
from app.api.dialect import ErrorHandlers
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
from app.http.multipart import BodyTooLarge
from app.http.request import Header
from app.http.response import ApiResponse

_CONFLICTS: Final = {
    "vote.taken": ("user_id", "taken"),
    "post.not_pending": ("post", "not_pending"),
    "board.name_taken": ("name", "taken"),
    "user.taken": ("email", "taken"),
}
_TEMPLATES: Final[Mapping[str, str]] = {
    "blank": "cannot be blank",
    "too_short": "is too short (minimum {minimum} characters)",
    "too_long": "is too long (maximum {maximum} characters)",
    "taken": "is already in use",
    "invalid": "is invalid",
    "mandatory": "is mandatory",
    "not_pending": "is not pending approval",
}
_NOT_FOUND: Final = {
    "address": "User with email",
    # A vote was once called a like; clients still see that word.
    "vote": "Like with id",
}


def field_message(field: str, code: str, **limits: object) -> str:
    """The message for one error of one field. `too_short` needs `minimum`, `too_long` needs `maximum`.

    A code without a template becomes `is invalid`, so that a new rule of the domain is not a server error.
    """
    label = field.removesuffix("_id").replace("_", " ").capitalize()
    return f"{label} {_TEMPLATES.get(code, _TEMPLATES['invalid']).format_map(limits)}"


def _respond(status: int, *messages: str, headers: tuple[Header, ...] = ()) -> ApiResponse:
    return ApiResponse(status, orjson.dumps({"errors": messages}), (*JSON, *headers))


ACCESS_DENIED: Final = _respond(401, "Access denied.", headers=((b"www-authenticate", b'Bearer realm="Application"'),))
UNEXPECTED: Final = _respond(500, "An unexpected error occurred.")
_MISSING: Final = _respond(400, "Some parameters are missing from the request. Please check the documentation.")
_WRONG: Final = _respond(400, "Some parameters are wrong in the request. Please check the documentation.")
_NOT_AUTHORIZED: Final = _respond(401, "You are not authorized to perform this action.")
_IMPERSONATION_REFUSED: Final = _respond(401, "Impersonation error: You are not allowed to impersonate other users.")
_IMPERSONATED_UNKNOWN: Final = _respond(401, "Impersonation error: Could not find the user to impersonate.")
_TOO_LARGE: Final = _respond(413, "The request is too large.")
_UNAVAILABLE: Final = _respond(503, "Service temporarily unavailable.", headers=((b"retry-after", b"2"),))


def _not_found(error: NotFound) -> ApiResponse:
    subject = _NOT_FOUND.get(error.resource, f"{error.resource.capitalize()} with id")
    return _respond(404, f"{subject} {error.identifier} not found")


def _forbidden(error: Forbidden) -> ApiResponse:
    if error.permission != Permission.IMPERSONATE:
        return _NOT_AUTHORIZED
    return _IMPERSONATED_UNKNOWN if error.reason == "unknown" else _IMPERSONATION_REFUSED


def _validation_failed(error: ValidationFailed) -> ApiResponse:
    return _respond(422, *(field_message(problem.field, problem.code, **problem.limits) for problem in error.errors))


def _conflict(error: Conflict) -> ApiResponse:
    field, code = _CONFLICTS.get(error.code, (error.code.partition(".")[0], "invalid"))
    return _respond(422, field_message(field, code))


HANDLERS: Final[ErrorHandlers] = {
    NotFound: _not_found,
    Forbidden: _forbidden,
    ValidationFailed: _validation_failed,
    Conflict: _conflict,
    MissingParam: lambda error: _MISSING,
    InvalidParam: lambda error: _WRONG,
    ForeignKeyViolation: lambda error: _WRONG,
    ValueOutOfRange: lambda error: _WRONG,
    BodyTooLarge: lambda error: _TOO_LARGE,
    ServiceUnavailable: lambda error: _UNAVAILABLE,
}
"""The response to each error; see `app.api.dialect.ErrorHandlers`."""


class ReplaceNotFound:
    """Raises another error where a route responds to a missing resource differently from the table.

    A class, because a generator as context manager costs most requests two microseconds.
    """

    __slots__ = ("_replacement", "_resource")

    def __init__(self, resource: str, replacement: Exception) -> None:
        self._resource = resource
        self._replacement = replacement

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, NotFound) and error.resource == self._resource:
            raise self._replacement from error


@contextmanager
def require_reference(resource: str) -> Iterator[None]:
    """Raise the error `mandatory` when the resource is not found, or is deleted before the transaction commits."""
    try:
        yield
    except (NotFound, ForeignKeyViolation) as error:
        if isinstance(error, NotFound) and error.resource != resource:
            raise
        raise ValidationFailed([FieldError(resource, "mandatory")]) from error
