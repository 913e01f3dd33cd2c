"""Audit of the counters: compare them with the rows that they count, and repair them."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, or_, select, text, update

from app.domain.counters import post_counters
from app.domain.models import Comment, Post, PostTag, User, Vote
from app.domain.permissions import Permission
from app.domain.sql.statement import PORTAL_ID, POSTGRESQL, Statement
from app.domain.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CounterMismatch:
    """A counter that differs from a recount. `what` and `id` say of which row: `post 7`, `board 2`."""

    what: str
    id: int
    counter: str
    kept: int
    counted: int


def _recount(owner: Any, table: Any, *conditions: Any) -> Any:
    owner_id = table.post_id if owner is Post else table.user_id
    return select(func.count()).select_from(table).where(owner_id == owner.id, *conditions).scalar_subquery()


_COUNTERS: Final[dict[Any, dict[str, Any]]] = {
    Post: {
        "votes_count": _recount(Post, Vote),
        "comments_count": _recount(Post, Comment, ~Comment.internal),
        "tags_count": _recount(Post, PostTag),
    },
    User: {
        "posts_count": _recount(User, Post),
        "votes_count": _recount(User, Vote),
        "comments_count": _recount(User, Comment, ~Comment.internal),
    },
}


def _mismatches(model: Any, counters: dict[str, Any]) -> Any:
    return or_(*(getattr(model, name) != counted for name, counted in counters.items()))


_MISMATCHES: Final = {
    model: Statement(
        select(model.id, *(column for name, counted in counters.items() for column in (getattr(model, name), counted)))
        .where(model.portal_id == PORTAL_ID, _mismatches(model, counters))
        .order_by(model.id)
    )
    for model, counters in _COUNTERS.items()
}
_REPAIR: Final = {
    model: Statement(update(model).where(model.portal_id == PORTAL_ID, _mismatches(model, counters)).values(counters))
    for model, counters in _COUNTERS.items()
}


_LOCK_TABLES: Final = Statement(
    text("LOCK TABLE posts, users, tallies IN SHARE ROW EXCLUSIVE MODE"), across_portals=True
)
"""Makes other changes of counters wait. Otherwise the repair would overwrite the count of a vote cast meanwhile."""


def find_mismatches(work: UnitOfWork) -> list[CounterMismatch]:
    """All counters of the portal that differ from a recount. Reads every row, so it is slow."""
    mismatches = []
    for model, counters in _COUNTERS.items():
        for row in work.fetch_all(_MISMATCHES[model]):
            pairs = zip(counters, zip(row[1::2], row[2::2], strict=True), strict=True)
            mismatches += [
                CounterMismatch(model.__name__.lower(), row[0], name, kept, counted)
                for name, (kept, counted) in pairs
                if kept != counted
            ]
    for key, stored, counted in post_counters.find_mismatches(work):
        # Posts without a status are reported as posts of status 0, an id that no status has.
        suffix = f" in section {key.section_id}" if key.section_id else ""
        if key.kind == "category":
            suffix = f" of status {key.status_id}{suffix}" if key.status_id else f" of no status{suffix}"
        row_id = key.status_id if key.kind == "status" else key.ref_id
        mismatches.append(CounterMismatch(key.kind, row_id, f"posts{suffix}", stored, counted))
    return mismatches


def repair(work: UnitOfWork) -> list[CounterMismatch]:
    """Set every counter to its recount. Returns the mismatches that were repaired."""
    work.authorize(Permission.OPERATE)
    if work.engine == POSTGRESQL:
        work.fetch_all(_LOCK_TABLES)
    mismatches = find_mismatches(work)
    if any(mismatch.counter.startswith("posts") for mismatch in mismatches):
        post_counters.repair(work)
    for model in _COUNTERS:
        work.execute(_REPAIR[model])
    return mismatches
