"""The database: how an act is run, on SQLite and on PostgreSQL. Nothing outside this package commits.

`reading(act, standing)` and `writing(act, standing)` hand a `Work` to a plain function and answer what it returns. The
same functions serve requests, the command line and the tests; only where they run differs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from app.domain.permissions import OPERATOR, Actor
from app.domain.unit_of_work import UnitOfWork

T = TypeVar("T")
Operation: TypeAlias = Callable[[UnitOfWork], T]
Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """The server's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class PortalContext:
    """Where a Work stands: in which portal, on whose behalf, under which public address."""

    portal_id: int
    actor: Actor
    base_url: str | None = None


NO_PORTAL = PortalContext(portal_id=0, actor=OPERATOR)
"""For the few questions that come before any portal is known: whose key is this, whose host?"""


class Database(Protocol):
    """Runs acts. Raises `app.domain.errors.Unavailable` when the database can't serve."""

    engine: str

    async def open(self) -> None:
        """Connect. Raises Unavailable with one line that says what to do."""

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
        """Run an act that changes nothing.

        `slow`: may take more than a millisecond, so it must not hold the event loop. `snapshot`: its several
        statements must see one state. `max_text`: raise `TextsTooLong` where SQLite meets a text of more bytes; the act
        itself asks PostgreSQL for no longer ones.
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
        """Run an act in one transaction: committed when it returns, rolled back when it raises.

        `at_once`: where the engine can, the act changes rows with a single statement, which is its own transaction.
        """
        ...

    def write_version(self) -> int | None:
        """A number that is another one after each write by another process; None while that can't be told.

        PostgreSQL tells nothing of the kind, so there it is always the same.
        """
        ...

    def stats(self) -> Mapping[str, float]:
        """Numbers of how busy it is: `connections_max`, `_open`, `_in_use` and `_waiting`, or `wal_bytes`."""
        ...

    def describe(self) -> str:
        """Which database this is, without secrets, for people."""
        ...


def create_database(url: str, *, password: str | None = None, clock: Clock = utc_now, **options: Any) -> Database:
    """The database that the URL names: `sqlite:///path` or `postgresql://…`. Raises ValueError for any other."""
    if url.startswith("sqlite:///"):
        from app.adapters.database.sqlite import SqliteDatabase

        return SqliteDatabase(Path(url.removeprefix("sqlite:///")), clock=clock)
    if url.startswith(("postgresql://", "postgres://")):
        try:
            from app.adapters.database.postgres import PostgresDatabase
        except ModuleNotFoundError as missing:
            raise ValueError(
                "EARSHOT_DATABASE_URL: the client of PostgreSQL is not installed: pip install asyncpg"
            ) from missing
        return PostgresDatabase(url, password=password, clock=clock, **options)
    raise ValueError("EARSHOT_DATABASE_URL must begin with sqlite:/// or postgresql://")
