"""Error messages for operators: the problem, and the remedy if there is one."""

from typing import Final

from app.adapters.problem import Problem
from app.cli.field_errors import describe_field
from app.domain.errors import (
    Conflict,
    DomainError,
    Forbidden,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
    ValueOutOfRange,
)
from app.domain.permissions import Permission


class CommandError(Exception):
    """A command can't do what it was called for; the text is one line that says what to do."""


EXPECTED_ERRORS: Final = (
    CommandError,
    DomainError,
    Problem,
    ServiceUnavailable,
)
"""The errors that end a command with exit code 1 and a message instead of a traceback."""

_CONFLICTS: Final = {
    "user.taken": "there is a user with this address already",
    "owner.taken": (
        "the portal has an owner already, and can have only one; to change it: earshot users transfer-ownership USER"
    ),
    "owner.unchanged": "this user is the owner already",
    "owner.blocked": "a blocked user can't be the owner: unblock the user first (earshot users unblock USER)",
    "user.is_owner": (
        "the owner of a portal can't be deleted: transfer the ownership first (earshot users transfer-ownership USER)"
    ),
    "invitation.no_address": "this user has no address: set one first (earshot users edit USER --email EMAIL)",
    "invitation.has_password": "this user has a password already, and needs no invitation",
    "invitation.blocked": (
        "this user is blocked, and can't be invited: unblock the user first (earshot users unblock USER)"
    ),
    "sign_in.blocked": ("this user is blocked, and can't sign in: unblock the user first (earshot users unblock USER)"),
    "sign_in.awaits_approval": (
        "this user awaits approval, and can't sign in: approve the account first (earshot users approve USER)"
    ),
    "approval.not_awaited": "this user does not await approval",
    "provider.too_many": (
        "a portal has at most {maximum} identity providers: delete one first (earshot identity-providers delete ID)"
    ),
    "provider.name_taken": "another identity provider of this portal has this name",
    "provider.client_taken": "another identity provider of this portal has this issuer and client id",
    "key.user_deleted": "this user is deleted, and can't have a key",
    "key.user_blocked": (
        "this user is blocked, and can't have a key: unblock the user first (earshot users unblock USER)"
    ),
    "key.role_too_low": (
        "this user has the role {role}, but a key of the dialect {dialect} needs at least the role {min_role}: "
        "change it first (earshot users role USER {min_role})"
    ),
    "key.known": "this key exists already",
    "widget.taken": "a widget of this server has this id already",
    "key.revoked": "the key is revoked for good: create another with `earshot keys create`",
    "portal.host_taken": "another portal has this host",
    "portal.last": "the only portal can't be deleted: create another one first (earshot portals create)",
    "board.default": "this is the default board: make another one the default first (earshot boards edit ID --default)",
    "tab.in_use": "the tab has statuses or sections: move or delete these first",
    "status.is_default": "this is the default status: make another one the default first",
    "post.not_pending": "the post is not pending",
    "webhook.too_many": "a portal has at most {maximum} webhooks: delete one first (earshot webhooks delete ID)",
    "webhook.description_taken": "another webhook of this portal has this description",
    "delivery.emptied": "delivery {id} can't be repeated, because its content contained a secret and was deleted",
    "delivery.running": "delivery {id} is being attempted: wait until the attempt has ended",
}

_OTHER_SECRET: Final = Problem(
    "the keys in the database were created with another secret",
    "restore its secret.key in the data directory, or set EARSHOT_SECRET_KEY to it; "
    "to accept this secret and revoke all keys: earshot secret accept",
)


def error_message(error: Exception) -> str:
    """The error in one line."""
    return " ".join(_message(error).split())


def error_lines(error: Exception) -> str:
    """The error for a terminal: a line with the problem, and below it a line with the remedy, if there is one."""
    problem = _to_problem(error)
    return error_message(error) if problem is None else f"{problem.state}\n  -> {problem.remedy}"


def _to_problem(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Conflict) and error.code == "secret.other":
        return _OTHER_SECRET
    if isinstance(error, ServiceUnavailable):
        return Problem(error_message(error), "see what `earshot doctor` reports, and try again")
    return None


def _message(error: Exception) -> str:
    if isinstance(error, NotFound):
        return f"there is no {error.resource} {'' if error.identifier is None else error.identifier}".rstrip()
    if isinstance(error, Conflict):
        if error.code == "secret.other":
            return str(_OTHER_SECRET)
        return _CONFLICTS.get(error.code, error.code).format(**error.values)
    if isinstance(error, ValidationFailed):
        return "; ".join(map(describe_field, error.errors))
    if isinstance(error, Forbidden):
        if error.permission == Permission.BLOCK_USER:
            return "the owner of a portal can't be blocked"
        return f"this is not allowed: {error.permission.replace('_', ' ')}"
    if isinstance(error, ValueOutOfRange):
        return "a value is too long or too large to be stored"
    return str(error) or type(error).__name__
