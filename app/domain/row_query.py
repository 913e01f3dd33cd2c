"""What the queries for posts, votes, comments, users and feedback have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select

from app.domain.permissions import Permission
from app.domain.sql import text_limits
from app.domain.sql.statement import Column, Statement
from app.domain.unit_of_work import Row, UnitOfWork

MAX_STATEMENTS: Final = 512
"""Statements cached by a query; one takes some tens of kilobytes, and a few milliseconds to build."""


@dataclass(eq=False)
class RowQuery:
    """Selects the given columns, in this order; each method raises Forbidden without READ."""

    columns: Sequence[Column]
    bounded: bool = field(default=False, kw_only=True)
    """Whether pages, and several rows by id, raise TextsTooLong for long texts instead of returning them."""
    _statements: dict[Any, Statement] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._long_columns = text_limits.long_columns(self.columns) if self.bounded else ()
        self._limited_columns = text_limits.with_limits(self.columns, self._long_columns)

    @abstractmethod
    def _select_by_ids(self, columns: Sequence[Column]) -> Select[Any]:
        """The rows of the portal whose id is in the parameter `ids`."""

    def by_ids(self, work: UnitOfWork, ids: Sequence[int]) -> list[Row]:
        """The rows with these ids in this order, without those deleted meanwhile. The id must be the first column.

        The texts of a single row have no limit.
        """
        work.authorize(Permission.READ)
        is_single = len(ids) == 1
        key = ("by_ids", is_single)
        statement = self._statements.get(key) or self._cache(
            key, self._select_by_ids(self.columns if is_single else self._limited_columns)
        )
        rows = work.fetch_all(statement, ids=list(ids), max_text=text_limits.max_text_bytes(len(ids)))
        text_limits.check_lengths(work.engine, rows, () if is_single else self._long_columns)
        rows_by_id = {row[0]: row for row in rows}
        return [rows_by_id[row_id] for row_id in ids if row_id in rows_by_id]

    def _fetch_limited(self, work: UnitOfWork, statement: Statement, *, limit: int, **values: Any) -> Sequence[Row]:
        """The rows of a page of at most `limit` rows. Raises TextsTooLong."""
        rows = work.fetch_all(statement, limit=limit, max_text=text_limits.max_text_bytes(limit), **values)
        text_limits.check_lengths(work.engine, rows, self._long_columns)
        return rows

    def _cache(self, key: Any, source: Select[Any]) -> Statement:
        if len(self._statements) >= MAX_STATEMENTS:
            # A client that requests every combination of filters, orders and limits must not exhaust the memory.
            del self._statements[next(iter(self._statements))]
        statement = self._statements[key] = Statement(source)
        return statement
