"""Rows as one parameter, so that a constant statement can change any number of rows.

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
    """The value of the parameter."""
    return orjson.dumps(rows).decode()


class json_rows(FunctionElement[Any]):
    """The rows of the parameter `name`; `json_column(rows.c.value, 0, BIGINT)` is the first column of each."""

    inherit_cache = True
    name = "json_rows"

    def __init__(self, name: str) -> None:
        super().__init__(bindparam(name, type_=Text()))


class json_column(FunctionElement[Any]):
    """One column of such a row."""

    inherit_cache = True
    name = "part"

    def __init__(self, row: ColumnElement[Any], index: int, type_: TypeEngine[Any]) -> None:
        super().__init__(row)
        self.index = index
        self.type = type_


@compiles(json_rows, SQLITE)
def _json_rows_sqlite(element: json_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(json_rows, POSTGRESQL)
def _json_rows_postgresql(element: json_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS JSONB))"


@compiles(json_column, SQLITE)
def _json_column_sqlite(element: json_column, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$[{element.index}]')"


@compiles(json_column, POSTGRESQL)
def _json_column_postgresql(element: json_column, compiler: SQLCompiler, **kw: Any) -> str:
    sql_type = element.type.compile(dialect=compiler.dialect)
    return f"CAST({compiler.process(element.clauses, **kw)} ->> {element.index} AS {sql_type})"
