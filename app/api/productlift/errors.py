"""Refusals in ProductLift's words: one table from what the domain says to status and message.

docs/contracts/productlift.md, section 4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson

from app.api.productlift.forms import SELECTED, TAKEN, FormErrors
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
from app.http.body import BodyTooLarge
from app.http.request import ApiResponse

JSON: Final = (b"content-type", b"application/json")

MODELS: Final = {
    "category": "Category",
    "post": "Post",
    "user": "User",
    "tab": "Tab",
    "status": "Status",
    "comment": "Comment",
    "section": "Section",
}
MESSAGES: Final = {
    "vote.taken": "User has already voted.",
    "vote.missing": "User has not voted yet.",
    "post.not_voteable": "Post is not voteable.",
    "user.taken": "User already exists",
    "user.is_owner": "The owner of the portal can not be deleted.",
    "status.is_default": "The default status can not be deleted.",
    "post.not_pending": "Post is not pending approval.",
}
_SHOWN: Final = {
    "taken": TAKEN,
    "owner": SELECTED,
    "misplaced": SELECTED,
    "blank": "The {} field is required.",
    "invalid": "The {} must be a valid email address.",
}
_FIELDS: Final = {"body": "comment"}
"""Fields that have another name here than in the domain."""


def message_response(status: int, text: str, *headers: tuple[bytes, bytes]) -> ApiResponse:
    """An error with a message alone."""
    return ApiResponse(status, orjson.dumps({"message": text}), (JSON, *headers))


UNAUTHENTICATED: Final = message_response(401, "Unauthenticated.")
NO_ROUTE: Final = message_response(404, "")
SERVER_ERROR: Final = message_response(500, "Server Error")
TOO_LARGE: Final = message_response(413, "")
UNAVAILABLE: Final = message_response(503, "Service Unavailable", (b"retry-after", b"2"))


def validation_response(errors: dict[str, list[str]]) -> ApiResponse:
    """422 with every failing field."""
    body = {"message": "The given data was invalid.", "errors": errors}
    return ApiResponse(422, orjson.dumps(body), (JSON,))


class EmailUnknown(Exception):
    """Nobody has this address; the one missing thing whose message is no model's."""


def to_response(error: Exception) -> ApiResponse | None:
    """The answer to a refusal, or None for an error nobody foresaw."""
    match error:
        case FormErrors():
            return validation_response(error.errors)
        case NotFound("tab"):
            return message_response(404, "No query results for model [App\\Tab].")
        case NotFound(what, asked):
            return message_response(404, f"No query results for model [App\\{MODELS[what]}] {_as_sent(asked)}")
        case EmailUnknown():
            return message_response(404, "User not found")
        case ValidationFailed(problems):
            return validation_response(_fields(problems))
        case Conflict(code):
            return message_response(422, MESSAGES.get(code, "The given data was invalid."))
        case Forbidden("change_sign_in"):
            # Not 401: the key is good, and clients would take it for a bad one.
            return message_response(422, "The email and password of the owner can only be changed by the owner.")
        case Forbidden():
            # Keys of this dialect are administrators', so nothing else is forbidden; a demotion ends the key.
            return UNAUTHENTICATED
        case ForeignKeyViolation():
            return message_response(404, "")
        case ValueOutOfRange():
            return message_response(422, "The given data was invalid.")
        case BodyTooLarge():
            return TOO_LARGE
        case ServiceUnavailable():
            return UNAVAILABLE
        case _:
            return None


def _fields(problems: Any) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    problem: FieldError
    for problem in problems:
        name = _FIELDS.get(problem.field, problem.field)
        shown = name.replace("_", " ")
        errors.setdefault(name, []).append(_SHOWN.get(problem.code, "The {} is invalid.").format(shown))
    return errors


@contextmanager
def report_as_sent(**sent: object) -> Iterator[None]:
    """What is not found is named as the client sent it: `report_as_sent(user=call.path["user"])`."""
    try:
        yield
    except NotFound as missing:
        if missing.resource not in sent:
            raise
        raise NotFound(missing.resource, sent[missing.resource]) from missing


def _as_sent(params: object) -> str:
    return "" if params is None else str(params)
