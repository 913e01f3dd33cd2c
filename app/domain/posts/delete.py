"""Deletion of posts with all that belongs to them; the number of statements does not depend on that of the posts."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, cast, func, null, or_, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters.post_counters import counter_keys_of, subtract_posts
from app.domain.counters.row_counters import add_counts
from app.domain.events import insert_events
from app.domain.models import Attachment, Post, PostCategory, Status, Tab, User, Vote
from app.domain.posts import comments
from app.domain.posts.snapshots import POST_SNAPSHOT
from app.domain.sql.json_objects import json_object
from app.domain.sql.json_rows import encode_rows
from app.domain.sql.statement import POSTGRESQL, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_BATCH: Final = 5000
"""More posts are deleted in several batches of one transaction, which bounds the statements and the memory."""


_of_posts = (in_portal_unindexed(Post), in_list(Post.id, "posts"))
_LOCK_POSTS: Final = Statement(
    select(Post.id, Post.user_id, Post.board_id, Post.status_id, Post.section_id)
    .where(*_of_posts)
    .order_by(Post.id)
    .with_for_update()
)
_LOCK_CATEGORIES: Final = Statement(
    select(PostCategory.post_id, PostCategory.category_id)
    .join(Post, Post.id == PostCategory.post_id)
    .where(in_portal_unindexed(Post), in_list(PostCategory.post_id, "posts"))
    .order_by(PostCategory.post_id, PostCategory.category_id)
    # A concurrent deletion of a category has finished, or deletes its counters after this transaction.
    .with_for_update(of=PostCategory)
)
_votes = (in_portal_unindexed(Vote), in_list(Vote.post_id, "posts"))
_votes_by_user = (
    select(Vote.user_id, func.count().label("count")).where(*_votes).group_by(Vote.user_id).subquery("votes_by_user")
)
_user_in_portal = in_portal_unindexed(User)
_LOCK_USERS: Final = Statement(
    select(User.id)
    .where(_user_in_portal, or_(User.id.in_(select(Vote.user_id).where(*_votes)), in_list(User.id, "authors")))
    .order_by(User.id)
    .with_for_update()
)
_SUBTRACT_FROM_VOTERS: Final = Statement(
    update(User)
    .where(_user_in_portal, User.id == _votes_by_user.c.user_id)
    .values(votes_count=User.votes_count - _votes_by_user.c["count"])
)
_SUBTRACT_FROM_AUTHORS: Final = add_counts(User.posts_count)
_DELETE_FILES: Final = Statement(
    sql_delete(Attachment)
    .where(in_portal_unindexed(Attachment), in_list(Attachment.post_id, "posts"))
    .returning(Attachment.name)
)
_RECORD: Final = insert_events(
    "post.deleted",
    select(
        Post.id,
        cast(null(), BigInteger),
        Post.user_id,
        json_object(
            {
                "title": Post.title,
                "code": Post.code,
                "slug": Post.slug,
                "board_id": Post.board_id,
                "status_id": Post.status_id,
                "snapshot": POST_SNAPSHOT,
            }
        ),
    )
    .select_from(Post)
    .outerjoin(Status, Status.id == Post.status_id)
    .outerjoin(Tab, Tab.id == Status.tab_id)
    .where(*_of_posts)
    .order_by(Post.id),
)
_DELETE: Final = Statement(sql_delete(Post).where(*_of_posts))


def delete_posts(work: UnitOfWork, post_ids: Sequence[int]) -> list[str]:
    """Delete posts with their votes, follows, history, and comments with all replies, also those on other posts.

    Unknown ids are ignored. Returns the names of stored files, to be deleted after the commit. Records post.deleted
    for each post. May take long. The caller checks the permission.
    """
    files: list[str] = []
    for start in range(0, len(post_ids), MAX_BATCH):
        files += _delete_batch(work, post_ids[start : start + MAX_BATCH])
    return files


def _delete_batch(work: UnitOfWork, post_ids: Sequence[int]) -> list[str]:
    posts = work.fetch_all(_LOCK_POSTS, posts=list(post_ids))
    ids = [row[0] for row in posts]
    if not ids:
        return []
    categories: dict[int, list[int]] = defaultdict(list)
    for post_id, category_id in work.fetch_all(_LOCK_CATEGORIES, posts=ids):
        categories[post_id].append(category_id)
    comments.delete_of_posts(work, ids)
    authors = Counter(post["user_id"] for post in posts if post["user_id"] is not None)
    if work.engine == POSTGRESQL:
        # In the order of ids, to avoid deadlocks.
        work.fetch_all(_LOCK_USERS, posts=ids, authors=list(authors))
    work.execute(_SUBTRACT_FROM_VOTERS, posts=ids)
    work.execute(
        _SUBTRACT_FROM_AUTHORS, rows=encode_rows([(author_id, -count) for author_id, count in sorted(authors.items())])
    )
    subtract_posts(work, ((post["id"], counter_keys_of(post, categories[post["id"]])) for post in posts))
    files = [row[0] for row in work.fetch_all(_DELETE_FILES, posts=ids)]
    work.record_rows(_RECORD, posts=ids)
    work.execute(_DELETE, posts=ids)
    return files
