"""Pagination: LIMIT and OFFSET in constant statements.

PostgreSQL plans a prepared statement once and reuses the plan, unless the plan depends on an unknown limit: then it
plans at each call, which costs more than the page, or assumes a tenth of the table. So common limits are literals in
the statement, and the statement of a first page has no offset.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import Select, bindparam, literal_column

DEEP_OFFSET: Final = 1000
"""From this offset on, the ids of a page are read from the index first, which skips rows without fetching them."""

COMMON_LIMITS: Final = frozenset({10, 20, 21, 25, 30, 31, 50, 51, 100})
"""The limits of clients, and those of the pages, which read one row more to know whether another page follows."""


class PageShape(NamedTuple):
    """The part of a page that its constant statement depends on. The parameters are `limit` and `offset`."""

    limit: int | None
    """A common limit, which is a literal in the statement; None for any other."""
    first: bool
    deep: bool
    from_end: bool = False
    """Whether rows are skipped from the other end, which is shorter for a page beyond the middle."""

    def apply(self, rows: Select[Any]) -> Select[Any]:
        """Add LIMIT and OFFSET to the sorted rows."""
        limited = rows.limit(bindparam("limit") if self.limit is None else literal_column(str(self.limit)))
        return limited if self.first else limited.offset(bindparam("offset"))


def page_shape(offset: int, limit: int) -> PageShape:
    """The shape of a page of at most `limit` rows after the first `offset` rows."""
    return PageShape(limit if limit in COMMON_LIMITS else None, offset == 0, offset >= DEEP_OFFSET)
