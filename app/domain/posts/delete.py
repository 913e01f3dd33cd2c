"""How posts go, with all that hangs on them: in as many statements for thousands as for one."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, String, bindparam, func, insert, literal_column, or_, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters import post_counters
from app.domain.models import Attachment, FactRow, Post, PostCategory, User, Vote
from app.domain.posts import comments
from app.domain.sql.json_rows import WHOLE, WORDS, given_rows, packed, part
from app.domain.sql.statement import POSTGRESQL, Column, Statement, among, now, portal
from app.domain.unit_of_work import Row, Work

MAX_POSTS_AT_ONCE: Final = 5000
"""More are taken in several rounds of one transaction, so that neither a statement nor the memory grows with them."""


def _mine(portal_id: Column) -> ColumnElement[bool]:
    # Written as a sum, the portal is no way into an index, so that SQLite looks the ids up and walks no portal.
    return portal_id + literal_column("0") == portal


_of_posts = (_mine(Post.portal_id), among(Post.id, "posts"))
_HELD: Final = Statement(
    select(Post.id, Post.user_id, Post.board_id, Post.status_id, Post.section_id, Post.title, Post.code, Post.slug)
    .where(*_of_posts)
    .order_by(Post.id)
    .with_for_update()
)
_CARRIED: Final = Statement(
    select(PostCategory.post_id, PostCategory.category_id)
    .join(Post, Post.id == PostCategory.post_id)
    .where(_mine(Post.portal_id), among(PostCategory.post_id, "posts"))
    .order_by(PostCategory.post_id, PostCategory.category_id)
    # Whoever is taking a category away has finished, or waits with forgetting its numbers until we have.
    .with_for_update(of=PostCategory)
)
_votes = (_mine(Vote.portal_id), among(Vote.post_id, "posts"))
_lost = select(Vote.user_id, func.count().label("many")).where(*_votes).group_by(Vote.user_id).subquery("lost")
_my_user = _mine(User.portal_id)
_LOCK_USERS: Final = Statement(
    select(User.id)
    .where(_my_user, or_(User.id.in_(select(Vote.user_id).where(*_votes)), among(User.id, "authors")))
    .order_by(User.id)
    .with_for_update()
)
_UNCOUNT_VOTERS: Final = Statement(
    update(User).where(_my_user, User.id == _lost.c.user_id).values(votes_count=User.votes_count - _lost.c.many)
)
_given = given_rows("rows").table_valued("value", name="given")
_author, _many = part(_given.c.value, 0, WHOLE), part(_given.c.value, 1, WHOLE)
_written = select(_author.label("author"), _many.label("many")).subquery("written")
_UNCOUNT_AUTHORS: Final = Statement(
    update(User).where(_my_user, User.id == _written.c.author).values(posts_count=User.posts_count - _written.c.many)
)
_TAKE_FILES: Final = Statement(
    sql_delete(Attachment)
    .where(_mine(Attachment.portal_id), among(Attachment.post_id, "posts"))
    .returning(Attachment.name)
)
_DELETE: Final = Statement(sql_delete(Post).where(*_of_posts))
_ANNOUNCE: Final = Statement(
    insert(FactRow)
    .from_select(
        ["portal_id", "kind", "post_id", "user_id", "body", "actor_id", "base_url", "created_at"],
        select(
            portal,
            literal_column("'post.deleted'"),
            part(_given.c.value, 0, WHOLE),
            part(_given.c.value, 1, WHOLE),
            part(_given.c.value, 2, WORDS),
            bindparam("actor", type_=WHOLE),
            bindparam("base_url", type_=String),
            now,
        ).select_from(_given),
    )
    .inline()
)


def delete(work: Work, post_ids: Sequence[int]) -> list[str]:
    """Take posts away with their votes, follows, history, and comments with all their replies, wherever these hang.

    Those that are not there are left out. The names of stored files, to be removed once this is committed. Announces
    post.deleted for each, with what can't be looked up any more. May take long. The caller asks for the right.
    """
    files: list[str] = []
    for start in range(0, len(post_ids), MAX_POSTS_AT_ONCE):
        files += _delete_some(work, post_ids[start : start + MAX_POSTS_AT_ONCE])
    return files


def _delete_some(work: Work, post_ids: Sequence[int]) -> list[str]:
    posts = work.rows(_HELD, posts=list(post_ids))
    ids = [row[0] for row in posts]
    if not ids:
        return []
    carried: dict[int, list[int]] = defaultdict(list)
    for post_id, category_id in work.rows(_CARRIED, posts=ids):
        carried[post_id].append(category_id)
    comments.delete_of_posts(work, ids)
    authors = Counter(row[1] for row in posts if row[1] is not None)
    if work.engine == POSTGRESQL:
        # In the order of ids, so that none deadlock.
        work.rows(_LOCK_USERS, posts=ids, authors=list(authors))
    work.run(_UNCOUNT_VOTERS, posts=ids)
    work.run(_UNCOUNT_AUTHORS, rows=packed(sorted(authors.items())))
    post_counters.uncount(work, ((row[0], _places(row, carried[row[0]])) for row in posts))
    files = [row[0] for row in work.rows(_TAKE_FILES, posts=ids)]
    work.run(_DELETE, posts=ids)
    told = packed([(row[0], row[1], _body(row)) for row in posts])
    work.run(_ANNOUNCE, rows=told, actor=work.actor.user_id, base_url=work.base_url)
    return files


def _places(row: Row, category_ids: Sequence[int]) -> set[post_counters.Place]:
    return post_counters.places_of(board_id=row[2], status_id=row[3], section_id=row[4], category_ids=category_ids)


def _body(row: Row) -> str:
    _, _, board_id, status_id, _, title, code, slug = row
    told = {"title": title, "code": code, "slug": slug, "board_id": board_id, "status_id": status_id}
    return json.dumps(told, ensure_ascii=False)
