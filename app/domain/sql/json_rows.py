"""Rows handed to a statement as one parameter: a constant statement that changes however many rows at once.

The parameter is JSON text, `[[1, "a"], [2, "b"]]`, on both engines.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from sqlalchemy import BigInteger, ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from app.domain.sql.statement import POSTGRESQL, SQLITE

BIGINT: Final[TypeEngine[int]] = BigInteger()
TEXT: Final[TypeEngine[str]] = Text()


def encode_rows(rows: Sequence[Sequence[Any]]) -> str:
    """The rows as the parameter's value."""
    return orjson.dumps(rows).decode()


class json_rows(FunctionElement[Any]):
    """The rows of the parameter `name`; `part(rows.c.value, 0, WHOLE)` is the first column of one."""

    inherit_cache = True
    name = "json_rows"

    def __init__(self, name: str) -> None:
        super().__init__(bindparam(name, type_=Text()))


class json_column(FunctionElement[Any]):
    """One column of a given row."""

    inherit_cache = True
    name = "part"

    def __init__(self, row: ColumnElement[Any], place: int, kind: TypeEngine[Any]) -> None:
        super().__init__(row)
        self.place = place
        self.type = kind


@compiles(json_rows, SQLITE)
def _rows_sqlite(element: json_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(json_rows, POSTGRESQL)
def _rows_postgresql(element: json_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS JSONB))"


@compiles(json_column, SQLITE)
def _part_sqlite(element: json_column, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$[{element.place}]')"


@compiles(json_column, POSTGRESQL)
def _part_postgresql(element: json_column, compiler: SQLCompiler, **kw: Any) -> str:
    kind = element.type.compile(dialect=compiler.dialect)
    return f"CAST({compiler.process(element.clauses, **kw)} ->> {element.place} AS {kind})"
