"""A Work: one request's, command's or job's dealings with one portal, in one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import select

from app.domain import permissions
from app.domain.errors import Conflict, UniqueViolation
from app.domain.events import INSERT_EVENT, Event
from app.domain.models import Portal
from app.domain.permissions import Actor, Permission
from app.domain.sql.statement import PORTAL_ID, Statement

Row = Sequence[Any]
"""A row as the driver gives it: read by position, unpacked, or by the column's name as a key."""


# Rows that refer to the portal can still be written while this lock is held.
_LOCK_PORTAL: Final = Statement(select(Portal.id).where(Portal.id == PORTAL_ID).with_for_update(key_share=True))


class Connection(Protocol):
    """What a Work needs of the database: to run one prepared statement at a time, with values that are its own then."""

    engine: str

    def fetch_all(self, statement: Statement, values: dict[str, Any]) -> Sequence[Row]: ...

    def execute(self, statement: Statement, values: dict[str, Any]) -> int: ...


class UnitOfWork:
    """Handed to every rule. The adapter that made it commits when the act returns and rolls back when it raises.

    An act may be run again after a deadlock or a lost connection, so it has no effect outside its Work.
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
        """All rows. `portal` and `now` are bound by the Work."""
        values["portal"] = self.portal_id
        values["now"] = self.now
        return self._connection.fetch_all(statement, values)

    def fetch_one(self, statement: Statement, **values: Any) -> Row | None:
        """The first row, or None."""
        values["portal"] = self.portal_id
        values["now"] = self.now
        found = self._connection.fetch_all(statement, values)
        return found[0] if found else None

    def fetch_value(self, statement: Statement, **values: Any) -> Any:
        """The first column of the first row, or None."""
        found = self.fetch_one(statement, **values)
        return None if found is None else found[0]

    def execute(self, statement: Statement, **values: Any) -> int:
        """Change rows; how many. Raises Clash and ForeignKeyViolation when the database refuses."""
        values["portal"] = self.portal_id
        values["now"] = self.now
        return self._connection.execute(statement, values)

    def authorize(self, operation: Permission, *, of_role: str | None = None, of_user: int | None = None) -> None:
        """Raise Forbidden unless the actor may do this; asked once by every rule that acts."""
        permissions.authorize(self.actor, operation, of_role=of_role, of_user=of_user)

    def record(self, fact: Event) -> None:
        """Write down what happened, in this transaction: if the act stands, so does the fact."""
        self.execute(INSERT_EVENT, actor=self.actor.user_id, base_url=self.base_url, **fact.columns())

    def lock_portal(self) -> None:
        """Lock the portal's row until this transaction ends, so that other changes of its catalogue wait.

        Every rule that changes boards, tabs, statuses, sections or categories calls this before it reads, so that what
        it reads can't change. It is always the first lock, which rules out deadlocks between such rules.
        """
        self.fetch_one(_LOCK_PORTAL)

    @contextmanager
    def map_unique_violation(self, **refusals: Conflict | Exception) -> Iterator[None]:
        """Word a broken constraint as a refusal: `with work.clashing(uq_boards_portal_id_name=…)`."""
        try:
            yield
        except UniqueViolation as clash:
            refusal = refusals.get(clash.constraint)
            if refusal is None:
                raise
            raise refusal from clash
