"""Rules of tabs, the pages of a portal. A tab shows the posts whose status belongs to it."""

from typing import Final

from sqlalchemy import bindparam, select

from app.domain.errors import Conflict, FieldError, ValidationFailed
from app.domain.models import Section, Status, Tab
from app.domain.portals.catalogue import OrderedTable, begin_change
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.unit_of_work import Row, UnitOfWork

TABLE: Final = OrderedTable(Tab, select(Tab.id, Tab.name, Tab.url, Tab.type))
_BY_URL: Final = TABLE.select(Tab.url == bindparam("url"))
_USED: Final = Statement(
    select(
        select(Status.id).where(Status.portal_id == PORTAL_ID, Status.tab_id == bindparam("id")).exists()
        | select(Section.id).where(Section.portal_id == PORTAL_ID, Section.tab_id == bindparam("id")).exists()
    )
)
_TAKEN: Final = ValidationFailed([FieldError("url", "taken")])

list_all = TABLE.list_all
get = TABLE.get
reorder = TABLE.reorder


def by_url(work: UnitOfWork, url: str) -> Row:
    """The row of the tab with this URL key. Raises NotFound("tab")."""
    return work.require_row(_BY_URL, "tab", url, url=url)


def add(work: UnitOfWork, *, name: str, url: str, kind: str = "feedback") -> int:
    """Create a tab in the last position and return its id. `kind` is one of TAB_TYPES.

    Raises Forbidden, ValidationFailed (url taken).
    """
    begin_change(work)
    with work.map_unique_violation(uq_tabs_portal_id_url=_TAKEN):
        return TABLE.insert(work, name=name, url=url, type=kind)


def edit(
    work: UnitOfWork, tab_id: int, *, name: str | None = None, url: str | None = None, kind: str | None = None
) -> None:
    """Change the fields that are given; None leaves one unchanged.

    Raises Forbidden, NotFound("tab"), ValidationFailed (url taken).
    """
    begin_change(work)
    with work.map_unique_violation(uq_tabs_portal_id_url=_TAKEN):
        TABLE.change(work, get(work, tab_id), name=name, url=url, type=kind)


def delete(work: UnitOfWork, tab_id: int) -> None:
    """Delete a tab. Raises Forbidden, NotFound("tab"), Conflict("tab.in_use") while it has statuses or sections."""
    begin_change(work)
    if work.fetch_value(_USED, id=tab_id):
        raise Conflict("tab.in_use")
    TABLE.delete(work, tab_id)
