"""Counts the statements that an operation runs."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from app.domain.sql.statement import Statement
from app.domain.unit_of_work import Connection, Row

T = TypeVar("T")


class Counting:
    """A connection that keeps the statements it runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.engine = connection.engine
        self.statements: list[Statement] = []

    def fetch_all(self, statement: Statement, values: dict[str, Any]) -> Sequence[Row]:
        self.statements.append(statement)
        return self._connection.fetch_all(statement, values)

    def execute(self, statement: Statement, values: dict[str, Any]) -> int:
        self.statements.append(statement)
        return self._connection.execute(statement, values)

    def compute(self, function: Callable[[], T]) -> T:
        return self._connection.compute(function)
