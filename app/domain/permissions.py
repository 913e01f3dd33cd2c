"""Who may do what: one table from act to least role, and the few exceptions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.errors import Forbidden
from app.domain.models.users import ROLES


class Act(StrEnum):
    """What the policy is asked about."""

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


RANK: Final = {role: rank for rank, role in enumerate(ROLES)}

_LEAST: Final = {
    Act.READ: "moderator",
    Act.ADD_BOARD: "admin",
    Act.WRITE_POST: "moderator",
    Act.MODERATE: "moderator",
    Act.WRITE_COMMENT: "moderator",
    Act.CAST_VOTE: "moderator",
    Act.REGISTER_USER: "moderator",
    Act.MANAGE_USERS: "admin",
    Act.BLOCK_USER: "moderator",
    Act.CHANGE_SIGN_IN: "admin",
    Act.MANAGE_CATALOGUE: "admin",
    Act.IMPERSONATE: "admin",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the user whose key was presented, or the operator at the command line (no user, every right)."""

    user_id: int | None
    role: str
    key_id: int | None = None


OPERATOR: Final = Actor(user_id=None, role="owner")


def may(actor: Actor, act: Act, *, of_role: str | None = None, of_user: int | None = None) -> bool:
    """Whether the actor may. For BLOCK_USER and CHANGE_SIGN_IN, `of_role` and `of_user` say whose."""
    if RANK[actor.role] < RANK[_LEAST[act]]:
        return False
    if act is Act.BLOCK_USER and of_role is not None:
        if of_role == "owner" or (of_user is not None and of_user == actor.user_id):
            return False
        # Administrators may block each other; below them, only who stands lower.
        return RANK[actor.role] >= RANK["admin"] or RANK[of_role] < RANK[actor.role]
    if act is Act.CHANGE_SIGN_IN and of_role == "owner":
        # Whoever has the e-mail or the password of the owner becomes the owner. A portal has one.
        return actor.role == "owner"
    return True


def require(actor: Actor, act: Act, *, of_role: str | None = None, of_user: int | None = None) -> None:
    """Raise Forbidden unless the actor may."""
    if not may(actor, act, of_role=of_role, of_user=of_user):
        raise Forbidden(act)
