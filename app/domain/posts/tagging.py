"""The tags of a post, and their number. The rules of posts and tags call these functions; they check the permission."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, delete, literal_column, not_, select, update

from app.domain.counters.row_counters import add_step
from app.domain.models import Post, PostTag, Tag
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, row_in_portal, upsert
from app.domain.unit_of_work import UnitOfWork

_ADD: Final = Statement(
    upsert(PostTag)
    .from_select(
        ["post_id", "tag_id"],
        select(bindparam("post", type_=Post.id.type), Tag.id).where(
            Tag.portal_id == PORTAL_ID, in_list(Tag.id, "tags")
        ),
    )
    .on_conflict_do_nothing()
)
_REMOVE_OTHERS: Final = Statement(
    delete(PostTag).where(
        PostTag.post_id == bindparam("post"),
        PostTag.tag_id.in_(select(Tag.id).where(Tag.portal_id == PORTAL_ID)),
        not_(in_list(PostTag.tag_id, "tags")),
    )
)
_COUNT: Final = Statement(add_step(Post.tags_count))

_LOCK_TAG: Final = Statement(select(Tag.id).where(row_in_portal(Tag, "tag")).with_for_update())
_posts_with_tag = select(PostTag.post_id).where(PostTag.tag_id == bindparam("tag"))
_LOCK_POSTS: Final = Statement(
    select(Post.id)
    .where(Post.portal_id == PORTAL_ID, Post.id.in_(_posts_with_tag))
    .order_by(Post.id)
    .with_for_update(key_share=True, of=Post)
)
_SUBTRACT_TAG: Final = Statement(
    update(Post)
    .where(Post.portal_id == PORTAL_ID, Post.id.in_(_posts_with_tag))
    .values(tags_count=Post.tags_count - literal_column("1"))
)


def add(work: UnitOfWork, post_id: int, tag_ids: Sequence[int]) -> bool:
    """Add tags to a post; return whether it has new ones. Unknown tags and those that it has are ignored."""
    added = _insert(work, post_id, tag_ids)
    if added:
        work.execute(_COUNT, id=post_id, step=added)
    return added > 0


def replace(work: UnitOfWork, post_id: int, tag_ids: Sequence[int]) -> bool:
    """Replace all tags of a post; return whether any changed. Unknown tags are ignored. Lock the post before."""
    removed = work.execute(_REMOVE_OTHERS, post=post_id, tags=list(tag_ids))
    added = _insert(work, post_id, tag_ids)
    if added != removed:
        work.execute(_COUNT, id=post_id, step=added - removed)
    return added > 0 or removed > 0


def subtract_tag(work: UnitOfWork, tag_id: int) -> None:
    """Subtract a tag, which is deleted next, from the numbers of its posts. Raises NotFound("tag").

    Nobody adds the tag, or removes it, until this transaction ends. The tag is locked before its posts: who adds it to
    a post has locked this post and waits for the tag, but is not waited for, because the post does not have it yet.
    """
    work.require_row(_LOCK_TAG, "tag", tag_id, tag=tag_id)
    work.fetch_all(_LOCK_POSTS, tag=tag_id)
    work.execute(_SUBTRACT_TAG, tag=tag_id)


def _insert(work: UnitOfWork, post_id: int, tag_ids: Sequence[int]) -> int:
    """Insert the tags that the post does not have; return how many."""
    return work.execute(_ADD, post=post_id, tags=list(tag_ids)) if tag_ids else 0
