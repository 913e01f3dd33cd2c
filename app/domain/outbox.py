"""What waits to be told to the world outside: facts of which no letter and no call has been made yet."""

from typing import Final

from sqlalchemy import func, literal, select

from app.domain.model import FactRow
from app.domain.statements import Statement
from app.domain.work import Work

MOST_COUNTED: Final = 100_000
"""Counting reads each waiting row's entry in the index, so it ends somewhere; beyond this nobody needs to be exact."""

_DEPTH: Final = Statement(
    select(func.count()).select_from(
        select(literal(1).label("one")).where(FactRow.expanded_at.is_(None)).limit(MOST_COUNTED).subquery()
    ),
    across_portals=True,
)


def depth(work: Work) -> int:
    """How many facts of all portals wait, MOST_COUNTED at most."""
    return int(work.value(_DEPTH))
