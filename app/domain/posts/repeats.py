"""Finds the post that the same author has just created with the same texts and files, because a form was sent twice."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, func, select

from app.domain.models import AnonymousPost, Post, User
from app.domain.models.base import UtcTimestamp
from app.domain.posts import attachments
from app.domain.posts.attachments import StoredFile
from app.domain.posts.create import NewPost
from app.domain.sql.statement import PORTAL_ID, Statement, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork

PERIOD: Final = timedelta(minutes=10)
"""Later, the same texts are another post."""

_LOCK_AUTHOR: Final = Statement(
    # A concurrent creation by the same author ends before this.
    select(User.id).where(row_in_portal(User, "author")).with_for_update(key_share=True)
)
_RECENT = (
    select(Post.id, Post.code, Post.slug, Post.moderation)
    .where(
        Post.portal_id == PORTAL_ID,
        Post.created_at >= bindparam("since", type_=UtcTimestamp),
        Post.title == bindparam("title"),
        func.coalesce(Post.description, "") == bindparam("description"),
    )
    .order_by(Post.id.desc())
)
_OF_AUTHOR: Final = Statement(_RECENT.where(Post.user_id == bindparam("author")).limit(1))
_OF_DEVICE: Final = Statement(
    _RECENT.join(AnonymousPost, AnonymousPost.post_id == Post.id)
    .where(AnonymousPost.portal_id == PORTAL_ID, AnonymousPost.device_digest == bindparam("device"))
    .limit(1)
)


def find(
    work: UnitOfWork, new_post: NewPost, *, files: Sequence[StoredFile], device_digest: str | None = None
) -> Row | None:
    """(id, code, slug, moderation) of the post that the same author created within PERIOD with the same texts.

    None also if its files are others. The author is that of the post, or a device. Of two concurrent transactions that
    find and then create the same post, the second one waits here and finds that of the first.
    """
    texts = {"title": new_post.title, "description": new_post.description or "", "since": work.now - PERIOD}
    if device_digest is None:
        work.fetch_one(_LOCK_AUTHOR, author=new_post.author)
        post = work.fetch_one(_OF_AUTHOR, author=new_post.author, **texts)
    else:
        # A device has no row.
        work.lock_portal()
        post = work.fetch_one(_OF_DEVICE, device=device_digest, **texts)
    if post is None or _describe(files) != _describe_rows(attachments.of_post(work, post["id"])):
        return None
    return post


def _describe(files: Sequence[StoredFile]) -> Counter[tuple[str, int]]:
    return Counter((file.original_name or attachments.DEFAULT_NAME, file.size) for file in files)


def _describe_rows(rows: Sequence[Row]) -> Counter[tuple[str, int]]:
    return Counter((row["original_name"], row["size"]) for row in rows)
