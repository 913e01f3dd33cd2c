"""Rules of follows: add, remove, list. Votes, comments and posts add most follows themselves, by INSERT_FOLLOW."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, delete, select

from app.domain.models import Follow, Post, User
from app.domain.permissions import Permission
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.sql.statement import PORTAL_ID, Statement, insert_row, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork

_USER: Final = Statement(
    select(User.id)
    .where(row_in_portal(User, "user"), User.deleted_at.is_(None))
    # Waits for a concurrent deletion of the user, after which no row is found.
    .with_for_update(read=True, key_share=True)
)
INSERT_FOLLOW: Final = Statement(insert_row(Follow, "post_id", "user_id").on_conflict_do_nothing())
_DELETE: Final = Statement(
    delete(Follow).where(
        Follow.portal_id == PORTAL_ID, Follow.post_id == bindparam("post"), Follow.user_id == bindparam("user")
    )
)
_PUBLIC_POST: Final = Statement(select(Post.id).where(row_in_portal(Post, "post"), IS_PUBLIC))
_PUBLIC_POSTS: Final = Statement(
    select(Post.id, Post.code, Post.slug, Post.title)
    .join(Follow, Follow.post_id == Post.id)
    .where(Follow.portal_id == PORTAL_ID, Follow.user_id == bindparam("user"), IS_PUBLIC)
    .order_by(Follow.post_id.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)


def add(work: UnitOfWork, *, post_id: int, user_id: int) -> bool:
    """Make the user follow the post; return whether this is new.

    Raises Forbidden, NotFound("post"), NotFound("user").
    """
    work.authorize(Permission.MANAGE_USERS)
    _require_both(work, post_id, user_id)
    return work.execute(INSERT_FOLLOW, post_id=post_id, user_id=user_id) > 0


def remove(work: UnitOfWork, *, post_id: int, user_id: int) -> bool:
    """Stop the user from following the post; return whether the user did. Raises as `add`."""
    work.authorize(Permission.MANAGE_USERS)
    _require_both(work, post_id, user_id)
    return work.execute(_DELETE, post=post_id, user=user_id) > 0


def stop(work: UnitOfWork, *, post_id: int, user_id: int) -> bool:
    """As `remove`, for the user too, and without an error if the post or the user does not exist. Raises Forbidden."""
    work.authorize(Permission.CHOOSE_NOTIFICATIONS, of_user=user_id)
    return work.execute(_DELETE, post=post_id, user=user_id) > 0


def resume(work: UnitOfWork, *, post_id: int, user_id: int) -> bool:
    """As `add`, for the user too, who can follow a post only if visitors can see it."""
    work.authorize(Permission.CHOOSE_NOTIFICATIONS, of_user=user_id)
    work.require_row(_PUBLIC_POST, "post", post_id, post=post_id)
    work.require_row(_USER, "user", user_id, user=user_id)
    return work.execute(INSERT_FOLLOW, post_id=post_id, user_id=user_id) > 0


def list_public(work: UnitOfWork, *, user_id: int, offset: int, limit: int) -> Sequence[Row]:
    """(id, code, slug, title) of the public posts that the user follows, newest first. Raises Forbidden."""
    work.authorize(Permission.CHOOSE_NOTIFICATIONS, of_user=user_id)
    return work.fetch_all(_PUBLIC_POSTS, user=user_id, offset=offset, limit=limit)


def _require_both(work: UnitOfWork, post_id: int, user_id: int) -> None:
    work.require_exists(Post, post_id)
    work.require_row(_USER, "user", user_id, user=user_id)
