"""Keeps the index of titles and descriptions up to date; see `app.domain.models.search`."""

from typing import Final

from sqlalchemy import Integer, Text, column, delete, func, insert, literal_column, select, table, text

from app.domain.models import Post
from app.domain.models.search import MAX_INDEXED_LENGTH, NEW_POSTS, SEARCH_TABLE, TEXTS_TABLE
from app.domain.search import vocabulary
from app.domain.sql.statement import PORTAL_ID, SQLITE, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_BATCH: Final = 200
"""Posts that one transaction indexes, which takes some milliseconds."""
_MAX_PORTALS: Final = 1000
MAX_MERGED_PAGES: Final = 200
"""Pages of a kilobyte that one transaction writes when it merges segments, which takes some milliseconds."""

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
# FTS5's list of its segments, which each merge changes.
_STRUCTURES: Final = Statement(
    text(
        f"SELECT block FROM {SEARCH_TABLE}_data WHERE id = 10"  # noqa: S608 - constants only
        f" UNION ALL SELECT block FROM {TEXTS_TABLE}_data WHERE id = 10"
    ),
    across_portals=True,
)
_MERGES: Final = [
    Statement(
        insert(table(name, column(name, Text), column("rank", Integer))).values(
            {name: literal_column("'merge'"), "rank": literal_column(str(MAX_MERGED_PAGES))}
        ),
        across_portals=True,
    )
    for name in (SEARCH_TABLE, TEXTS_TABLE)
]


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


def merge_segments(work: UnitOfWork) -> bool:
    """Merge segments of SQLite's indexes of all portals, a part of the work; return whether something was merged.

    Each transaction adds a segment, and a search looks each word up in all of them. FTS5 would merge them in the
    transactions that write posts. PostgreSQL has no segments.
    """
    if work.engine != SQLITE:
        return False
    before = [row[0] for row in work.fetch_all(_STRUCTURES)]
    for statement in _MERGES:
        work.execute(statement)
    return [row[0] for row in work.fetch_all(_STRUCTURES)] != before
