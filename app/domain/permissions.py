"""Permissions: one table from permission to minimum role, and the exceptions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.models.users import ROLES


class Permission(StrEnum):
    """What an actor may be allowed to do."""

    READ = "read"
    ADD_BOARD = "add_board"
    WRITE_POST = "write_post"
    MODERATE = "moderate"
    WRITE_COMMENT = "write_comment"
    CAST_VOTE = "cast_vote"
    REGISTER_USER = "register_user"
    MANAGE_USERS = "manage_users"
    BLOCK_USER = "block_user"
    CHANGE_SIGN_IN = "change_sign_in"
    MANAGE_CATALOGUE = "manage_catalogue"
    IMPERSONATE = "impersonate"
    OPERATE = "operate"
    """Portals, their settings, API keys and repairs: for the operator alone."""


ROLE_RANK: Final = {role: rank for rank, role in enumerate(ROLES)}

_MIN_ROLE: Final = {
    Permission.READ: "moderator",
    Permission.ADD_BOARD: "admin",
    Permission.WRITE_POST: "moderator",
    Permission.MODERATE: "moderator",
    Permission.WRITE_COMMENT: "moderator",
    Permission.CAST_VOTE: "moderator",
    Permission.REGISTER_USER: "moderator",
    Permission.MANAGE_USERS: "admin",
    Permission.BLOCK_USER: "moderator",
    Permission.CHANGE_SIGN_IN: "admin",
    Permission.MANAGE_CATALOGUE: "admin",
    Permission.IMPERSONATE: "admin",
    Permission.OPERATE: "owner",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """The user of the API key, or the operator at the command line, who has no user and every permission."""

    user_id: int | None
    role: str
    key_id: int | None = None


OPERATOR: Final = Actor(user_id=None, role="owner")


def is_allowed(actor: Actor, permission: Permission, *, of_role: str | None = None, of_user: int | None = None) -> bool:
    """Whether the actor has the permission. BLOCK_USER and CHANGE_SIGN_IN depend on the user to be changed too."""
    if ROLE_RANK[actor.role] < ROLE_RANK[_MIN_ROLE[permission]]:
        return False
    if permission is Permission.BLOCK_USER and of_role is not None:
        if of_role == "owner" or (of_user is not None and of_user == actor.user_id):
            return False
        # Administrators may block each other; a moderator may block only users of a lower role.
        return ROLE_RANK[actor.role] >= ROLE_RANK["admin"] or ROLE_RANK[of_role] < ROLE_RANK[actor.role]
    if permission is Permission.CHANGE_SIGN_IN and of_role == "owner":
        # With the owner's e-mail or password one can sign in as the owner, and a portal has a single owner.
        return actor.role == "owner"
    if permission is Permission.OPERATE:
        return actor.user_id is None
    return True
