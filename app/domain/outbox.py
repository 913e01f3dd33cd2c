"""What waits to be told to the world outside: facts of which no letter and no call has been made yet."""

from datetime import datetime
from typing import Final

from sqlalchemy import func, literal, select

from app.domain.models import FactRow
from app.domain.sql import timestamps
from app.domain.sql.statement import POSTGRESQL, Statement
from app.domain.unit_of_work import Work

MOST_COUNTED: Final = 100_000
"""Counting reads each waiting row's entry in the index, so it ends somewhere; beyond this nobody needs to be exact."""

_DEPTH: Final = Statement(
    select(func.count()).select_from(
        select(literal(1).label("one")).where(FactRow.expanded_at.is_(None)).limit(MOST_COUNTED).subquery()
    ),
    across_portals=True,
)


_NEWEST: Final = Statement(
    select(FactRow.created_at).order_by(FactRow.id.desc()).limit(1),
    across_portals=True,
)
_CLOCK: Final = Statement(select(func.clock_timestamp()), across_portals=True)


def newest(work: Work) -> datetime | None:
    """When the newest fact of all portals was written."""
    row = work.one(_NEWEST)
    return None if row is None else timestamps.parsed(row[0])


def clock(work: Work) -> datetime | None:
    """The time where the database runs; None for SQLite, which runs here."""
    return timestamps.parsed(work.value(_CLOCK)) if work.engine == POSTGRESQL else None


def depth(work: Work) -> int:
    """How many facts of all portals wait, MOST_COUNTED at most."""
    return int(work.value(_DEPTH))
