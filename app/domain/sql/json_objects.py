"""JSON objects that the database makes of columns, so that long texts are copied without being read."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import Text

from app.domain.sql.statement import POSTGRESQL, SQLITE, Column


class json_object(ColumnElement[str]):
    """`{"name": value, …}`; a `json_object` inside is an object there. Timestamps become text with the zone, or UTC.

    Booleans are 0 and 1 on SQLite.
    """

    inherit_cache = True
    type = Text()

    def __init__(self, columns: Mapping[str, Column]) -> None:
        pairs = [part for name, column in columns.items() for part in (literal_column(f"'{name}'"), column)]
        self.sqlite = func.json_object(*pairs)
        self.postgresql = func.json_build_object(*pairs)


@compiles(json_object, SQLITE)
def _json_object_sqlite(element: json_object, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.sqlite, **kw)


@compiles(json_object, POSTGRESQL)
def _json_object_postgresql(element: json_object, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.postgresql, **kw)
