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

WHOLE: Final[TypeEngine[int]] = BigInteger()
WORDS: Final[TypeEngine[str]] = Text()


def packed(rows: Sequence[Sequence[Any]]) -> str:
    """The rows as the parameter's value."""
    return orjson.dumps(rows).decode()


class given_rows(FunctionElement[Any]):
    """The rows of the parameter `name`; `part(rows.c.value, 0, WHOLE)` is the first column of one."""

    inherit_cache = True
    name = "given_rows"

    def __init__(self, name: str) -> None:
        super().__init__(bindparam(name, type_=Text()))


class part(FunctionElement[Any]):
    """One column of a given row."""

    inherit_cache = True
    name = "part"

    def __init__(self, row: ColumnElement[Any], place: int, kind: TypeEngine[Any]) -> None:
        super().__init__(row)
        self.place = place
        self.type = kind


@compiles(given_rows, SQLITE)
def _rows_sqlite(element: given_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(given_rows, POSTGRESQL)
def _rows_postgresql(element: given_rows, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS JSONB))"


@compiles(part, SQLITE)
def _part_sqlite(element: part, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$[{element.place}]')"


@compiles(part, POSTGRESQL)
def _part_postgresql(element: part, compiler: SQLCompiler, **kw: Any) -> str:
    kind = element.type.compile(dialect=compiler.dialect)
    return f"CAST({compiler.process(element.clauses, **kw)} ->> {element.place} AS {kind})"
