"""Rules of tabs, the pages of a portal. A tab shows the posts whose status belongs to it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy import delete as sql_delete

from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.models import Section, Status, Tab
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement
from app.domain.unit_of_work import Row, UnitOfWork

_COLUMNS: Final = (Tab.id, Tab.name, Tab.url, Tab.type)
_IN_ORDER: Final = (Tab.position, Tab.id)
_LIST: Final = Statement(select(*_COLUMNS).where(Tab.portal_id == PORTAL_ID).order_by(*_IN_ORDER))
_BY_ID: Final = Statement(select(*_COLUMNS).where(Tab.portal_id == PORTAL_ID, Tab.id == bindparam("id")))
_BY_URL: Final = Statement(select(*_COLUMNS).where(Tab.portal_id == PORTAL_ID, Tab.url == bindparam("url")))
_INSERT: Final = Statement(
    insert(Tab)
    .values(
        portal_id=PORTAL_ID,
        name=bindparam("name"),
        url=bindparam("url"),
        type=bindparam("type"),
        position=select(func.coalesce(func.max(Tab.position) + 1, 0))
        .where(Tab.portal_id == PORTAL_ID)
        .scalar_subquery(),
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(Tab.id)
)
_UPDATE: Final = Statement(
    update(Tab)
    .where(Tab.portal_id == PORTAL_ID, Tab.id == bindparam("id"))
    .values(name=bindparam("name"), url=bindparam("url"), type=bindparam("type"), updated_at=NOW)
)
_SET_POSITION: Final = Statement(
    update(Tab).where(Tab.portal_id == PORTAL_ID, Tab.id == bindparam("id")).values(position=bindparam("position"))
)
_USED: Final = Statement(
    select(
        select(Status.id).where(Status.portal_id == PORTAL_ID, Status.tab_id == bindparam("id")).exists()
        | select(Section.id).where(Section.portal_id == PORTAL_ID, Section.tab_id == bindparam("id")).exists()
    )
)
_DELETE: Final = Statement(sql_delete(Tab).where(Tab.portal_id == PORTAL_ID, Tab.id == bindparam("id")))
_TAKEN: Final = ValidationFailed([FieldError("url", "taken")])


def list_all(work: UnitOfWork) -> Sequence[Row]:
    """(id, name, url, type) of all tabs, in their order."""
    return work.fetch_all(_LIST)


def get(work: UnitOfWork, tab_id: int) -> Row:
    """(id, name, url, type). Raises NotFound("tab")."""
    row = work.fetch_one(_BY_ID, id=tab_id)
    if row is None:
        raise NotFound("tab", tab_id)
    return row


def by_url(work: UnitOfWork, url: str) -> Row:
    """(id, name, url, type) of the tab with this URL key. Raises NotFound("tab")."""
    row = work.fetch_one(_BY_URL, url=url)
    if row is None:
        raise NotFound("tab", url)
    return row


def add(work: UnitOfWork, *, name: str, url: str, kind: str = "feedback") -> int:
    """Create a tab in the last position and return its id. `kind` is one of TAB_TYPES.

    Raises Forbidden, ValidationFailed (url taken).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    with work.map_unique_violation(uq_tabs_portal_id_url=_TAKEN):
        return int(work.fetch_value(_INSERT, name=name, url=url, type=kind))


def edit(
    work: UnitOfWork, tab_id: int, *, name: str | None = None, url: str | None = None, kind: str | None = None
) -> None:
    """Change the fields that are given; None leaves one unchanged.

    Raises Forbidden, NotFound("tab"), ValidationFailed (url taken).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    old = tuple(get(work, tab_id))[1:]
    new = (name or old[0], url or old[1], kind or old[2])
    if new == old:
        return
    with work.map_unique_violation(uq_tabs_portal_id_url=_TAKEN):
        work.execute(_UPDATE, id=tab_id, name=new[0], url=new[1], type=new[2])


def reorder(work: UnitOfWork, tab_ids: Sequence[int]) -> None:
    """Move these tabs to the front, in this order; the others follow in theirs. Raises Forbidden, NotFound("tab")."""
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    for position, tab_id in enumerate(complete_order(tab_ids, [row[0] for row in list_all(work)], "tab")):
        work.execute(_SET_POSITION, id=tab_id, position=position)


def delete(work: UnitOfWork, tab_id: int) -> None:
    """Delete a tab. Raises Forbidden, NotFound("tab"), Conflict("tab.in_use") while it has statuses or sections."""
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    get(work, tab_id)
    if work.fetch_value(_USED, id=tab_id):
        raise Conflict("tab.in_use")
    work.execute(_DELETE, id=tab_id)


def complete_order(first: Sequence[int], existing: Sequence[int], resource: str) -> list[int]:
    """All existing ids, those in `first` before the others. Raises NotFound(resource) for one that does not exist."""
    for row_id in first:
        if row_id not in existing:
            raise NotFound(resource, row_id)
    return list(dict.fromkeys([*first, *existing]))
