"""Deletion of posts with all that belongs to them; the number of statements does not depend on that of the posts."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import String, bindparam, func, insert, literal_column, or_, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters import post_counters
from app.domain.models import Attachment, EventRow, Post, PostCategory, User, Vote
from app.domain.posts import comments
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import NOW, PORTAL_ID, POSTGRESQL, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork

MAX_BATCH: Final = 5000
"""More posts are deleted in several batches of one transaction, which bounds the statements and the memory."""


_of_posts = (in_portal_unindexed(Post), in_list(Post.id, "posts"))
_LOCK_POSTS: Final = Statement(
    select(Post.id, Post.user_id, Post.board_id, Post.status_id, Post.section_id, Post.title, Post.code, Post.slug)
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
_rows = json_rows("rows").table_valued("value", name="entries")
_author_id, _count = json_column(_rows.c.value, 0, BIGINT), json_column(_rows.c.value, 1, BIGINT)
_posts_by_author = select(_author_id.label("author_id"), _count.label("count")).subquery("posts_by_author")
_SUBTRACT_FROM_AUTHORS: Final = Statement(
    update(User)
    .where(_user_in_portal, User.id == _posts_by_author.c.author_id)
    .values(posts_count=User.posts_count - _posts_by_author.c["count"])
)
_DELETE_FILES: Final = Statement(
    sql_delete(Attachment)
    .where(in_portal_unindexed(Attachment), in_list(Attachment.post_id, "posts"))
    .returning(Attachment.name)
)
_DELETE: Final = Statement(sql_delete(Post).where(*_of_posts))
_INSERT_EVENTS: Final = Statement(
    insert(EventRow)
    .from_select(
        ["portal_id", "kind", "post_id", "user_id", "body", "actor_id", "base_url", "created_at"],
        select(
            PORTAL_ID,
            literal_column("'post.deleted'"),
            json_column(_rows.c.value, 0, BIGINT),
            json_column(_rows.c.value, 1, BIGINT),
            json_column(_rows.c.value, 2, TEXT),
            bindparam("actor", type_=BIGINT),
            bindparam("base_url", type_=String),
            NOW,
        ).select_from(_rows),
    )
    .inline()
)


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
    authors = Counter(row[1] for row in posts if row[1] is not None)
    if work.engine == POSTGRESQL:
        # In the order of ids, to avoid deadlocks.
        work.fetch_all(_LOCK_USERS, posts=ids, authors=list(authors))
    work.execute(_SUBTRACT_FROM_VOTERS, posts=ids)
    work.execute(_SUBTRACT_FROM_AUTHORS, rows=encode_rows(sorted(authors.items())))
    post_counters.subtract_posts(work, ((row[0], _counter_keys(row, categories[row[0]])) for row in posts))
    files = [row[0] for row in work.fetch_all(_DELETE_FILES, posts=ids)]
    work.execute(_DELETE, posts=ids)
    payload = encode_rows([(row[0], row[1], _event_payload(row)) for row in posts])
    work.execute(_INSERT_EVENTS, rows=payload, actor=work.actor.user_id, base_url=work.base_url)
    return files


def _counter_keys(row: Row, category_ids: Sequence[int]) -> set[post_counters.CounterKey]:
    return post_counters.counter_keys(board_id=row[2], status_id=row[3], section_id=row[4], category_ids=category_ids)


def _event_payload(row: Row) -> str:
    _, _, board_id, status_id, _, title, code, slug = row
    payload = {"title": title, "code": code, "slug": slug, "board_id": board_id, "status_id": status_id}
    return json.dumps(payload, ensure_ascii=False)
