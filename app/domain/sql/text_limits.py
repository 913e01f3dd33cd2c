"""Limits on the texts of a page, which bound its memory as the limit on its rows does.

The limit of a text depends on the number of rows of the page. A longer text raises `TextsTooLong`, and the caller
reads the rows a few at a time instead. SQLite rejects such a text while it reads (`Database.read`). PostgreSQL sends
all rows at once, so there the statement of a page selects `TRUNCATION_MARK` in place of the text.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Integer, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

from app.domain.models.base import UNBOUNDED
from app.domain.sql.statement import POSTGRESQL, SQLITE, Column

MAX_PAGE_BYTES: Final = 1024 * 1024
MIN_TEXT_BYTES: Final = 1024
TRUNCATION_MARK: Final = "\x01 too long"
"""The value in place of a text that is too long."""


class TextsTooLong(Exception):
    """The texts of a page are too long to be read at once."""


@lru_cache(maxsize=256)
def max_text_bytes(rows: int) -> int:
    """The limit of each text of a page, so that all rows together stay near MAX_PAGE_BYTES."""
    return max(MIN_TEXT_BYTES, MAX_PAGE_BYTES // max(1, rows))


class limited_text(ColumnElement[str]):
    """The column, or on PostgreSQL TRUNCATION_MARK where it has more bytes than the parameter `max_text`."""

    inherit_cache = True
    type = Text()

    def __init__(self, column: Any) -> None:
        self.column = column.__clause_element__()
        self.max_bytes: ColumnElement[int] = bindparam("max_text", type_=Integer)


@compiles(limited_text, SQLITE)
def _limited_text_sqlite(element: limited_text, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.column, **kw)


@compiles(limited_text, POSTGRESQL)
def _limited_text_postgresql(element: limited_text, compiler: SQLCompiler, **kw: Any) -> str:
    kw.pop("within_columns_clause", None)
    column, maximum = compiler.process(element.column, **kw), compiler.process(element.max_bytes, **kw)
    # PostgreSQL reads only the length of a text that is stored out of line.
    return f"CASE WHEN octet_length({column}) > {maximum} THEN E'\\x01 too long' ELSE {column} END"


def long_columns(columns: Sequence[Column]) -> tuple[int, ...]:
    """The indexes of the text columns without a length limit, marked by `UNBOUNDED` in their `info`."""
    return tuple(index for index, column in enumerate(columns) if UNBOUNDED in getattr(column, "info", ()))


def with_limits(columns: Sequence[Column], indexes: Sequence[int]) -> list[Any]:
    """The columns, with a limit on those at these indexes."""
    return [limited_text(column) if index in indexes else column for index, column in enumerate(columns)]


def check_lengths(engine: str, rows: Sequence[Sequence[Any]], indexes: Sequence[int]) -> None:
    """Raise TextsTooLong when a text at one of these indexes was replaced by TRUNCATION_MARK."""
    if engine == POSTGRESQL:
        for index in indexes:
            for row in rows:
                if row[index] == TRUNCATION_MARK:
                    raise TextsTooLong
