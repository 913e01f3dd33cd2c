"""Statements that are built once, compiled once per engine, and run on the raw driver.

Building a SQLAlchemy statement anew for each request costs several times what the database needs to answer it, and so
does the way through an ORM session. A `Statement` keeps the compiled text and the order of its parameters, so a request
pays for a dictionary look-up and the driver. Rows come back as the driver hands them: booleans may be 0 and 1, moments
are what `app.domain.sql.timestamps` can print.

Every statement binds a parameter named `portal`, which `Work` fills in: this is the one place that keeps portals apart.
The few that must look across portals say so.
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
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
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
    "json_array_of",
    "upsert",
]

Column: TypeAlias = SQLColumnExpression[Any]
"""A table's column, or an expression over columns."""

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

SQL_COMPILERS: Final[Mapping[str, Dialect]] = {SQLITE: pysqlite_dialect(), POSTGRESQL: asyncpg_dialect()}  # type: ignore[no-untyped-call]
# SQLite knows TRUE and FALSE; without this SQLAlchemy writes `= 1` behind every condition, which hides it from indexes.
SQL_COMPILERS[SQLITE].supports_native_boolean = True

PORTAL_ID: Final = bindparam("portal", type_=BigInteger)
"""The portal of the Work that runs the statement."""

NOW: Final = bindparam("now", type_=UtcTimestamp)
"""The moment of the Work that runs the statement."""


class MissingPortalFilter(Exception):
    """A statement neither binds `portal` nor says that it looks across portals: a bug, found in its first test."""


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """A statement's text for one engine, and the names of its parameters in the driver's order."""

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]
    """Values that the statement itself carries."""
    is_read: bool
    """Whether it changes nothing."""
    uses_now: bool
    """Whether it binds the moment of the Work."""

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the driver's order. Raises KeyError for a parameter nobody gave."""
        fixed = self.constants
        if fixed:
            return [fixed[name] if name in fixed else values[name] for name in self.names]
        return [values[name] for name in self.names]


class Statement:
    """One question or change, ready for both engines."""

    __slots__ = ("_compiled", "across_portals", "source")

    def __init__(self, source: Executable, *, across_portals: bool = False) -> None:
        self.source = source
        self.across_portals = across_portals
        self._compiled: dict[str, CompiledStatement] = {}

    def compiled(self, engine: str) -> CompiledStatement:
        """The text for `engine`, made at the first call. Raises MissingPortalFilter."""
        ready = self._compiled.get(engine)
        if ready is None:
            ready = self._compiled[engine] = _compile(self, SQL_COMPILERS[engine])
        return ready


def _compile(statement: Statement, dialect: Dialect) -> CompiledStatement:
    compiled: SQLCompiler = statement.source.compile(dialect=dialect)  # type: ignore[attr-defined]
    if not statement.across_portals and "portal" not in compiled.binds:
        raise MissingPortalFilter(str(compiled))
    if compiled.post_compile_params:
        raise TypeError(f"use among() instead of in_(): a constant statement has no lists of its own: {compiled}")
    names = tuple(compiled.positiontup or ())
    fixed = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
    return CompiledStatement(
        str(compiled), names, fixed, is_read=not getattr(statement.source, "is_dml", False), uses_now="now" in names
    )


def in_portal_unindexed(table: Any) -> ColumnElement[bool]:
    """The rows of the table that belong to the portal, in a form that no index on the portal serves.

    For statements that reach their rows by another key, such as a list of ids. With the plain comparison SQLite may
    choose the portal's index and read every row of the portal; it can't use an index for a sum.
    """
    condition: ColumnElement[bool] = table.portal_id + literal_column("0") == PORTAL_ID
    return condition


class in_list(ColumnElement[bool]):
    """The column is one of the values of one list parameter: a constant statement, however long the list."""

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: Column, name: str) -> None:
        self.column = coercions.expect(roles.ExpressionElementRole, column)
        self.parameter: ColumnElement[Any] = bindparam(name)


@compiles(in_list, SQLITE)
def _among_sqlite(element: in_list, compiler: SQLCompiler, **kw: Any) -> str:
    column, parameter = compiler.process(element.column, **kw), compiler.process(element.parameter, **kw)
    return f"{column} IN (SELECT value FROM json_each({parameter}))"  # noqa: S608 - both are compiled expressions


@compiles(in_list, POSTGRESQL)
def _among_postgresql(element: in_list, compiler: SQLCompiler, **kw: Any) -> str:
    column, name = compiler.process(element.column, **kw), element.parameter
    kind = element.column.type.compile(dialect=compiler.dialect)
    # Without its own cast the parameter would get the type that SQLAlchemy guesses for a scalar.
    return f"{column} = ANY (CAST({compiler.process(name, render_bind_cast=False, **kw)} AS {kind}[]))"


class json_array_of(ColumnElement[str]):
    """All rows of a subquery as JSON text: `[{"name": value, …}, …]` in its order, `[]` when there are none."""

    inherit_cache = True

    def __init__(self, rows: Subquery) -> None:
        pairs = [part for column in rows.c for part in (literal_column(f"'{column.name}'"), column)]
        self.sqlite = select(func.json_group_array(func.json_object(*pairs))).scalar_subquery()
        # This way PostgreSQL writes JSON without blanks; json_agg and json_build_object put some in.
        array = func.array_to_json(func.array_agg(func.row_to_json(rows.table_valued())))
        self.postgresql = select(func.coalesce(cast(array, Text), literal_column("'[]'"))).scalar_subquery()


@compiles(json_array_of, SQLITE)
def _objects_sqlite(element: json_array_of, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.sqlite, **kw)


@compiles(json_array_of, POSTGRESQL)
def _objects_postgresql(element: json_array_of, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.postgresql, **kw)
