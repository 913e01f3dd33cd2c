"""How commands name a user: by id, by UUID or by address."""

from typing import Final

from app.domain.errors import NotFound
from app.domain.models import User
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users.queries import UserQuery

USER_COLUMNS: Final = UserQuery(
    (
        User.id,
        User.uuid,
        User.email,
        User.name,
        User.role,
        User.blocked_at,
        User.deleted_at,
        User.posts_count,
        User.votes_count,
        User.comments_count,
        User.created_at,
    ),
    deleted=True,
)


def find_user(work: UnitOfWork, name: str) -> Row:
    """The CARD of a user. Raises NotFound("user")."""
    if "@" in name:
        try:
            return USER_COLUMNS.by_email(work, name)
        except NotFound:
            raise NotFound("user", name) from None
    if name.isascii() and name.isdigit():
        if not 0 < int(name[:20]) < 2**63:
            raise NotFound("user", name)
        return USER_COLUMNS.by_id(work, int(name))
    return USER_COLUMNS.by_uuid(work, name)


def find_user_id(work: UnitOfWork, name: str) -> int:
    """The id of a user. Raises NotFound("user")."""
    return int(find_user(work, name)[0])
