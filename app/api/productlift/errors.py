"""ProductLift's error responses: a handler for each error of the domain and of reading the request.

docs/contracts/productlift.md, section 4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import orjson

from app.api.dialect import ErrorHandlers
from app.api.productlift.forms import SELECTED, TAKEN, FormErrors
from app.api.productlift.responses import JSON
from app.domain.errors import (
    Conflict,
    Forbidden,
    ForeignKeyViolation,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
    ValueOutOfRange,
)
from app.http.multipart import BodyTooLarge
from app.http.response import ApiResponse

MESSAGES: Final = {
    "vote.taken": "User has already voted.",
    "vote.missing": "User has not voted yet.",
    "post.not_voteable": "Post is not voteable.",
    "user.taken": "User already exists",
    "user.is_owner": "The owner of the portal can not be deleted.",
    "status.is_default": "The default status can not be deleted.",
    "post.not_pending": "Post is not pending approval.",
}
_FIELD_MESSAGES: Final = {
    "taken": TAKEN,
    "owner": SELECTED,
    "misplaced": SELECTED,
    "blank": "The {} field is required.",
    "invalid": "The {} must be a valid email address.",
    "too_long": "The {} must not be greater than {maximum} characters.",
}
_FIELDS: Final = {"body": "comment"}
"""Fields with another name in the domain than here."""


def message_response(status: int, text: str, *headers: tuple[bytes, bytes]) -> ApiResponse:
    """An error with a message alone."""
    return ApiResponse(status, orjson.dumps({"message": text}), (*JSON, *headers))


UNAUTHENTICATED: Final = message_response(401, "Unauthenticated.")
NO_ROUTE: Final = message_response(404, "")
SERVER_ERROR: Final = message_response(500, "Server Error")
NO_TEXT_ASSISTANCE: Final = message_response(501, "Text assistance is not available on this server.")
_NOT_FOUND: Final = message_response(404, "")
_INVALID: Final = message_response(422, "The given data was invalid.")
_TOO_LARGE: Final = message_response(413, "")
_UNAVAILABLE: Final = message_response(503, "Service Unavailable", (b"retry-after", b"2"))


def validation_response(errors: dict[str, list[str]]) -> ApiResponse:
    """422 with every invalid field."""
    body = {"message": "The given data was invalid.", "errors": errors}
    return ApiResponse(422, orjson.dumps(body), JSON)


class EmailUnknown(Exception):
    """No user has this email. Unlike the other 404s, its message does not name a model."""


def _not_found(error: NotFound) -> ApiResponse:
    if error.resource == "tab":
        return message_response(404, "No query results for model [App\\Tab].")
    identifier = "" if error.identifier is None else str(error.identifier)
    return message_response(404, f"No query results for model [App\\{error.resource.capitalize()}] {identifier}")


def _validation_failed(error: ValidationFailed) -> ApiResponse:
    messages: dict[str, list[str]] = {}
    for problem in error.errors:
        name = _FIELDS.get(problem.field, problem.field)
        message = _FIELD_MESSAGES.get(problem.code, "The {} is invalid.")
        message = message.format(name.replace("_", " "), **problem.limits)
        messages.setdefault(name, []).append(message)
    return validation_response(messages)


def _forbidden(error: Forbidden) -> ApiResponse:
    if error.permission == "change_sign_in":
        # Not 401: the key is valid, and clients would take it for an invalid one.
        return message_response(422, "The email and password of the owner can only be changed by the owner.")
    # Keys of this dialect are administrators', so nothing else is forbidden; a demotion revokes the key.
    return UNAUTHENTICATED


HANDLERS: Final[ErrorHandlers] = {
    FormErrors: lambda error: validation_response(error.errors),
    NotFound: _not_found,
    EmailUnknown: lambda error: message_response(404, "User not found"),
    ValidationFailed: _validation_failed,
    Conflict: lambda error: message_response(422, MESSAGES.get(error.code, "The given data was invalid.")),
    Forbidden: _forbidden,
    ForeignKeyViolation: lambda error: _NOT_FOUND,
    ValueOutOfRange: lambda error: _INVALID,
    BodyTooLarge: lambda error: _TOO_LARGE,
    ServiceUnavailable: lambda error: _UNAVAILABLE,
}
"""The response to each error; see `app.api.dialect.ErrorHandlers`."""


@contextmanager
def report_as_sent(**identifiers: object) -> Iterator[None]:
    """Have NotFound name the identifier as the client sent it: `report_as_sent(user=request.path_params["user"])`."""
    try:
        yield
    except NotFound as error:
        if error.resource not in identifiers:
            raise
        raise NotFound(error.resource, identifiers[error.resource]) from error
