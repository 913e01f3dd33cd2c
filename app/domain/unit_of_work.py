"""The unit of work: what one request, command or job does with one portal, in one transaction."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import select

from app.domain.errors import Forbidden, NotFound, UniqueViolation
from app.domain.events import INSERT_EVENT, INSERT_EVENTS, Event
from app.domain.models import Portal
from app.domain.permissions import Actor, Permission, is_allowed
from app.domain.sql.json_rows import encode_rows
from app.domain.sql.statement import PORTAL_ID, Statement, row_in_portal

T = TypeVar("T")


class Row(Sequence[Any]):
    """A row of the driver: unpacked on hot paths, elsewhere read by the names of its columns."""

    @abstractmethod
    def __getitem__(self, key: Any, /) -> Any: ...


# Rows that refer to the portal can still be written while this lock is held.
_LOCK_PORTAL: Final = Statement(select(Portal.id).where(Portal.id == PORTAL_ID).with_for_update(key_share=True))


@cache
def _select_id(model: Any) -> Statement:
    return Statement(select(model.id).where(row_in_portal(model)))


class Connection(Protocol):
    """The database connection of a unit of work. It may modify the dictionary of values."""

    engine: str

    def fetch_all(self, statement: Statement, values: dict[str, Any]) -> Sequence[Row]: ...

    def execute(self, statement: Statement, values: dict[str, Any]) -> int: ...

    def compute(self, function: Callable[[], T]) -> T: ...


class UnitOfWork:
    """The first parameter of every rule. The adapter commits when the operation returns and rolls back when it raises.

    An operation may be run again after a deadlock or a lost connection, so it has no effect outside its unit of work.
    """

    __slots__ = ("_connection", "actor", "base_url", "now", "portal_id")

    def __init__(
        self, connection: Connection, *, portal_id: int, actor: Actor, now: datetime, base_url: str | None = None
    ) -> None:
        self._connection = connection
        self.portal_id = portal_id
        self.actor = actor
        self.now = now
        self.base_url = base_url

    @property
    def engine(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._connection.engine

    def fetch_all(self, statement: Statement, **values: Any) -> Sequence[Row]:
        """All rows. The unit of work binds `portal` and `now`."""
        values["portal"] = self.portal_id
        values["now"] = self.now
        return self._connection.fetch_all(statement, values)

    def fetch_one(self, statement: Statement, **values: Any) -> Row | None:
        """The first row, or None."""
        values["portal"] = self.portal_id
        values["now"] = self.now
        rows = self._connection.fetch_all(statement, values)
        return rows[0] if rows else None

    def require_row(self, statement: Statement, resource: str, identifier: object, /, **values: Any) -> Row:
        """The first row. Raises NotFound(resource, identifier) if there is none."""
        row = self.fetch_one(statement, **values)
        if row is None:
            raise NotFound(resource, identifier)
        return row

    def exists(self, model: Any, row_id: int) -> bool:
        """Whether the portal has the row."""
        return self.fetch_one(_select_id(model), id=row_id) is not None

    def require_exists(self, model: Any, row_id: int) -> None:
        """Raise NotFound unless the portal has the row."""
        if not self.exists(model, row_id):
            raise NotFound(model.__name__.lower(), row_id)

    def fetch_value(self, statement: Statement, **values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.fetch_one(statement, **values)
        return None if row is None else row[0]

    def execute(self, statement: Statement, **values: Any) -> int:
        """Change rows and return how many. Raises UniqueViolation and ForeignKeyViolation."""
        values["portal"] = self.portal_id
        values["now"] = self.now
        return self._connection.execute(statement, values)

    def compute(self, function: Callable[[], T]) -> T:
        """Call a function that may take long and uses no unit of work, so that it does not block the event loop.

        On PostgreSQL it runs in a thread of its own. On SQLite it runs here, so the operation has to be in a thread.
        """
        return self._connection.compute(function)

    def authorize(self, permission: Permission, *, of_role: str | None = None, of_user: int | None = None) -> None:
        """Raise Forbidden unless the actor has the permission. Every rule calls this for itself."""
        if not is_allowed(self.actor, permission, of_role=of_role, of_user=of_user):
            raise Forbidden(permission)

    def record(self, event: Event) -> None:
        """Store the event in this transaction, so that it is stored if and only if the change is."""
        self.execute(INSERT_EVENT, actor_id=self.actor.user_id, base_url=self.base_url, **event.columns())

    def record_all(self, events: Iterable[Event]) -> None:
        """As `record`, for any number of events in one statement."""
        rows = encode_rows([tuple(event.columns().values()) for event in events])
        self.execute(INSERT_EVENTS, rows=rows, actor_id=self.actor.user_id, base_url=self.base_url)

    def record_rows(self, statement: Statement, **values: Any) -> None:
        """As `record`, for the rows that a statement of `insert_events` selects."""
        self.execute(statement, actor_id=self.actor.user_id, base_url=self.base_url, **values)

    def lock_portal(self) -> None:
        """Lock the portal's row until this transaction ends, so that other changes of its catalogue wait.

        Every rule that changes boards, tabs, statuses, sections, categories or tags calls this before it reads, so that
        what it reads can't change. It is the first lock of each, which rules out deadlocks between such rules. Only the
        deletion of a portal locks the portal last, for the reason given there.
        """
        self.fetch_one(_LOCK_PORTAL)

    @contextmanager
    def map_unique_violation(self, **errors: Exception) -> Iterator[None]:
        """Raise the error given for a violated constraint: `with work.map_unique_violation(uq_portals_host=…)`."""
        try:
            yield
        except UniqueViolation as violation:
            error = errors.get(violation.constraint)
            if error is None:
                raise
            raise error from violation
