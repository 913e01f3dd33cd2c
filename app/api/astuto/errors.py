"""Astuto's error responses: a handler for each error of the domain and of reading the request.

docs/contracts/astuto.md, section 1.4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.api.astuto import messages
from app.api.astuto.rack_params import InvalidParam
from app.api.dialect import ErrorHandlers
from app.domain.errors import (
    Conflict,
    Forbidden,
    ForeignKeyViolation,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
    ValueOutOfRange,
)
from app.domain.permissions import Permission
from app.http.body import BodyTooLarge
from app.http.response import ApiResponse

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")

_CONFLICTS: Final = {
    "vote.taken": ("user_id", "taken"),
    "post.not_pending": ("post", "not_pending"),
    "board.name_taken": ("name", "taken"),
    "user.taken": ("email", "taken"),
}


class MissingParam(Exception):
    """A parameter that the contract calls required is absent, null or blank."""


class MissingReference(Exception):
    """A parameter refers to a row that does not exist, where the contract responds 422 and not 404."""

    def __init__(self, resource: str) -> None:
        super().__init__(resource)
        self.resource = resource


def _respond(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> ApiResponse:
    return ApiResponse(status, body, (_JSON, *headers))


ACCESS_DENIED: Final = _respond(401, messages.ACCESS_DENIED_BODY, (b"www-authenticate", b'Bearer realm="Application"'))
UNEXPECTED: Final = _respond(500, messages.UNEXPECTED_BODY)
_MISSING: Final = _respond(400, messages.MISSING_BODY)
_WRONG: Final = _respond(400, messages.WRONG_BODY)
_TOO_LARGE: Final = _respond(413, messages.TOO_LARGE_BODY)
_UNAVAILABLE: Final = _respond(503, messages.UNAVAILABLE_BODY, (b"retry-after", b"2"))


def _not_found(error: NotFound) -> ApiResponse:
    if error.resource == "address":
        return _respond(404, messages.errors_body(messages.not_found_message("user", error.identifier, by="email")))
    return _respond(404, messages.errors_body(messages.not_found_message(error.resource, error.identifier)))


def _forbidden(error: Forbidden) -> ApiResponse:
    if error.permission != Permission.IMPERSONATE:
        return _respond(401, messages.NOT_AUTHORIZED_BODY)
    if error.reason == "unknown":
        return _respond(401, messages.IMPERSONATED_UNKNOWN_BODY)
    return _respond(401, messages.IMPERSONATION_REFUSED_BODY)


def _validation_failed(error: ValidationFailed) -> ApiResponse:
    sentences = [messages.field_message(problem.field, problem.code, **problem.limits) for problem in error.errors]
    return _respond(422, messages.errors_body(*sentences))


def _conflict(error: Conflict) -> ApiResponse:
    field, code = _CONFLICTS.get(error.code, (error.code.partition(".")[0], "invalid"))
    return _respond(422, messages.errors_body(messages.field_message(field, code)))


def _missing_reference(error: MissingReference) -> ApiResponse:
    return _respond(422, messages.errors_body(messages.field_message(error.resource, "mandatory")))


HANDLERS: Final[ErrorHandlers] = {
    NotFound: _not_found,
    Forbidden: _forbidden,
    ValidationFailed: _validation_failed,
    Conflict: _conflict,
    MissingReference: _missing_reference,
    MissingParam: lambda error: _MISSING,
    InvalidParam: lambda error: _WRONG,
    ForeignKeyViolation: lambda error: _WRONG,
    ValueOutOfRange: lambda error: _WRONG,
    BodyTooLarge: lambda error: _TOO_LARGE,
    ServiceUnavailable: lambda error: _UNAVAILABLE,
}
"""The response to each error; see `app.api.dialect.ErrorHandlers`."""


@contextmanager
def replace_not_found(resource: str, with_: Exception) -> Iterator[None]:
    """Raise another error where a route responds to a missing resource differently from the table."""
    try:
        yield
    except NotFound as error:
        if error.resource != resource:
            raise
        raise with_ from error


@contextmanager
def require_reference(resource: str) -> Iterator[None]:
    """Raise MissingReference when the resource is not found, or is deleted before the transaction commits."""
    try:
        yield
    except NotFound as error:
        if error.resource != resource:
            raise
        raise MissingReference(resource) from error
    except ForeignKeyViolation as error:
        raise MissingReference(resource) from error
