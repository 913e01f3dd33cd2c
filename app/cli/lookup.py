"""How commands name a user: by id, by UUID or by address."""

from typing import Final

from app.domain.errors import NotFound
from app.domain.models import User
from app.domain.unit_of_work import Row, Work
from app.domain.users.queries import UserView

CARD: Final = UserView(
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


def named(work: Work, name: str) -> Row:
    """The CARD of a user. Raises NotFound("user")."""
    if "@" in name:
        try:
            return CARD.by_email(work, name)
        except NotFound:
            raise NotFound("user", name) from None
    if name.isascii() and name.isdigit():
        if not 0 < int(name[:20]) < 2**63:
            raise NotFound("user", name)
        return CARD.by_id(work, int(name))
    return CARD.by_uuid(work, name)


def id_of(work: Work, name: str) -> int:
    """The id of a user. Raises NotFound("user")."""
    return int(named(work, name)[0])
