"""Deletion of a portal with everything that belongs to it."""

from typing import Any, Final

from sqlalchemy import BigInteger, Table, bindparam, delete, func, select, union_all

from app.domain.errors import Conflict
from app.domain.models import Attachment, Base, EventRow, Portal, Post, PostCounter, User
from app.domain.permissions import Permission
from app.domain.portals import portals
from app.domain.search import vocabulary
from app.domain.sql.statement import PORTAL_ID, POSTGRESQL, Statement
from app.domain.unit_of_work import UnitOfWork

MAX_BATCH: Final = 1000
"""Rows that one statement deletes. PostgreSQL's client ends a statement that takes half a minute."""

# PostgreSQL runs the parts of `single_statement` in this order, and checks the foreign key to the portal at the end. So
# votes and new posts wait for a deletion without holding a lock that it needs, and don't end it by a deadlock. Changes
# of the catalogue are rarer. They lock the portal first, so PostgreSQL may end one of the two; the adapter retries it.
_LOCKS: Final = [
    *(
        Statement(
            select(func.count()).select_from(
                select(model.portal_id).where(model.portal_id == PORTAL_ID).with_for_update().subquery()
            )
        )
        for model in (User, PostCounter, Post)
    ),
    Statement(select(Portal.id).where(Portal.id == PORTAL_ID).with_for_update()),
]
_FILES: Final = Statement(
    union_all(
        select(Attachment.name).where(Attachment.portal_id == PORTAL_ID),
        select(User.picture).where(User.portal_id == PORTAL_ID, User.picture.is_not(None)),
    )
)
_DELETE: Final = Statement(delete(Portal).where(Portal.id == PORTAL_ID))
_after, _last = (bindparam(name, type_=BigInteger) for name in ("after", "last"))


class _Batches:
    """The statements that delete a portal's rows of one table in batches, in the order of ids."""

    def __init__(self, table: Table) -> None:
        in_portal, row_id = table.c.portal_id == PORTAL_ID, table.c.id
        batch = select(row_id).where(in_portal, row_id > _after).order_by(row_id).limit(MAX_BATCH).subquery()
        self._last_id = Statement(select(func.max(batch.c.id)))
        self._delete = Statement(delete(table).where(in_portal, row_id > _after, row_id <= _last))

    def delete(self, work: UnitOfWork) -> None:
        after = 0
        while (last := work.fetch_value(self._last_id, after=after)) is not None:
            work.execute(self._delete, after=after, last=last)
            after = last


def _has_own_rows(table: Any) -> bool:
    """Whether the rows are deleted by portal; those of other tables are deleted with a post, a user or the portal."""
    return {"portal_id", "id"} <= set(table.c.keys()) and table is not EventRow.__table__


_ROWS: Final = [_Batches(table) for table in reversed(Base.metadata.sorted_tables) if _has_own_rows(table)]
"""Tables that refer to others come first."""
_EVENTS: Final = _Batches(Base.metadata.tables[EventRow.__tablename__])


def delete_portal(work: UnitOfWork) -> list[str]:
    """Delete the portal of the unit of work with its users, keys, posts, files' rows and events.

    Returns the names of the stored files, to be deleted after the commit. May take long. Raises Forbidden,
    NotFound("portal"), Conflict("portal.last") for the only portal.
    """
    work.authorize(Permission.OPERATE)
    # Two deletions at the same time could each keep the portal that the other one deletes.
    portals.lock_all(work)
    portals.get_current(work)
    if portals.count(work) == 1:
        raise Conflict("portal.last")
    if work.engine == POSTGRESQL:
        # Waits for transactions that change rows of the portal; later ones find these deleted.
        for statement in _LOCKS:
            work.fetch_all(statement)
    files = [row[0] for row in work.fetch_all(_FILES)]
    for rows in _ROWS:
        rows.delete(work)
    # When the portal has no posts any more, nothing adds words.
    vocabulary.delete_words(work)
    work.execute(_DELETE)
    # Last, when no other transaction can change a row of the portal any more, and so none can record an event.
    _EVENTS.delete(work)
    return files
