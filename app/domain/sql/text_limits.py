"""How long the texts of one page may be. A list is bounded by rows; where its texts are long, it is read by bytes.

A page carries no text above a bound that depends on its rows: then `TextsTooLong` is raised, and the rows are read a
few
at a time instead. SQLite refuses such a text while it reads (`Database.read`). PostgreSQL sends all rows at once, so
there the statement of a page puts `TOO_LONG` in the text's place.
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
"""Stands for a text that was not read."""


class TextsTooLong(Exception):
    """The page's texts are too long to be read at once."""


@lru_cache(maxsize=256)
def max_text_bytes(rows: int) -> int:
    """How long each text of a page may be, so that all rows together stay near MAX_PAGE_BYTES."""
    return max(MIN_TEXT_BYTES, MAX_PAGE_BYTES // max(1, rows))


class limited_text(ColumnElement[str]):
    """The column, or TOO_LONG where it has more bytes than the parameter `max_text`; on SQLite just the column."""

    inherit_cache = True
    type = Text()

    def __init__(self, column: Any) -> None:
        self.column = column.__clause_element__()
        self.max_bytes: ColumnElement[int] = bindparam("max_text", type_=Integer)


@compiles(limited_text, SQLITE)
def _bounded_sqlite(element: limited_text, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.column, **kw)


@compiles(limited_text, POSTGRESQL)
def _bounded_postgresql(element: limited_text, compiler: SQLCompiler, **kw: Any) -> str:
    kw.pop("within_columns_clause", None)
    column, most = compiler.process(element.column, **kw), compiler.process(element.max_bytes, **kw)
    # Of a text that is stored apart only the length is looked at.
    return f"CASE WHEN octet_length({column}) > {most} THEN E'\\x01 too long' ELSE {column} END"


def long_columns(columns: Sequence[Column]) -> tuple[int, ...]:
    """The places of the columns whose texts have no bound of their own, as `UNBOUNDED` in their `info` says."""
    return tuple(at for at, column in enumerate(columns) if UNBOUNDED in getattr(column, "info", ()))


def with_limits(columns: Sequence[Column], places: Sequence[int]) -> list[Any]:
    """The columns, those at these places bounded."""
    return [limited_text(column) if at in places else column for at, column in enumerate(columns)]


def check_lengths(engine: str, rows: Sequence[Sequence[Any]], places: Sequence[int]) -> None:
    """Raise TextsTooLong when a text at one of these places was left out."""
    if engine == POSTGRESQL:
        for at in places:
            for row in rows:
                if row[at] == TRUNCATION_MARK:
                    raise TextsTooLong
