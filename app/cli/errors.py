"""Refusals in an operator's words: one line each, which names the thing and, where there is one, the remedy."""

from typing import Final

from app.adapters.database.inspection import ForeignSchema
from app.adapters.database.revisions import NewerDatabase
from app.domain.errors import (
    Conflict,
    DomainError,
    FieldError,
    Forbidden,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
    ValueOutOfRange,
)
from app.domain.permissions import Permission
from app.server import StartupError
from app.settings import InvalidSettings


class CommandError(Exception):
    """A command refuses; the text is one line that says what to do."""


REFUSALS: Final = (
    CommandError,
    DomainError,
    InvalidSettings,
    StartupError,
    NewerDatabase,
    ForeignSchema,
    ServiceUnavailable,
)
"""Everything that ends a command with code 1 and one line."""

_CONFLICTS: Final = {
    "user.taken": "there is a user with this address already",
    "owner.taken": "the portal has an owner already, and only one",
    "key.not_entitled": (
        "this user may not have such a key: for Astuto's dialect one must be at least a moderator, for ProductLift's "
        "an administrator, and not blocked"
    ),
    "secret.other": (
        "the keys in the database were made with another secret: put its secret.key back into the data directory, or "
        "set EARSHOT_SECRET_KEY to it; to go on with this secret and end all keys: earshot secret accept"
    ),
    "key.known": "this key is known already",
    "portal.host_taken": "another portal has this host",
    "board.default": "this is the default board: make another one the default first (earshot boards edit ID --default)",
    "tab.in_use": "the tab has statuses or sections: move or delete these first",
    "status.is_default": "this is the default status: make another one the default first",
    "post.not_pending": "the post is not pending",
}
_PROBLEMS: Final = {
    "blank": "must not be blank",
    "taken": "is taken",
    "invalid": "is not valid",
    "too_long": "must have at most {maximum} characters",
    "owner": "can't be changed: a portal has one owner, who stays it",
    "misplaced": "lies on another tab, or below the section itself",
    "mandatory": "is missing",
}


def error_message(error: Exception) -> str:
    """One line for a refusal."""
    return " ".join(_said(error).split())


def _said(error: Exception) -> str:
    if isinstance(error, NotFound):
        return f"there is no {error.resource} {'' if error.identifier is None else error.identifier}".rstrip()
    if isinstance(error, Conflict):
        return _CONFLICTS.get(error.code, error.code)
    if isinstance(error, ValidationFailed):
        return "; ".join(map(_problem, error.errors))
    if isinstance(error, Forbidden):
        if error.permission == Permission.BLOCK_USER:
            return "the owner of a portal can't be blocked"
        return f"this is not allowed: {error.permission.replace('_', ' ')}"
    if isinstance(error, ValueOutOfRange):
        return "a value is too long or too large to be stored"
    return str(error) or type(error).__name__


def _problem(problem: FieldError) -> str:
    text = _PROBLEMS.get(problem.code, problem.code)
    return f"{problem.field.replace('_', ' ')} {text.format(**problem.limits)}"
