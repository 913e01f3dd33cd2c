"""Counters held against the rows they count: where they differ, and putting them right."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, or_, select, text, update

from app.domain.counters import post_counters
from app.domain.models import Comment, Post, User, Vote
from app.domain.permissions import Permission
from app.domain.sql.statement import PORTAL_ID, POSTGRESQL, Statement
from app.domain.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CounterMismatch:
    """A counter that is not what it counts. `what` and `id` say whose: `post 7`, `board 2`."""

    what: str
    id: int
    counter: str
    kept: int
    counted: int


def _counted(of: Any, counted: Any, *conditions: Any) -> Any:
    owner = counted.post_id if of is Post else counted.user_id
    return select(func.count()).select_from(counted).where(owner == of.id, *conditions).scalar_subquery()


_COUNTERS: Final[dict[Any, dict[str, Any]]] = {
    Post: {
        "votes_count": _counted(Post, Vote),
        "comments_count": _counted(Post, Comment, ~Comment.internal),
    },
    User: {
        "posts_count": _counted(User, Post),
        "votes_count": _counted(User, Vote),
        "comments_count": _counted(User, Comment, ~Comment.internal),
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
"""Whoever was counting has finished, and whoever comes waits: else a vote at the same moment would be counted away."""


def find_mismatches(work: UnitOfWork) -> list[CounterMismatch]:
    """Every counter of the portal that differs from a recount; empty when all is well. Reads every row: slow."""
    found = []
    for model, counters in _COUNTERS.items():
        for row in work.fetch_all(_MISMATCHES[model]):
            pairs = zip(counters, zip(row[1::2], row[2::2], strict=True), strict=True)
            found += [
                CounterMismatch(model.__name__.lower(), row[0], name, kept, counted)
                for name, (kept, counted) in pairs
                if kept != counted
            ]
    for place, posts, ought in post_counters.find_mismatches(work):
        # The numbers of posts without a status are told as those of status 0, which is nobody's.
        within = f" in section {place.section_id}" if place.section_id else ""
        if place.kind == "category":
            within = f" of status {place.status_id}{within}" if place.status_id else f" of no status{within}"
        whose = place.status_id if place.kind == "status" else place.ref_id
        found.append(CounterMismatch(place.kind, whose, f"posts{within}", posts, ought))
    return found


def repair(work: UnitOfWork) -> list[CounterMismatch]:
    """Make every counter equal to a recount; what was different."""
    work.authorize(Permission.OPERATE)
    if work.engine == POSTGRESQL:
        work.fetch_all(_LOCK_TABLES)
    found = find_mismatches(work)
    if any(difference.counter.startswith("posts") for difference in found):
        post_counters.repair(work)
    for model in _COUNTERS:
        work.execute(_REPAIR[model])
    return found
