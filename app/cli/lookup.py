"""How commands find a user, a post or a tab by what an operator types, and show a user. The former raise NotFound."""

from collections.abc import Sequence
from typing import Any, Final

from app.domain.errors import NotFound
from app.domain.models import Post, User
from app.domain.portals import tabs
from app.domain.posts.queries import PostQuery
from app.domain.sql.statement import Column
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users.queries import UserQuery

MAX_ID: Final = 2**63 - 1

USER_COLUMNS: Final[dict[str, Column]] = {
    "id": User.id,
    "uuid": User.uuid,
    "email": User.email,
    "name": User.name,
    "role": User.role,
    "blocked": User.blocked_at,
    "deleted": User.deleted_at,
    "posts": User.posts_count,
    "votes": User.votes_count,
    "comments": User.comments_count,
    "created_at": User.created_at,
}
USERS: Final = UserQuery(tuple(USER_COLUMNS.values()), deleted=True)
_POST_IDS: Final = PostQuery((Post.id,))


def find_user(work: UnitOfWork, user: str) -> Row:
    """The row of `USERS` with this id, UUID or email address."""
    if "@" in user:
        try:
            return USERS.by_email(work, user)
        except NotFound:
            raise NotFound("user", user) from None
    if user.isascii() and user.isdigit():
        if not 0 < int(user[:20]) <= MAX_ID:
            raise NotFound("user", user)
        return USERS.by_id(work, int(user))
    return USERS.by_uuid(work, user)


def find_user_id(work: UnitOfWork, user: str) -> int:
    """The id of the user with this id, UUID or email address."""
    return int(find_user(work, user)[0])


def serialize_user(row: Sequence[Any]) -> dict[str, Any]:
    """A row of `USERS` as the commands print it."""
    user = dict(zip(USER_COLUMNS, row, strict=True))
    flags = {name: user[name] is not None for name in ("blocked", "deleted")}
    return {**user, **flags, "created_at": format_seconds(user["created_at"])}


def find_post_id(work: UnitOfWork, post: str) -> int:
    """The id of the post with this id or code."""
    return int(_POST_IDS.by_code_or_id(work, post)[0])


def find_tab_id(work: UnitOfWork, tab: str) -> int:
    """The id of the tab with this URL key, else with this id."""
    if tab.isascii() and tab.isdigit() and len(tab) < 19 and all(url != tab for _, _, url, _ in tabs.list_all(work)):
        return int(tabs.get(work, int(tab))[0])
    return int(tabs.by_url(work, tab)[0])
