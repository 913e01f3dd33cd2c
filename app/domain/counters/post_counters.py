"""Stored counts of posts: by portal, by board, and by every combination of status, section and category.

They change in the transaction that changes the posts. Each count is spread over shards by the post's id, so that posts
created at the same time seldom wait for each other. A single shard may be negative; the sum never is.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    SelectBase,
    SmallInteger,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    union_all,
)

from app.domain.models import Post, PostCategory, PostCounter
from app.domain.models.counters import COUNTER_KINDS, SHARDS
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import PORTAL_ID, SQLITE, Column, Statement, upsert
from app.domain.unit_of_work import Row, UnitOfWork

_COLUMNS: Final = ["portal_id", "kind", "ref_id", "status_id", "section_id", "shard", "posts"]
_KEY: Final = _COLUMNS[:-1]
_ZERO: Final[ColumnElement[int]] = literal_column("0")


class CounterKey(NamedTuple):
    """What a counter counts; see `PostCounter`."""

    kind: str
    ref_id: int = 0
    status_id: int = 0
    section_id: int = 0

    @property
    def sort_key(self) -> tuple[int, int, int, int]:
        """All transactions change counters in this order, which rules out deadlocks."""
        return COUNTER_KINDS.index(self.kind), *self[1:]


def counter_keys(
    *, board_id: int, status_id: int | None, section_id: int | None, category_ids: Iterable[int] = ()
) -> set[CounterKey]:
    """The counters that include a post with these values."""
    by = (status_id or 0, section_id or 0)
    keys = {CounterKey("portal"), CounterKey("board", board_id), CounterKey("status", 0, *by)}
    return keys.union(CounterKey("category", category_id, *by) for category_id in category_ids)


def counter_keys_of(post: Row, category_ids: Iterable[int] = (), **changed: int | None) -> set[CounterKey]:
    """The counters that include the post, with the changed values if there are any."""
    values = {name: post[name] for name in ("board_id", "status_id", "section_id")}
    return counter_keys(**(values | changed), category_ids=category_ids)


def upsert_counters(rows: SelectBase) -> Any:
    """An INSERT that adds these rows to the counters: portal, kind, ref, status, section, shard, posts."""
    insertion = upsert(PostCounter).from_select(_COLUMNS, rows)
    return insertion.on_conflict_do_update(
        index_elements=_KEY, set_={"posts": PostCounter.posts + insertion.excluded.posts}
    )


_steps = json_rows("steps").table_valued("value", name="steps")
_ADD: Final = Statement(
    upsert_counters(
        select(
            cast(PORTAL_ID, BIGINT),
            json_column(_steps.c.value, 0, TEXT),
            *(json_column(_steps.c.value, at, BIGINT) for at in (1, 2, 3)),
            bindparam("shard", type_=SmallInteger),
            json_column(_steps.c.value, 4, BIGINT),
        ).where(literal_column("true"))
    )
)


def move_counts(
    work: UnitOfWork, post_id: int, *, before: Collection[CounterKey] = (), after: Collection[CounterKey] = ()
) -> None:
    """Subtract the post from the counters that are only in `before`; add it to those that are only in `after`."""
    changed = sorted({*before} ^ {*after}, key=lambda key: key.sort_key)
    steps = [(*key, +1 if key in after else -1) for key in changed]
    if steps:
        work.execute(_ADD, steps=encode_rows(steps), shard=_shard(work, post_id))


@lru_cache
def _add_one_to(counters: int) -> Statement:
    """A statement that adds a post to so many counters. Without JSON, whose parsing would take half of its time."""
    rows = [
        [bindparam(f"{name}_{at}", type_=PostCounter.__table__.c[name].type) for name in _KEY[1:5]]
        for at in range(counters)
    ]
    shard: Any = bindparam("shard", type_=SmallInteger)
    one: Any = literal_column("1")
    insertion = upsert(PostCounter).values(
        [dict(zip(_COLUMNS, (PORTAL_ID, *row, shard, one), strict=True)) for row in rows]
    )
    return Statement(insertion.on_conflict_do_update(index_elements=_KEY, set_={"posts": PostCounter.posts + one}))


def add_post(
    work: UnitOfWork,
    post_id: int,
    *,
    board_id: int,
    status_id: int | None,
    section_id: int | None,
    category_id: int | None,
) -> None:
    """Add a new post to its counters."""
    statement, keys = _new_post_counters(board_id, status_id, section_id, category_id)
    work.execute(statement, **keys, shard=_shard(work, post_id))


@lru_cache(maxsize=1024)
def _new_post_counters(
    board_id: int, status_id: int | None, section_id: int | None, category_id: int | None
) -> tuple[Statement, Mapping[str, Any]]:
    # Most new posts of a portal have one of a few combinations.
    categories = () if category_id is None else (category_id,)
    keys = counter_keys(board_id=board_id, status_id=status_id, section_id=section_id, category_ids=categories)
    ordered = sorted(keys, key=lambda key: key.sort_key)
    named = (
        (f"{name}_{at}", value) for at, key in enumerate(ordered) for name, value in zip(_KEY[1:5], key, strict=True)
    )
    return _add_one_to(len(ordered)), dict(named)


def subtract_posts(work: UnitOfWork, posts: Iterable[tuple[int, Collection[CounterKey]]]) -> None:
    """Subtract posts, given as id and counters that include it."""
    shards: dict[int, Counter[CounterKey]] = defaultdict(Counter)
    for post_id, keys in posts:
        shards[_shard(work, post_id)].update(keys)
    for shard, counts in sorted(shards.items()):
        steps = [(*key, -counts[key]) for key in sorted(counts, key=lambda key: key.sort_key)]
        work.execute(_ADD, steps=encode_rows(steps), shard=shard)


def _shard(work: UnitOfWork, post_id: int) -> int:
    # SQLite has a single writer, so one row is enough, and fewer rows are fewer pages to write.
    return 0 if work.engine == SQLITE else post_id % SHARDS


_DELETE_CATEGORY: Final = Statement(
    delete(PostCounter).where(
        PostCounter.portal_id == PORTAL_ID,
        PostCounter.kind == literal_column("'category'"),
        PostCounter.ref_id == bindparam("category"),
    )
)


def delete_category(work: UnitOfWork, category_id: int) -> None:
    """Delete the counters of a deleted category. The caller holds `work.lock_portal()`.

    Without the lock, two such changes at once, for example of a section and of a category, would each miss the rows
    that the other is writing. Posts that are created or deleted meanwhile don't wait: they only refer to the portal.
    """
    work.execute(_DELETE_CATEGORY, category=category_id)


def _move_statements(column: Column) -> tuple[Statement, Statement]:
    """Statements that add the counts of `old` to those of `new`, and delete those of `old`."""
    of_old = (PostCounter.portal_id == PORTAL_ID, column == bindparam("old"))
    new = bindparam("new", type_=BigInteger)
    by: list[Column] = [new if each is column else each for each in (PostCounter.status_id, PostCounter.section_id)]
    rows = select(
        PostCounter.portal_id, PostCounter.kind, PostCounter.ref_id, *by, PostCounter.shard, PostCounter.posts
    ).where(*of_old)
    # In the order of `CounterKey.sort_key`: only status and category rows match, and `status` comes first.
    in_order = rows.order_by(
        PostCounter.kind.desc(), PostCounter.ref_id, PostCounter.status_id, PostCounter.section_id, PostCounter.shard
    )
    return Statement(upsert_counters(in_order)), Statement(delete(PostCounter).where(*of_old))


_STATUS: Final = _move_statements(PostCounter.status_id)
_SECTION: Final = _move_statements(PostCounter.section_id)


def merge_status(work: UnitOfWork, status_id: int, replacement_id: int | None) -> None:
    """Move the counts of a status to another, or to none. The caller holds `work.lock_portal()`."""
    _move_all(work, _STATUS, status_id, replacement_id or 0)


def clear_section(work: UnitOfWork, section_id: int) -> None:
    """Move the counts of a section to none. The caller holds `work.lock_portal()`."""
    _move_all(work, _SECTION, section_id, 0)


def _move_all(work: UnitOfWork, statements: tuple[Statement, Statement], old: int, new: int) -> None:
    for statement in statements:
        work.execute(statement, old=old, new=new)


_CLEAR: Final = Statement(delete(PostCounter).where(PostCounter.portal_id == PORTAL_ID))


_STATUS_AND_SECTION: Final = (func.coalesce(Post.status_id, _ZERO), func.coalesce(Post.section_id, _ZERO))
_COUNTED_BY: Final[dict[str, tuple[Column, ...]]] = {
    "portal": (_ZERO, _ZERO, _ZERO),
    "board": (Post.board_id, _ZERO, _ZERO),
    "status": (_ZERO, *_STATUS_AND_SECTION),
    "category": (PostCategory.category_id, *_STATUS_AND_SECTION),
}


def _recount(kind: str) -> Select[Any]:
    by = _COUNTED_BY[kind]
    # A list of one type, because the type checker infers another type of select for each number of columns.
    columns: list[Column] = [literal_column(f"'{kind}'").label("kind")]
    columns += [each.label(name) for each, name in zip(by, _KEY[2:5], strict=True)]
    rows = select(*columns, func.count().label("posts")).select_from(Post)
    if kind == "category":
        rows = rows.join(PostCategory, PostCategory.post_id == Post.id)
    return rows.where(Post.portal_id == PORTAL_ID).group_by(*(each for each in by if each is not _ZERO))


_RECOUNT = union_all(*(_recount(kind) for kind in COUNTER_KINDS))
_recounted = _RECOUNT.subquery("recounted")
_REPAIR: Final = Statement(
    insert(PostCounter).from_select(
        _COLUMNS, select(PORTAL_ID, *(_recounted.c[name] for name in _COLUMNS[1:5]), _ZERO, _recounted.c.posts)
    )
)
_RECOUNTED: Final = Statement(_RECOUNT)
"""(kind, ref id, status id, section id, posts) by a recount of the posts."""

_key_columns = (PostCounter.kind, PostCounter.ref_id, PostCounter.status_id, PostCounter.section_id)
_STORED: Final = Statement(
    select(*_key_columns, cast(func.sum(PostCounter.posts), BigInteger))
    .where(PostCounter.portal_id == PORTAL_ID)
    .group_by(*_key_columns)
)
"""(kind, ref id, status id, section id, posts) by the counters."""


def repair(work: UnitOfWork) -> None:
    """Replace the counters by a recount."""
    work.execute(_CLEAR)
    work.execute(_REPAIR)


def find_mismatches(work: UnitOfWork) -> list[tuple[CounterKey, int, int]]:
    """(key, stored, counted) of all counters that differ from a recount."""
    stored, counted = (
        {CounterKey(*key): int(posts) for *key, posts in work.fetch_all(statement)}
        for statement in (_STORED, _RECOUNTED)
    )
    keys = sorted(stored.keys() | counted.keys(), key=lambda key: key.sort_key)
    pairs = ((key, stored.get(key, 0), counted.get(key, 0)) for key in keys)
    return [(key, stored_posts, posts) for key, stored_posts, posts in pairs if stored_posts != posts]
