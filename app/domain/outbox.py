"""What waits to be told to the world outside: facts of which no letter and no call has been made yet."""

from datetime import datetime
from typing import Final

from sqlalchemy import func, literal, select

from app.domain.models import EventRow
from app.domain.sql import timestamps
from app.domain.sql.statement import POSTGRESQL, Statement
from app.domain.unit_of_work import UnitOfWork

MAX_COUNTED: Final = 100_000
"""Counting reads each waiting row's entry in the index, so it ends somewhere; beyond this nobody needs to be exact."""

_DEPTH: Final = Statement(
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
    """When the newest fact of all portals was written."""
    row = work.fetch_one(_NEWEST)
    return None if row is None else timestamps.to_datetime(row[0])


def database_time(work: UnitOfWork) -> datetime | None:
    """The time where the database runs; None for SQLite, which runs here."""
    return timestamps.to_datetime(work.fetch_value(_CLOCK)) if work.engine == POSTGRESQL else None


def pending_count(work: UnitOfWork) -> int:
    """How many facts of all portals wait, MAX_COUNTED at most."""
    return int(work.fetch_value(_DEPTH))
