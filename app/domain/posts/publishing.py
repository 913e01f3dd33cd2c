"""Publishing: visitors see a post that is approved and published."""

from typing import Final

from sqlalchemy import literal_column, not_, update

from app.domain.events import Event
from app.domain.models import Post
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork

# A literal, because a parameter is sent and parsed at each execution.
IS_PUBLIC: Final = (Post.moderation == literal_column("'approved'")) & Post.published
"""Whether visitors can see the post, and its files."""

_TOGGLE: Final = Statement(
    update(Post)
    .where(row_in_portal(Post, "post"))
    .values(published=not_(Post.published), updated_at=NOW)
    .returning(Post.published, Post.user_id)
)


def toggle(work: UnitOfWork, post_id: int) -> bool:
    """Unpublish a published post, or publish an unpublished one; return whether it is published now.

    `updated_at` changes. Of two concurrent calls, each has its effect. Raises Forbidden, NotFound("post"). Records
    post.published or post.unpublished.
    """
    work.authorize(Permission.WRITE_POST)
    published, author_id = work.require_row(_TOGGLE, "post", post_id, post=post_id)
    work.record(Event("post.published" if published else "post.unpublished", post_id=post_id, user_id=author_id))
    return bool(published)
