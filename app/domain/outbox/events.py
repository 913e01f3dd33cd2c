"""Events for which no mail and no webhook call has been made yet."""

from datetime import datetime
from typing import Final

from sqlalchemy import func, literal, select

from app.domain.models import EventRow
from app.domain.sql import timestamps
from app.domain.sql.statement import POSTGRESQL, Statement
from app.domain.unit_of_work import UnitOfWork

MAX_COUNTED: Final = 100_000
"""Counting reads one index entry for each pending event, so it stops at this number."""

_PENDING: Final = Statement(
    select(func.count()).select_from(
        select(literal(1).label("one")).where(EventRow.expanded_at.is_(None)).limit(MAX_COUNTED).subquery()
    ),
    across_portals=True,
)


_NEWEST: Final = Statement(
    select(EventRow.created_at).order_by(EventRow.id.desc()).limit(1),
    across_portals=True,
)
_CLOCK: Final = Statement(select(func.clock_timestamp()), across_portals=True)


def newest_timestamp(work: UnitOfWork) -> datetime | None:
    """The time of the newest event of all portals, or None."""
    row = work.fetch_one(_NEWEST)
    return None if row is None else timestamps.to_datetime(row[0])


def database_time(work: UnitOfWork) -> datetime | None:
    """The clock of the PostgreSQL server; None for SQLite, which uses the clock of this process."""
    return timestamps.to_datetime(work.fetch_value(_CLOCK)) if work.engine == POSTGRESQL else None


def pending_count(work: UnitOfWork) -> int:
    """The number of pending events of all portals, at most MAX_COUNTED."""
    return int(work.fetch_value(_PENDING))
