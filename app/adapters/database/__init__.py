"""The database: runs operations on SQLite and on PostgreSQL. Nothing outside this package commits.

`read(operation, context)` and `write(operation, context)` call a plain function with a `UnitOfWork` and return its
result. Requests, the command line and the tests run the same functions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from app.adapters.problem import InvalidValue
from app.domain.permissions import OPERATOR, Actor
from app.domain.unit_of_work import Connection, UnitOfWork

T = TypeVar("T")
Operation: TypeAlias = Callable[[UnitOfWork], T]
Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of the server."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class PortalContext:
    """The portal, the actor and the public URL of a UnitOfWork."""

    portal_id: int
    actor: Actor
    base_url: str | None = None

    def begin(self, connection: Connection, now: datetime) -> UnitOfWork:
        """A unit of work on the connection."""
        return UnitOfWork(connection, portal_id=self.portal_id, actor=self.actor, now=now, base_url=self.base_url)


NO_PORTAL = PortalContext(portal_id=0, actor=OPERATOR)
"""For the few queries that run before the portal is known, such as which portal a key or a host belongs to."""


class Database(Protocol):
    """Runs operations. Raises `app.domain.errors.ServiceUnavailable` while the database is unavailable."""

    engine: str

    async def open(self) -> None:
        """Connect. Raises DatabaseUnusable."""

    def start_background_work(self) -> None:
        """Start the maintenance that a serving process runs beside its requests, on the running event loop."""

    async def close(self) -> None:
        """Wait for running operations, then disconnect."""

    async def read(
        self,
        operation: Operation[T],
        context: PortalContext,
        *,
        in_thread: bool = False,
        snapshot: bool = False,
        max_text: int | None = None,
    ) -> T:
        """Run an operation that changes nothing.

        `in_thread`: it may take more than a millisecond, so it must not block the event loop. `snapshot`: all its
        statements must see the same state. `max_text`: raise `TextsTooLong` if SQLite reads a text of more bytes; on
        PostgreSQL the operation itself must not select longer ones.
        """
        ...

    async def write(
        self,
        operation: Operation[T],
        context: PortalContext,
        *,
        in_thread: bool = False,
        single_statement: bool = False,
    ) -> T:
        """Run an operation in one transaction: committed when it returns, rolled back when it raises.

        `in_thread`: on SQLite it may take more than a millisecond, so it runs in a thread. On PostgreSQL each operation
        runs in the event loop, which goes on during its statements; see `UnitOfWork.compute` for the rest.
        `single_statement`: on PostgreSQL the operation changes rows with one statement, which is its own transaction.
        """
        ...

    def write_version(self) -> int | None:
        """A number that changes with each write by another process; None while it can't be read.

        PostgreSQL has no such number, so there it is constant.
        """
        ...

    def stats(self) -> Mapping[str, float]:
        """Its metrics: `connections_max`, `_open`, `_in_use` and `_waiting`, or `wal_bytes`."""
        ...

    def describe(self) -> str:
        """A description of the database for people, without secrets."""
        ...


def create_database(url: str, *, password: str | None = None, clock: Clock = utc_now, **options: Any) -> Database:
    """The database at the URL: `sqlite:///path` or `postgresql://…`. Raises InvalidValue for any other."""
    if url.startswith("sqlite:///"):
        from app.adapters.database.sqlite import SqliteDatabase

        return SqliteDatabase(Path(url.removeprefix("sqlite:///")), clock=clock)
    if url.startswith(("postgresql://", "postgres://")):
        try:
            from app.adapters.database.postgres import PostgresDatabase
        except ModuleNotFoundError as error:
            raise InvalidValue("the client of PostgreSQL is not installed", "pip install asyncpg") from error
        return PostgresDatabase(url, password=password, clock=clock, **options)
    raise InvalidValue("must begin with sqlite:/// or postgresql://", "write one of the two")
