"""Which rows of a list a page shows, and how its statement says so.

PostgreSQL plans a statement once and keeps the plan, unless it must guess how many rows are wanted: then it plans anew
at each call, which costs more than the page, or guesses a tenth of the table. So the usual limits stand in the
statement itself, and a first page has no offset.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import Select, bindparam, literal_column

DEEP_OFFSET: Final = 1000
"""From this row on a page's ids are found in the index alone first: passing over rows costs far less than fetching."""

COMMON_LIMITS: Final = frozenset({10, 20, 25, 30, 50, 100})


class PageShape(NamedTuple):
    """The shape of a page: part of what tells one constant statement from another. Values are `limit` and `skip`."""

    limit: int | None
    """A usual limit, which stands in the statement; None for any other."""
    first: bool
    deep: bool
    from_end: bool = False
    """Counted from the other end, and turned around afterwards: the shorter way to a page beyond the middle."""

    def apply(self, rows: Select[Any]) -> Select[Any]:
        """These rows of the sorted ones."""
        limited = rows.limit(bindparam("limit") if self.limit is None else literal_column(str(self.limit)))
        return limited if self.first else limited.offset(bindparam("skip"))


def page_shape(offset: int, limit: int) -> PageShape:
    """The shape of the page of at most `limit` rows after the first `skip`."""
    return PageShape(limit if limit in COMMON_LIMITS else None, offset == 0, offset >= DEEP_OFFSET)
