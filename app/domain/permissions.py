"""Permissions: one table from permission to minimum role, and the exceptions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from app.domain.models.users import ROLES


class Permission(StrEnum):
    """What an actor may be allowed to do, each with the lowest role that has the permission."""

    min_role: str

    def __new__(cls, value: str, min_role: str) -> Self:
        permission = str.__new__(cls, value)
        permission._value_ = value
        permission.min_role = min_role
        return permission

    VIEW = "view", "visitor"
    """What the pages show. Each query returns only what the actor may see: see `app.domain.posts.visibility`."""
    READ = "read", "moderator"
    ADD_BOARD = "add_board", "admin"
    WRITE_POST = "write_post", "moderator"
    MODERATE = "moderate", "moderator"
    WRITE_COMMENT = "write_comment", "moderator"
    CAST_VOTE = "cast_vote", "moderator"
    REGISTER_USER = "register_user", "moderator"
    MANAGE_USERS = "manage_users", "admin"
    BLOCK_USER = "block_user", "moderator"
    CHANGE_SIGN_IN = "change_sign_in", "admin"
    MANAGE_CATALOGUE = "manage_catalogue", "admin"
    WRITE_FEEDBACK = "write_feedback", "moderator"
    EDIT_VISION = "edit_vision", "admin"
    CHOOSE_NOTIFICATIONS = "choose_notifications", "user"
    MANAGE_ACCOUNT = "manage_account", "user"
    """Sessions, passkeys, profile and the like: for the user alone, signed in, and the operator."""
    MANAGE_KEYS = "manage_keys", "moderator"
    """As MANAGE_ACCOUNT. A role may have the keys that `key_formats` says."""
    IMPERSONATE = "impersonate", "admin"
    OPERATE = "operate", "owner"
    """Portals, their settings, API keys and repairs: for the operator alone."""


ROLE_RANK: Final = {role: rank for rank, role in enumerate(("visitor", *ROLES))}
_FOR_ONESELF: Final = frozenset({Permission.CAST_VOTE, Permission.WRITE_POST, Permission.WRITE_COMMENT})
"""What every user may do in their own name and with what is theirs, on the pages. API keys have higher roles."""
_FOR_ACCOUNT: Final = frozenset({Permission.MANAGE_ACCOUNT, Permission.MANAGE_KEYS})


@dataclass(frozen=True, slots=True)
class Actor:
    """The user of an API key or a session, the operator, who has no user and every permission, or a visitor."""

    user_id: int | None
    role: str
    key_id: int | None = None
    session_id: int | None = None
    """The session on the pages; a change of one's own password does not end it."""


OPERATOR: Final = Actor(user_id=None, role="owner")
VISITOR: Final = Actor(user_id=None, role="visitor")
"""Somebody who is not signed in."""


def is_team(actor: Actor) -> bool:
    """Whether the actor is a moderator or has a higher role."""
    return ROLE_RANK[actor.role] >= ROLE_RANK["moderator"]


def is_operator(actor: Actor) -> bool:
    """Whether this is the operator: a command, or the server itself."""
    return actor.user_id is None and actor.role == OPERATOR.role


def is_allowed(actor: Actor, permission: Permission, *, of_role: str | None = None, of_user: int | None = None) -> bool:
    """Whether the actor has the permission.

    BLOCK_USER, CHANGE_SIGN_IN, CHOOSE_NOTIFICATIONS, MANAGE_ACCOUNT and MANAGE_KEYS depend on the user to be changed
    too. Every user may cast votes and write posts and comments as `of_user`, if that is the actor.
    """
    if ROLE_RANK[actor.role] < ROLE_RANK[permission.min_role]:
        return permission in _FOR_ONESELF and of_user is not None and of_user == actor.user_id
    if permission is Permission.BLOCK_USER and of_role is not None:
        if of_role == "owner" or (of_user is not None and of_user == actor.user_id):
            return False
        # Administrators may block each other; a moderator may block only users of a lower role.
        return ROLE_RANK[actor.role] >= ROLE_RANK["admin"] or ROLE_RANK[of_role] < ROLE_RANK[actor.role]
    if permission is Permission.CHANGE_SIGN_IN and of_role == "owner":
        # With the owner's e-mail or password one can sign in as the owner, and a portal has a single owner.
        return actor.role == "owner"
    if permission is Permission.CHOOSE_NOTIFICATIONS and (of_user is None or of_user != actor.user_id):
        return ROLE_RANK[actor.role] >= ROLE_RANK[Permission.MANAGE_USERS.min_role]
    if permission in _FOR_ACCOUNT:
        return is_operator(actor) or (of_user is not None and of_user == actor.user_id and actor.key_id is None)
    if permission is Permission.OPERATE:
        return is_operator(actor)
    return True
