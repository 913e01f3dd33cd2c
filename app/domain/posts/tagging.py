"""The tags of a post. The rules that create and update posts call these functions; they check the permission."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, delete, not_, select

from app.domain.models import Post, PostTag, Tag
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, upsert
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


def add(work: UnitOfWork, post_id: int, tag_ids: Sequence[int]) -> bool:
    """Add tags to a post; return whether it has new ones. Unknown tags and those that it has are ignored."""
    return bool(tag_ids) and work.execute(_ADD, post=post_id, tags=list(tag_ids)) > 0


def replace(work: UnitOfWork, post_id: int, tag_ids: Sequence[int]) -> bool:
    """Replace all tags of a post; return whether any changed. Unknown tags are ignored. Lock the post before."""
    is_less = work.execute(_REMOVE_OTHERS, post=post_id, tags=list(tag_ids)) > 0
    return add(work, post_id, tag_ids) or is_less
