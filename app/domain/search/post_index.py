"""Keeps the index of titles and descriptions up to date; see `app.domain.models.search`."""

from typing import Final

from sqlalchemy import delete, func, literal_column, select

from app.domain.models import Post
from app.domain.models.search import MAX_INDEXED_LENGTH, NEW_POSTS
from app.domain.search import vocabulary
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_BATCH: Final = 200
"""Posts that one transaction indexes, which takes some milliseconds."""
_MAX_PORTALS: Final = 1000

_in_portal = NEW_POSTS.c.portal_id == PORTAL_ID
_HAS_NEW: Final = Statement(select(select(NEW_POSTS.c.post_id).where(_in_portal).exists()))
_PORTALS: Final = Statement(
    select(NEW_POSTS.c.portal_id).distinct().limit(literal_column(str(_MAX_PORTALS))), across_portals=True
)
# The newest first, so that after an import a post can be found as soon as it exists. A concurrent call waits here, and
# so does a change of one of the posts.
_LOCK_NEW: Final = Statement(
    select(NEW_POSTS.c.post_id)
    .where(_in_portal)
    .order_by(NEW_POSTS.c.post_id.desc())
    .limit(literal_column(str(MAX_BATCH)))
    .with_for_update()
)
_TEXTS: Final = Statement(
    select(Post.title, func.substr(Post.description, 1, MAX_INDEXED_LENGTH)).where(
        in_portal_unindexed(Post), in_list(Post.id, "posts")
    )
)
# A trigger inserts the posts into the index.
_INDEX: Final = Statement(delete(NEW_POSTS).where(_in_portal, in_list(NEW_POSTS.c.post_id, "posts")))


def has_new_posts(work: UnitOfWork) -> bool:
    """Whether the portal has posts that are not indexed yet."""
    return bool(work.fetch_value(_HAS_NEW))


def find_portals_with_new_posts(work: UnitOfWork) -> list[int]:
    """The ids of portals that have such posts."""
    return [row[0] for row in work.fetch_all(_PORTALS)]


def index_new_posts(work: UnitOfWork) -> int:
    """Index posts of the portal that are not indexed yet, the newest MAX_BATCH; return how many."""
    post_ids = [row[0] for row in work.fetch_all(_LOCK_NEW)]
    if post_ids:
        rows = work.fetch_all(_TEXTS, posts=post_ids)
        vocabulary.add_words(work, (text for row in rows for text in row if text))
        work.execute(_INDEX, posts=post_ids)
    return len(post_ids)
