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

from app.domain.models import Portal, Post, PostCategory, Tally
from app.domain.models.counters import SHARDS, TALLIES
from app.domain.sql.json_rows import WHOLE, WORDS, given_rows, packed, part
from app.domain.sql.statement import SQLITE, Column, Statement, portal, upsert
from app.domain.unit_of_work import Work

_COLUMNS: Final = ["portal_id", "kind", "ref_id", "status_id", "section_id", "shard", "posts"]
_KEY: Final = _COLUMNS[:-1]
_NONE: Final[ColumnElement[int]] = literal_column("0")


class Place(NamedTuple):
    """What a number counts; see `Tally`."""

    kind: str
    ref_id: int = 0
    status_id: int = 0
    section_id: int = 0

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Everybody changes numbers in this order, so that none deadlock."""
        return TALLIES.index(self.kind), *self[1:]


def places_of(
    *, board_id: int, status_id: int | None, section_id: int | None, category_ids: Iterable[int] = ()
) -> set[Place]:
    """Where a post counts."""
    by = (status_id or 0, section_id or 0)
    found = {Place("portal"), Place("board", board_id), Place("status", 0, *by)}
    return found.union(Place("category", category_id, *by) for category_id in category_ids)


def adding(rows: SelectBase) -> Any:
    """The statement that adds these rows to the numbers: portal, kind, ref, status, section, shard, posts."""
    added = upsert(Tally).from_select(_COLUMNS, rows)
    return added.on_conflict_do_update(index_elements=_KEY, set_={"posts": Tally.posts + added.excluded.posts})


_given = given_rows("places").table_valued("value", name="given")
_ADD: Final = Statement(
    adding(
        select(
            cast(portal, WHOLE),
            part(_given.c.value, 0, WORDS),
            *(part(_given.c.value, at, WHOLE) for at in (1, 2, 3)),
            bindparam("shard", type_=SmallInteger),
            part(_given.c.value, 4, WHOLE),
        ).where(literal_column("true"))
    )
)


def change(work: Work, post_id: int, *, before: Collection[Place] = (), after: Collection[Place] = ()) -> None:
    """Count the post out of the places it left and into those it came to; a new post left none."""
    steps = [
        (*place, +1 if place in after else -1) for place in sorted({*before} ^ {*after}, key=lambda one: one.order)
    ]
    if steps:
        work.run(_ADD, places=packed(steps), shard=_shard(work, post_id))


def uncount(work: Work, posts: Iterable[tuple[int, Collection[Place]]]) -> None:
    """Count posts out, each with all the places where it counts."""
    lost: dict[int, Counter[Place]] = defaultdict(Counter)
    for post_id, places in posts:
        lost[_shard(work, post_id)].update(places)
    for shard, by_place in sorted(lost.items()):
        steps = [(*place, -by_place[place]) for place in sorted(by_place, key=lambda one: one.order)]
        work.run(_ADD, places=packed(steps), shard=shard)


def _shard(work: Work, post_id: int) -> int:
    # On SQLite creates never run at once, and fewer rows are fewer pages to write.
    return 0 if work.engine == SQLITE else post_id % SHARDS


# Two such acts at once, say for a section and for a category, would each miss the rows that the other is writing: so
# they take turns. Posts that come and go meanwhile don't wait: they only point at the portal.
_ONE_BY_ONE: Final = Statement(select(Portal.id).where(Portal.id == portal).with_for_update(key_share=True))

_DROP_CATEGORY: Final = Statement(
    delete(Tally).where(
        Tally.portal_id == portal, Tally.kind == literal_column("'category'"), Tally.ref_id == bindparam("category")
    )
)


def drop_category(work: Work, category_id: int) -> None:
    """Forget the numbers of a category that is gone."""
    work.one(_ONE_BY_ONE)
    work.run(_DROP_CATEGORY, category=category_id)


def _handing_over(column: Column) -> tuple[Statement, Statement]:
    """Add the numbers under `gone` to those under `heir`, and forget them."""
    theirs = (Tally.portal_id == portal, column == bindparam("gone"))
    heir = bindparam("heir", type_=BigInteger)
    fine: list[Column] = [heir if each is column else each for each in (Tally.status_id, Tally.section_id)]
    rows = select(Tally.portal_id, Tally.kind, Tally.ref_id, *fine, Tally.shard, Tally.posts).where(*theirs)
    # In the order of `Place`: kinds that ask for a status are the last two, and stand in the alphabet the other way.
    in_order = rows.order_by(Tally.kind.desc(), Tally.ref_id, Tally.status_id, Tally.section_id, Tally.shard)
    return Statement(adding(in_order)), Statement(delete(Tally).where(*theirs))


_STATUS: Final = _handing_over(Tally.status_id)
_SECTION: Final = _handing_over(Tally.section_id)


def hand_over_status(work: Work, status_id: int, heir_id: int | None) -> None:
    """All posts of a status have come to another, or to none."""
    _hand_over(work, _STATUS, status_id, heir_id or 0)


def empty_section(work: Work, section_id: int) -> None:
    """All posts of a section lie in none now."""
    _hand_over(work, _SECTION, section_id, 0)


def _hand_over(work: Work, statements: tuple[Statement, Statement], gone: int, heir: int) -> None:
    work.one(_ONE_BY_ONE)
    for statement in statements:
        work.run(statement, gone=gone, heir=heir)


_CLEAR: Final = Statement(delete(Tally).where(Tally.portal_id == portal))


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
    return rows.where(Post.portal_id == portal).group_by(*(each for each in by if each is not _NONE))


_TRUTH = union_all(*(_recounted(kind) for kind in TALLIES))
_truth = _TRUTH.subquery("truth")
_REPAIR: Final = Statement(
    insert(Tally).from_select(
        _COLUMNS, select(portal, *(_truth.c[name] for name in _COLUMNS[1:5]), _NONE, _truth.c.posts)
    )
)
COUNTED: Final = Statement(_TRUTH)
"""(kind, ref id, status id, section id, posts) as a recount of the rows gives them."""

KEPT: Final = Statement(
    select(Tally.kind, Tally.ref_id, Tally.status_id, Tally.section_id, cast(func.sum(Tally.posts), BigInteger))
    .where(Tally.portal_id == portal)
    .group_by(Tally.kind, Tally.ref_id, Tally.status_id, Tally.section_id)
)
"""(kind, ref id, status id, section id, posts) as they are kept."""


def repair(work: Work) -> None:
    """Make the kept numbers equal to a recount."""
    work.run(_CLEAR)
    work.run(_REPAIR)


def differences(work: Work) -> list[tuple[Place, int, int]]:
    """(place, kept, counted) wherever they differ; empty when all is well."""
    kept, counted = (
        {Place(*place): int(posts) for *place, posts in work.rows(statement)} for statement in (KEPT, COUNTED)
    )
    places = sorted(kept.keys() | counted.keys(), key=lambda place: place.order)
    compared = ((place, kept.get(place, 0), counted.get(place, 0)) for place in places)
    return [(place, was, ought) for place, was, ought in compared if was != ought]
