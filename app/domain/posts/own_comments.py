"""The comments that the actor has written, with the posts that they are on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, bindparam, func, not_, select

from app.domain.errors import Forbidden
from app.domain.models import Comment, Post
from app.domain.permissions import Permission, is_team
from app.domain.posts import visibility
from app.domain.sql.statement import Statement, in_portal_unindexed
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import UnitOfWork

PAGE_COMMENTS: Final = 20
MAX_EXCERPT: Final = 500
"""Characters of a comment in the list."""

_ROWS: Final = (
    select(
        Comment.id,
        func.substr(Comment.body, 1, MAX_EXCERPT),
        Comment.internal,
        Comment.created_at,
        Post.code,
        Post.slug,
        Post.title,
    )
    .join(Post, Post.id == Comment.post_id)
    .where(in_portal_unindexed(Comment), Comment.user_id == bindparam("author", type_=BigInteger))
    .order_by(Comment.created_at.desc(), Comment.id.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
_OF_TEAM: Final = Statement(_ROWS)
_OF_USER: Final = Statement(_ROWS.where(visibility.CONDITIONS["viewer_id"], not_(Comment.internal)))


@dataclass(frozen=True, slots=True)
class OwnComment:
    """A comment in the list. `body` is its beginning, as it was typed."""

    id: int
    body: str
    is_internal: bool
    created_at: Timestamp
    post_code: str
    post_slug: str
    post_title: str


@dataclass(frozen=True, slots=True)
class OwnCommentList:
    """A page of the list."""

    comments: Sequence[OwnComment]
    has_more: bool


def list_page(work: UnitOfWork, *, offset: int, limit: int = PAGE_COMMENTS) -> OwnCommentList:
    """The actor's comments, the newest first, on posts that the actor may see. Raises Forbidden for visitors.

    Internal comments are for the team, so a user who does not belong to it any more does not get them.
    """
    user_id = work.actor.user_id
    if user_id is None:
        raise Forbidden(Permission.MANAGE_ACCOUNT)
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    statement = _OF_TEAM if is_team(work.actor) else _OF_USER
    rows = work.fetch_all(statement, author=user_id, viewer_id=user_id, offset=offset, limit=limit + 1)
    comments = [OwnComment(row[0], row[1], bool(row[2]), *row[3:]) for row in rows[:limit]]
    return OwnCommentList(comments, has_more=len(rows) > limit)
