"""Statements that are built once, compiled once for each engine, and run on the raw driver.

Building a SQLAlchemy statement for each request costs several times what the database needs to run it, and so does an
ORM session. A `Statement` keeps the compiled text and the order of its parameters, so a request pays only for a
dictionary look-up and the driver. Rows are what the driver returns: booleans may be 0 and 1, and
`app.domain.sql.timestamps` formats the timestamps.

Every statement binds a parameter named `portal`, which the unit of work fills in: this isolates portals from each
other. The few statements that read across portals declare it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    Subquery,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.dialects.sqlite.pysqlite import dialect as pysqlite_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import Executable, coercions, roles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Boolean

from app.domain.models.base import UtcTimestamp

__all__ = [
    "NOW",
    "PORTAL_ID",
    "POSTGRESQL",
    "SQLITE",
    "Column",
    "CompiledStatement",
    "MissingPortalFilter",
    "Statement",
    "in_list",
    "in_portal_unindexed",
    "insert_row",
    "json_array_of",
    "parameters",
    "row_in_portal",
    "upsert",
]

Column: TypeAlias = SQLColumnExpression[Any]
"""A table's column, or an expression over columns."""

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

SQL_COMPILERS: Final[Mapping[str, Dialect]] = {SQLITE: pysqlite_dialect(), POSTGRESQL: asyncpg_dialect()}  # type: ignore[no-untyped-call]
# SQLite supports TRUE and FALSE. Without this SQLAlchemy adds `= 1` to every condition, which then can't use an index.
SQL_COMPILERS[SQLITE].supports_native_boolean = True

PORTAL_ID: Final = bindparam("portal", type_=BigInteger)
"""The portal of the unit of work that runs the statement."""

NOW: Final = bindparam("now", type_=UtcTimestamp)
"""The time of the unit of work that runs the statement."""


class MissingPortalFilter(Exception):
    """A statement neither binds `portal` nor is marked `across_portals`: a bug in the statement."""


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """A statement's text for one engine, and the names of its parameters in the driver's order."""

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    """Values that are part of the statement."""
    is_read: bool
    """Whether the statement only reads."""
    uses_now: bool
    """Whether the statement binds the time of the unit of work."""

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the driver's order. Raises KeyError for a missing parameter."""
        constants = self.constants
        if constants:
            return [constants[name] if name in constants else values[name] for name in self.names]
        return [values[name] for name in self.names]


class Statement:
    """A query or change for both engines."""

    __slots__ = ("_compiled", "across_portals", "source")

    def __init__(self, source: Executable, *, across_portals: bool = False) -> None:
        self.source = source
        self.across_portals = across_portals
        self._compiled: dict[str, CompiledStatement] = {}

    def compiled(self, engine: str) -> CompiledStatement:
        """The statement compiled for `engine`, at the first call. Raises MissingPortalFilter."""
        compiled = self._compiled.get(engine)
        if compiled is None:
            compiled = self._compiled[engine] = _compile(self, SQL_COMPILERS[engine])
        return compiled


def _compile(statement: Statement, dialect: Dialect) -> CompiledStatement:
    compiled: SQLCompiler = statement.source.compile(dialect=dialect)  # type: ignore[attr-defined]
    if not statement.across_portals and "portal" not in compiled.binds:
        raise MissingPortalFilter(str(compiled))
    if compiled.post_compile_params:
        raise TypeError(f"use in_list() instead of in_(): a constant statement can't expand a list: {compiled}")
    names = tuple(compiled.positiontup or ())
    constants = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
    return CompiledStatement(
        str(compiled), names, constants, is_read=not getattr(statement.source, "is_dml", False), uses_now="now" in names
    )


def in_portal_unindexed(table: Any) -> ColumnElement[bool]:
    """The rows of the table that belong to the portal, in a form that no index on the portal serves.

    For statements that reach their rows by another key, such as a list of ids. With the plain comparison SQLite may
    choose the portal's index and read every row of the portal; it can't use an index for a sum.
    """
    condition: ColumnElement[bool] = table.portal_id + literal_column("0") == PORTAL_ID
    return condition


def row_in_portal(table: Any, parameter: str = "id") -> ColumnElement[bool]:
    """The row of the portal whose id is the parameter."""
    return and_(table.portal_id == PORTAL_ID, table.id == bindparam(parameter))


def parameters(*columns: str) -> dict[str, Any]:
    """The values of an INSERT or UPDATE with a parameter for each column."""
    return {name: bindparam(name) for name in columns}


def insert_row(table: Any, *columns: str) -> Insert:
    """An INSERT of a row of the portal, with a parameter for each column. The row is created, and updated, now."""
    times = {name: NOW for name in ("created_at", "updated_at") if hasattr(table, name)}
    return upsert(table).values(portal_id=PORTAL_ID, **parameters(*columns), **times)


class in_list(ColumnElement[bool]):
    """The column has one of the values of a list, which is one parameter whatever its length."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: Column, name: str) -> None:
        self.column = coercions.expect(roles.ExpressionElementRole, column)
        self.parameter: ColumnElement[Any] = bindparam(name)


@compiles(in_list, SQLITE)
def _in_list_sqlite(element: in_list, compiler: SQLCompiler, **kw: Any) -> str:
    column, parameter = compiler.process(element.column, **kw), compiler.process(element.parameter, **kw)
    return f"{column} IN (SELECT value FROM json_each({parameter}))"  # noqa: S608 - both are compiled expressions


@compiles(in_list, POSTGRESQL)
def _in_list_postgresql(element: in_list, compiler: SQLCompiler, **kw: Any) -> str:
    column, name = compiler.process(element.column, **kw), element.parameter
    sql_type = element.column.type.compile(dialect=compiler.dialect)
    # Without this cast the parameter would get the type that SQLAlchemy infers for a scalar.
    return f"{column} = ANY (CAST({compiler.process(name, render_bind_cast=False, **kw)} AS {sql_type}[]))"


class json_array_of(ColumnElement[str]):
    """All rows of a subquery as JSON text: `[{"name": value, …}, …]` in its order, `[]` without rows."""

    inherit_cache = True

    def __init__(self, rows: Subquery) -> None:
        pairs = [part for column in rows.c for part in (literal_column(f"'{column.name}'"), column)]
        self.sqlite = select(func.json_group_array(func.json_object(*pairs))).scalar_subquery()
        # These functions write JSON without spaces; json_agg and json_build_object insert some.
        array = func.array_to_json(func.array_agg(func.row_to_json(rows.table_valued())))
        self.postgresql = select(func.coalesce(cast(array, Text), literal_column("'[]'"))).scalar_subquery()


@compiles(json_array_of, SQLITE)
def _json_array_of_sqlite(element: json_array_of, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.sqlite, **kw)


@compiles(json_array_of, POSTGRESQL)
def _json_array_of_postgresql(element: json_array_of, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.postgresql, **kw)
