"""The staff summary: how many posts were published, and how many wait for approval."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, case, func, literal_column, or_, select

from app.domain.models import Delivery, Post, User
from app.domain.models.base import UtcTimestamp
from app.domain.notifications.recipients import IS_REACHABLE, IS_STAFF
from app.domain.notifications.schedule import recap_period
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.sql.json_rows import BIGINT
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

_has_recap: ColumnElement[bool] = User.recap != literal_column("'never'")
_PORTALS: Final = Statement(select(User.portal_id).where(_has_recap).distinct(), across_portals=True)
_STAFF: Final = Statement(
    select(User.id, User.recap).where(User.portal_id == PORTAL_ID, _has_recap, IS_STAFF, IS_REACHABLE).order_by(User.id)
)
_MADE: Final = Statement(
    select(Delivery.dedup_key).where(in_portal_unindexed(Delivery), in_list(Delivery.dedup_key, "keys"))
)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_by_others = or_(Post.user_id.is_(None), Post.user_id != bindparam("user", type_=BIGINT))
_COUNTS: Final = Statement(
    select(_count(IS_PUBLIC & _by_others), _count(Post.moderation == "pending")).where(
        Post.portal_id == PORTAL_ID,
        Post.created_at >= bindparam("since", type_=UtcTimestamp),
        Post.created_at < bindparam("until", type_=UtcTimestamp),
    )
)


@dataclass(frozen=True, slots=True)
class DueRecap:
    """The staff summary of one user for one day."""

    user_id: int
    frequency: str
    published: int
    """Posts of the period that visitors see, except the user's own."""
    pending: int
    """Posts of the period that wait for approval."""
    dedup_key: str
    """Of the delivery, of which there is one only."""


def portals_with_recaps(work: UnitOfWork) -> list[int]:
    """The portals in which a user wants a summary."""
    return [row[0] for row in work.fetch_all(_PORTALS)]


def find_due(work: UnitOfWork) -> list[DueRecap]:
    """The summaries that are due today, have something to report, and have no delivery yet. Changes nothing.

    docs/contracts/astuto.md, section 3.6. A summary that was not made at 15:00 UTC is due until the end of the day.
    """
    staff: dict[str, tuple[int, str, tuple[datetime, datetime]]] = {}
    for user_id, frequency in work.fetch_all(_STAFF):
        period = recap_period(frequency, work.now)
        if period is not None:
            staff[f"recap:{user_id}:{period[1]:%Y-%m-%d}"] = (user_id, frequency, period)
    for (dedup_key,) in work.fetch_all(_MADE, keys=list(staff)) if staff else ():
        del staff[dedup_key]
    recaps = []
    for dedup_key, (user_id, frequency, (since, until)) in staff.items():
        counts: Sequence[Any] | None = work.fetch_one(_COUNTS, user=user_id, since=since, until=until)
        assert counts is not None
        if any(counts):
            recaps.append(DueRecap(user_id, frequency, int(counts[0]), int(counts[1]), dedup_key))
    return recaps
