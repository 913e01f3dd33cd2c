"""The kept numbers of posts per portal, board, status, section and category.

They change in the transaction that changes the posts. Each number is spread over shards by the post's id, so that posts
created at once seldom wait for one another; a single shard may be negative, the sum never is.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Select,
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

from app.domain.given_rows import WHOLE, WORDS, given_rows, packed, part
from app.domain.model import Post, PostCategory, Tally
from app.domain.model.tally import SHARDS
from app.domain.statements import SQLITE, Column, Statement, portal, upsert
from app.domain.work import Work

_insert = upsert(Tally).values(
    portal_id=portal,
    kind=bindparam("kind"),
    ref_id=bindparam("ref"),
    shard=bindparam("shard"),
    posts=bindparam("step"),
)
_ADD: Final = Statement(
    _insert.on_conflict_do_update(
        index_elements=["portal_id", "kind", "ref_id", "shard"],
        set_={"posts": Tally.posts + _insert.excluded.posts},
    )
)


_places = given_rows("places").table_valued("value", name="given")
_insert_all = upsert(Tally).from_select(
    ["portal_id", "kind", "ref_id", "shard", "posts"],
    select(
        cast(portal, WHOLE),
        part(_places.c.value, 0, WORDS),
        part(_places.c.value, 1, WHOLE),
        bindparam("shard", type_=SmallInteger),
        bindparam("step", type_=BigInteger),
    ).where(literal_column("true")),
)
_ADD_ALL: Final = Statement(
    _insert_all.on_conflict_do_update(
        index_elements=["portal_id", "kind", "ref_id", "shard"],
        set_={"posts": Tally.posts + _insert_all.excluded.posts},
    )
)


def _shard(work: Work, post_id: int) -> int:
    # On SQLite creates never run at once, and fewer rows are fewer pages to write.
    return 0 if work.engine == SQLITE else post_id % SHARDS


def add(work: Work, post_id: int, kind: str, ref_id: int | None, step: int) -> None:
    """Count a post in or out of what it belongs to; nothing when it belongs to none."""
    if ref_id is not None:
        work.run(_ADD, kind=kind, ref=ref_id, shard=_shard(work, post_id), step=step)


def count(
    work: Work,
    post_id: int,
    step: int,
    *,
    board_id: int,
    status_id: int | None,
    section_id: int | None,
    category_ids: Iterable[int] = (),
) -> None:
    """Count a whole post in (+1) or out (-1) everywhere it belongs, always in the same order, so none deadlock."""
    places: list[tuple[str, int]] = [("portal", 0), ("board", board_id)]
    if status_id is not None:
        places.append(("status", status_id))
    if section_id is not None:
        places.append(("section", section_id))
    places += [("category", category_id) for category_id in sorted(category_ids)]
    work.run(_ADD_ALL, places=packed(places), shard=_shard(work, post_id), step=step)


_DROP: Final = Statement(
    delete(Tally).where(Tally.portal_id == portal, Tally.kind == bindparam("kind"), Tally.ref_id == bindparam("ref"))
)
_handed = upsert(Tally).from_select(
    ["portal_id", "kind", "ref_id", "shard", "posts"],
    select(Tally.portal_id, Tally.kind, bindparam("to", type_=BigInteger), Tally.shard, Tally.posts).where(
        Tally.portal_id == portal, Tally.kind == bindparam("kind"), Tally.ref_id == bindparam("ref")
    ),
)
_HAND_OVER: Final = Statement(
    _handed.on_conflict_do_update(
        index_elements=["portal_id", "kind", "ref_id", "shard"],
        set_={"posts": Tally.posts + _handed.excluded.posts},
    )
)


def drop(work: Work, kind: str, ref_id: int) -> None:
    """Forget the number of something that is gone."""
    work.run(_DROP, kind=kind, ref=ref_id)


def hand_over(work: Work, kind: str, ref_id: int, to: int) -> None:
    """All posts of one go to another; the first is forgotten."""
    work.run(_HAND_OVER, kind=kind, ref=ref_id, to=to)
    drop(work, kind, ref_id)


_CLEAR: Final = Statement(delete(Tally).where(Tally.portal_id == portal))


def _recounted(kind: str, ref: Column) -> Select[Any]:
    counted: tuple[Column, ...] = (
        literal_column(f"'{kind}'").label("kind"),
        ref.label("ref"),
        func.count().label("posts"),
    )
    rows = select(*counted).select_from(Post).where(Post.portal_id == portal)
    if kind == "category":
        rows = rows.join(PostCategory, PostCategory.post_id == Post.id)
    return rows if kind == "portal" else rows.where(ref.is_not(None)).group_by(ref)


_TRUTH = union_all(
    _recounted("portal", literal_column("0")),
    _recounted("board", Post.board_id),
    _recounted("status", Post.status_id),
    _recounted("section", Post.section_id),
    _recounted("category", PostCategory.category_id),
)
_truth = _TRUTH.subquery("truth")
_REPAIR: Final = Statement(
    insert(Tally).from_select(
        ["portal_id", "kind", "ref_id", "shard", "posts"],
        select(portal, _truth.c.kind, _truth.c.ref, literal_column("0"), _truth.c.posts),
    )
)
COUNTED: Final = Statement(_TRUTH)
"""(kind, ref id, posts) as a recount of the rows gives them."""

KEPT: Final = Statement(
    select(Tally.kind, Tally.ref_id, cast(func.sum(Tally.posts), BigInteger))
    .where(Tally.portal_id == portal)
    .group_by(Tally.kind, Tally.ref_id)
)
"""(kind, ref id, posts) as they are kept."""


def repair(work: Work) -> None:
    """Make the kept numbers equal to a recount."""
    work.run(_CLEAR)
    work.run(_REPAIR)


def differences(work: Work) -> list[tuple[str, int, int, int]]:
    """(kind, ref id, kept, counted) wherever they differ; empty when all is well."""
    kept = {(row[0], row[1]): row[2] for row in work.rows(KEPT) if row[2]}
    counted = {(row[0], row[1]): row[2] for row in work.rows(COUNTED) if row[2]}
    keys = sorted(kept.keys() | counted.keys())
    return [
        (kind, ref, kept.get((kind, ref), 0), counted.get((kind, ref), 0))
        for kind, ref in keys
        if kept.get((kind, ref), 0) != counted.get((kind, ref), 0)
    ]
