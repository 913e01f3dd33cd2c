"""What the forms that edit a post or a comment begin with: for the author, and for the team."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, select

from app.domain.models import Comment, Post, PostCategory
from app.domain.permissions import Permission, is_team
from app.domain.posts import attachments, update, visibility
from app.domain.posts.texts import MAX_COMMENT, MAX_DESCRIPTION
from app.domain.sql.statement import PORTAL_ID, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class EditablePicture:
    """A picture of a post that the actor may edit."""

    name: str
    """The name under which it is stored."""
    original_name: str


@dataclass(frozen=True, slots=True)
class EditablePost:
    """A post that the actor may edit."""

    id: int
    title: str
    description: str | None
    """None if it is longer than MAX_DESCRIPTION: a form must not replace it by its beginning."""
    board_id: int
    category_ids: frozenset[int]
    pictures: Sequence[EditablePicture]
    may_delete: bool


@dataclass(frozen=True, slots=True)
class EditableComment:
    """A comment that the actor may edit and delete."""

    id: int
    body: str | None
    """None if it is longer than MAX_COMMENT, as for posts."""


_POST: Final = Statement(
    select(
        Post.title,
        func.substr(func.coalesce(Post.description, ""), 1, MAX_DESCRIPTION + 1).label("description"),
        Post.board_id,
        Post.user_id,
    ).where(row_in_portal(Post, "post"))
)
_CATEGORIES: Final = Statement(
    select(PostCategory.category_id)
    .join(Post, Post.id == PostCategory.post_id)
    .where(Post.portal_id == PORTAL_ID, PostCategory.post_id == bindparam("post"))
    .order_by(PostCategory.category_id)
)
_COMMENT: Final = Statement(
    select(Comment.user_id, func.substr(Comment.body, 1, MAX_COMMENT + 1).label("body")).where(
        row_in_portal(Comment), Comment.post_id == bindparam("post"), ~Comment.internal
    )
)


def find_post(work: UnitOfWork, code: str) -> EditablePost:
    """The post with this code. Raises NotFound("post") also if the actor may not see it, Forbidden."""
    post_id = visibility.require_visible(work, code)
    row = work.require_row(_POST, "post", code, post=post_id)
    work.authorize(Permission.WRITE_POST, of_user=row["user_id"])
    is_short = len(row["description"]) <= MAX_DESCRIPTION
    return EditablePost(
        id=post_id,
        title=row["title"],
        description=row["description"] if is_short else None,
        board_id=row["board_id"],
        category_ids=frozenset(category[0] for category in work.fetch_all(_CATEGORIES, post=post_id)),
        pictures=[
            EditablePicture(picture["name"], picture["original_name"])
            for picture in attachments.list_pictures(work, post_id)
        ],
        may_delete=is_team(work.actor) or not update.has_responses(work, post_id, author_id=row["user_id"]),
    )


def find_comment(work: UnitOfWork, code: str, comment_id: int) -> EditableComment:
    """The comment on the post with this code, if it is not internal.

    Raises NotFound("post"), NotFound("comment"), Forbidden.
    """
    post_id = visibility.require_visible(work, code)
    row = work.require_row(_COMMENT, "comment", comment_id, id=comment_id, post=post_id)
    work.authorize(Permission.WRITE_COMMENT, of_user=row["user_id"])
    body = row["body"]
    return EditableComment(comment_id, body if len(body) <= MAX_COMMENT else None)
