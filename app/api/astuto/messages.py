"""The messages of Astuto's errors, to the letter; `errors` chooses among them.

docs/contracts/astuto.md, sections 1.4, 1.5 and 1.9. Always English, whatever the client accepts.
"""

from collections.abc import Mapping
from typing import Final

import orjson

FIELD_LABELS: Final[Mapping[str, str]] = {
    "board_id": "Board",
    "post_id": "Post",
    "user_id": "User",
    "full_name": "Full name",
}
"""Labels that are not the name with a capital letter."""

TEMPLATES: Final[Mapping[str, str]] = {
    "blank": "cannot be blank",
    "too_short": "is too short (minimum {minimum} characters)",
    "too_long": "is too long (maximum {maximum} characters)",
    "taken": "is already in use",
    "invalid": "is invalid",
    "mandatory": "is mandatory",
    "not_pending": "is not pending approval",
}

MISSING: Final = "Some parameters are missing from the request. Please check the documentation."
WRONG: Final = "Some parameters are wrong in the request. Please check the documentation."
ACCESS_DENIED: Final = "Access denied."
NOT_AUTHORIZED: Final = "You are not authorized to perform this action."
IMPERSONATION_REFUSED: Final = "Impersonation error: You are not allowed to impersonate other users."
IMPERSONATED_UNKNOWN: Final = "Impersonation error: Could not find the user to impersonate."
UNEXPECTED: Final = "An unexpected error occurred."
TOO_LARGE: Final = "The request is too large."
UNAVAILABLE: Final = "Service temporarily unavailable."

RESOURCE_NAMES: Final[Mapping[str, str]] = {
    "board": "Board",
    "post": "Post",
    "comment": "Comment",
    "user": "User",
    # A vote was once called a like; clients still see that word.
    "vote": "Like",
}


def field_message(field: str, code: str, **limits: object) -> str:
    """The message for one error of one field. `too_short` needs `minimum`, `too_long` needs `maximum`.

    A code without a template becomes `is invalid`, so that a new rule of the domain is not a server error.
    """
    label = FIELD_LABELS.get(field) or field.replace("_", " ").capitalize()
    return f"{label} {TEMPLATES.get(code, TEMPLATES['invalid']).format_map(limits)}"


def not_found_message(resource: str, identifier: object, *, by: str = "id") -> str:
    """The message for a missing resource. `by` is `id` or `email`; the identifier is repeated as it was sent."""
    return f"{RESOURCE_NAMES[resource]} with {by} {'' if identifier is None else identifier} not found"


def errors_body(*sentences: str) -> bytes:
    """The body of every error: one object with one member."""
    return orjson.dumps({"errors": sentences})


MISSING_BODY: Final = errors_body(MISSING)
WRONG_BODY: Final = errors_body(WRONG)
ACCESS_DENIED_BODY: Final = errors_body(ACCESS_DENIED)
NOT_AUTHORIZED_BODY: Final = errors_body(NOT_AUTHORIZED)
IMPERSONATION_REFUSED_BODY: Final = errors_body(IMPERSONATION_REFUSED)
IMPERSONATED_UNKNOWN_BODY: Final = errors_body(IMPERSONATED_UNKNOWN)
UNEXPECTED_BODY: Final = errors_body(UNEXPECTED)
TOO_LARGE_BODY: Final = errors_body(TOO_LARGE)
UNAVAILABLE_BODY: Final = errors_body(UNAVAILABLE)
NO_ROUTE_BODY: Final = b'{"status":404,"error":"Not Found"}'
RETRY_LATER_BODY: Final = b"Retry later\n"
