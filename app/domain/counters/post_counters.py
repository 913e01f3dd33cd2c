"""The kept numbers of posts: per portal, per board, and per status, section and category in every mixture.

They change in the transaction that changes the posts. Each number is spread over shards by the post's id, so that posts
created at once seldom wait for one another; a single shard may be negative, the sum never is.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
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
from app.domain.unit_of_work import UnitOfWork

_COLUMNS: Final = ["portal_id", "kind", "ref_id", "status_id", "section_id", "shard", "posts"]
_KEY: Final = _COLUMNS[:-1]
_NONE: Final[ColumnElement[int]] = literal_column("0")


class CounterKey(NamedTuple):
    """What a number counts; see `Tally`."""

    kind: str
    ref_id: int = 0
    status_id: int = 0
    section_id: int = 0

    @property
    def sort_key(self) -> tuple[int, int, int, int]:
        """Everybody changes numbers in this order, so that none deadlock."""
        return COUNTER_KINDS.index(self.kind), *self[1:]


def counter_keys(
    *, board_id: int, status_id: int | None, section_id: int | None, category_ids: Iterable[int] = ()
) -> set[CounterKey]:
    """Where a post counts."""
    by = (status_id or 0, section_id or 0)
    found = {CounterKey("portal"), CounterKey("board", board_id), CounterKey("status", 0, *by)}
    return found.union(CounterKey("category", category_id, *by) for category_id in category_ids)


def upsert_counters(rows: SelectBase) -> Any:
    """The statement that adds these rows to the numbers: portal, kind, ref, status, section, shard, posts."""
    added = upsert(PostCounter).from_select(_COLUMNS, rows)
    return added.on_conflict_do_update(index_elements=_KEY, set_={"posts": PostCounter.posts + added.excluded.posts})


_given = json_rows("places").table_valued("value", name="given")
_ADD: Final = Statement(
    upsert_counters(
        select(
            cast(PORTAL_ID, BIGINT),
            json_column(_given.c.value, 0, TEXT),
            *(json_column(_given.c.value, at, BIGINT) for at in (1, 2, 3)),
            bindparam("shard", type_=SmallInteger),
            json_column(_given.c.value, 4, BIGINT),
        ).where(literal_column("true"))
    )
)


def move_counts(
    work: UnitOfWork, post_id: int, *, before: Collection[CounterKey] = (), after: Collection[CounterKey] = ()
) -> None:
    """Count the post out of the places it left and into those it came to; a new post left none."""
    steps = [
        (*place, +1 if place in after else -1) for place in sorted({*before} ^ {*after}, key=lambda one: one.sort_key)
    ]
    if steps:
        work.execute(_ADD, places=encode_rows(steps), shard=_shard(work, post_id))


def subtract_posts(work: UnitOfWork, posts: Iterable[tuple[int, Collection[CounterKey]]]) -> None:
    """Count posts out, each with all the places where it counts."""
    lost: dict[int, Counter[CounterKey]] = defaultdict(Counter)
    for post_id, places in posts:
        lost[_shard(work, post_id)].update(places)
    for shard, by_place in sorted(lost.items()):
        steps = [(*place, -by_place[place]) for place in sorted(by_place, key=lambda one: one.sort_key)]
        work.execute(_ADD, places=encode_rows(steps), shard=shard)


def _shard(work: UnitOfWork, post_id: int) -> int:
    # On SQLite creates never run at once, and fewer rows are fewer pages to write.
    return 0 if work.engine == SQLITE else post_id % SHARDS


_DROP_CATEGORY: Final = Statement(
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
    work.execute(_DROP_CATEGORY, category=category_id)


def _moving(column: Column) -> tuple[Statement, Statement]:
    """Add the numbers under `gone` to those under `heir`, and forget them."""
    theirs = (PostCounter.portal_id == PORTAL_ID, column == bindparam("gone"))
    heir = bindparam("heir", type_=BigInteger)
    fine: list[Column] = [heir if each is column else each for each in (PostCounter.status_id, PostCounter.section_id)]
    rows = select(
        PostCounter.portal_id, PostCounter.kind, PostCounter.ref_id, *fine, PostCounter.shard, PostCounter.posts
    ).where(*theirs)
    # In the order of `Place`: kinds that ask for a status are the last two, and stand in the alphabet the other way.
    in_order = rows.order_by(
        PostCounter.kind.desc(), PostCounter.ref_id, PostCounter.status_id, PostCounter.section_id, PostCounter.shard
    )
    return Statement(upsert_counters(in_order)), Statement(delete(PostCounter).where(*theirs))


_STATUS: Final = _moving(PostCounter.status_id)
_SECTION: Final = _moving(PostCounter.section_id)


def merge_status(work: UnitOfWork, status_id: int, heir_id: int | None) -> None:
    """All posts of a status have come to another, or to none."""
    _move_all(work, _STATUS, status_id, heir_id or 0)


def clear_section(work: UnitOfWork, section_id: int) -> None:
    """All posts of a section lie in none now."""
    _move_all(work, _SECTION, section_id, 0)


def _move_all(work: UnitOfWork, statements: tuple[Statement, Statement], gone: int, heir: int) -> None:
    for statement in statements:
        work.execute(statement, gone=gone, heir=heir)


_CLEAR: Final = Statement(delete(PostCounter).where(PostCounter.portal_id == PORTAL_ID))


_FINE: Final = (func.coalesce(Post.status_id, _NONE), func.coalesce(Post.section_id, _NONE))
_COUNTED_BY: Final[dict[str, tuple[Column, ...]]] = {
    "portal": (_NONE, _NONE, _NONE),
    "board": (Post.board_id, _NONE, _NONE),
    "status": (_NONE, *_FINE),
    "category": (PostCategory.category_id, *_FINE),
}


def _recounted(kind: str) -> Select[Any]:
    by = _COUNTED_BY[kind]
    # One kind of element for the type checker, which else counts the columns.
    shown: list[Column] = [literal_column(f"'{kind}'").label("kind")]
    shown += [each.label(name) for each, name in zip(by, _KEY[2:5], strict=True)]
    rows = select(*shown, func.count().label("posts")).select_from(Post)
    if kind == "category":
        rows = rows.join(PostCategory, PostCategory.post_id == Post.id)
    return rows.where(Post.portal_id == PORTAL_ID).group_by(*(each for each in by if each is not _NONE))


_TRUTH = union_all(*(_recounted(kind) for kind in COUNTER_KINDS))
_truth = _TRUTH.subquery("truth")
_REPAIR: Final = Statement(
    insert(PostCounter).from_select(
        _COLUMNS, select(PORTAL_ID, *(_truth.c[name] for name in _COLUMNS[1:5]), _NONE, _truth.c.posts)
    )
)
RECOUNTED: Final = Statement(_TRUTH)
"""(kind, ref id, status id, section id, posts) as a recount of the rows gives them."""

STORED: Final = Statement(
    select(
        PostCounter.kind,
        PostCounter.ref_id,
        PostCounter.status_id,
        PostCounter.section_id,
        cast(func.sum(PostCounter.posts), BigInteger),
    )
    .where(PostCounter.portal_id == PORTAL_ID)
    .group_by(PostCounter.kind, PostCounter.ref_id, PostCounter.status_id, PostCounter.section_id)
)
"""(kind, ref id, status id, section id, posts) as they are kept."""


def repair(work: UnitOfWork) -> None:
    """Make the kept numbers equal to a recount."""
    work.execute(_CLEAR)
    work.execute(_REPAIR)


def find_mismatches(work: UnitOfWork) -> list[tuple[CounterKey, int, int]]:
    """(place, kept, counted) wherever they differ; empty when all is well."""
    kept, counted = (
        {CounterKey(*place): int(posts) for *place, posts in work.fetch_all(statement)}
        for statement in (STORED, RECOUNTED)
    )
    places = sorted(kept.keys() | counted.keys(), key=lambda place: place.sort_key)
    compared = ((place, kept.get(place, 0), counted.get(place, 0)) for place in places)
    return [(place, was, ought) for place, was, ought in compared if was != ought]
