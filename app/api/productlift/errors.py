"""Refusals in ProductLift's words: one table from what the domain says to status and message.

docs/contracts/productlift.md, section 4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson

from app.api.productlift.forms import SELECTED, TAKEN, Refused
from app.domain.errors import Conflict, Forbidden, Invalid, NotFound, Problem, ReferenceMissing, Unavailable, Unstorable
from app.http.body import BodyTooLarge
from app.http.request import Answer

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


def message(status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
    """An error with a message alone."""
    return Answer(status, orjson.dumps({"message": text}), (JSON, *headers))


UNAUTHENTICATED: Final = message(401, "Unauthenticated.")
NO_ROUTE: Final = message(404, "")
SERVER_ERROR: Final = message(500, "Server Error")
TOO_LARGE: Final = message(413, "")
UNAVAILABLE: Final = message(503, "Service Unavailable", (b"retry-after", b"2"))


def invalid(errors: dict[str, list[str]]) -> Answer:
    """422 with every failing field."""
    body = {"message": "The given data was invalid.", "errors": errors}
    return Answer(422, orjson.dumps(body), (JSON,))


class EmailUnknown(Exception):
    """Nobody has this address; the one missing thing whose message is no model's."""


def refused(error: Exception) -> Answer | None:
    """The answer to a refusal, or None for an error nobody foresaw."""
    match error:
        case Refused():
            return invalid(error.errors)
        case NotFound("tab"):
            return message(404, "No query results for model [App\\Tab].")
        case NotFound(what, asked):
            return message(404, f"No query results for model [App\\{MODELS[what]}] {_as_sent(asked)}")
        case EmailUnknown():
            return message(404, "User not found")
        case Invalid(problems):
            return invalid(_fields(problems))
        case Conflict(code):
            return message(422, MESSAGES.get(code, "The given data was invalid."))
        case Forbidden("change_sign_in"):
            # Not 401: the key is good, and clients would take it for a bad one.
            return message(422, "The email and password of the owner can only be changed by the owner.")
        case Forbidden():
            # Keys of this dialect are administrators', so nothing else is forbidden; a demotion ends the key.
            return UNAUTHENTICATED
        case ReferenceMissing():
            return message(404, "")
        case Unstorable():
            return message(422, "The given data was invalid.")
        case BodyTooLarge():
            return TOO_LARGE
        case Unavailable():
            return UNAVAILABLE
        case _:
            return None


def _fields(problems: Any) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    problem: Problem
    for problem in problems:
        name = _FIELDS.get(problem.field, problem.field)
        shown = name.replace("_", " ")
        errors.setdefault(name, []).append(_SHOWN.get(problem.code, "The {} is invalid.").format(shown))
    return errors


@contextmanager
def asked_as(**sent: object) -> Iterator[None]:
    """What is not found is named as the client sent it: `asked_as(user=call.path["user"])`."""
    try:
        yield
    except NotFound as missing:
        if missing.what not in sent:
            raise
        raise NotFound(missing.what, sent[missing.what]) from missing


def _as_sent(asked: object) -> str:
    return "" if asked is None else str(asked)
