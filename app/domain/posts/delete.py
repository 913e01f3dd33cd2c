"""How posts go, with all that hangs on them: in as many statements for thousands as for one."""

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
"""More are taken in several rounds of one transaction, so that neither a statement nor the memory grows with them."""


_of_posts = (in_portal_unindexed(Post), in_list(Post.id, "posts"))
_HELD: Final = Statement(
    select(Post.id, Post.user_id, Post.board_id, Post.status_id, Post.section_id, Post.title, Post.code, Post.slug)
    .where(*_of_posts)
    .order_by(Post.id)
    .with_for_update()
)
_CARRIED: Final = Statement(
    select(PostCategory.post_id, PostCategory.category_id)
    .join(Post, Post.id == PostCategory.post_id)
    .where(in_portal_unindexed(Post), in_list(PostCategory.post_id, "posts"))
    .order_by(PostCategory.post_id, PostCategory.category_id)
    # Whoever is taking a category away has finished, or waits with forgetting its numbers until we have.
    .with_for_update(of=PostCategory)
)
_votes = (in_portal_unindexed(Vote), in_list(Vote.post_id, "posts"))
_lost = select(Vote.user_id, func.count().label("many")).where(*_votes).group_by(Vote.user_id).subquery("lost")
_my_user = in_portal_unindexed(User)
_LOCK_USERS: Final = Statement(
    select(User.id)
    .where(_my_user, or_(User.id.in_(select(Vote.user_id).where(*_votes)), in_list(User.id, "authors")))
    .order_by(User.id)
    .with_for_update()
)
_UNCOUNT_VOTERS: Final = Statement(
    update(User).where(_my_user, User.id == _lost.c.user_id).values(votes_count=User.votes_count - _lost.c.many)
)
_given = json_rows("rows").table_valued("value", name="given")
_author, _many = json_column(_given.c.value, 0, BIGINT), json_column(_given.c.value, 1, BIGINT)
_written = select(_author.label("author"), _many.label("many")).subquery("written")
_UNCOUNT_AUTHORS: Final = Statement(
    update(User).where(_my_user, User.id == _written.c.author).values(posts_count=User.posts_count - _written.c.many)
)
_TAKE_FILES: Final = Statement(
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
            json_column(_given.c.value, 0, BIGINT),
            json_column(_given.c.value, 1, BIGINT),
            json_column(_given.c.value, 2, TEXT),
            bindparam("actor", type_=BIGINT),
            bindparam("base_url", type_=String),
            NOW,
        ).select_from(_given),
    )
    .inline()
)


def delete_posts(work: UnitOfWork, post_ids: Sequence[int]) -> list[str]:
    """Take posts away with their votes, follows, history, and comments with all their replies, wherever these hang.

    Those that are not there are left out. The names of stored files, to be removed once this is committed. Announces
    post.deleted for each, with what can't be looked up any more. May take long. The caller asks for the right.
    """
    files: list[str] = []
    for start in range(0, len(post_ids), MAX_BATCH):
        files += _delete_batch(work, post_ids[start : start + MAX_BATCH])
    return files


def _delete_batch(work: UnitOfWork, post_ids: Sequence[int]) -> list[str]:
    posts = work.fetch_all(_HELD, posts=list(post_ids))
    ids = [row[0] for row in posts]
    if not ids:
        return []
    carried: dict[int, list[int]] = defaultdict(list)
    for post_id, category_id in work.fetch_all(_CARRIED, posts=ids):
        carried[post_id].append(category_id)
    comments.delete_of_posts(work, ids)
    authors = Counter(row[1] for row in posts if row[1] is not None)
    if work.engine == POSTGRESQL:
        # In the order of ids, so that none deadlock.
        work.fetch_all(_LOCK_USERS, posts=ids, authors=list(authors))
    work.execute(_UNCOUNT_VOTERS, posts=ids)
    work.execute(_UNCOUNT_AUTHORS, rows=encode_rows(sorted(authors.items())))
    post_counters.subtract_posts(work, ((row[0], _counter_keys(row, carried[row[0]])) for row in posts))
    files = [row[0] for row in work.fetch_all(_TAKE_FILES, posts=ids)]
    work.execute(_DELETE, posts=ids)
    told = encode_rows([(row[0], row[1], _event_payload(row)) for row in posts])
    work.execute(_INSERT_EVENTS, rows=told, actor=work.actor.user_id, base_url=work.base_url)
    return files


def _counter_keys(row: Row, category_ids: Sequence[int]) -> set[post_counters.CounterKey]:
    return post_counters.counter_keys(board_id=row[2], status_id=row[3], section_id=row[4], category_ids=category_ids)


def _event_payload(row: Row) -> str:
    _, _, board_id, status_id, _, title, code, slug = row
    told = {"title": title, "code": code, "slug": slug, "board_id": board_id, "status_id": status_id}
    return json.dumps(told, ensure_ascii=False)
