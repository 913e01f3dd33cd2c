"""Rules of sections, the groups of a tab. Sections nest; a post belongs to at most one."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters import post_counters
from app.domain.errors import FieldError, NotFound, ValidationFailed
from app.domain.models import Section
from app.domain.permissions import Permission
from app.domain.portals import tabs
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list
from app.domain.unit_of_work import Row, UnitOfWork

MAX_TITLE: Final = 191

_ROWS: Final = select(Section.id, Section.title, Section.tab_id, Section.parent_id).where(
    Section.portal_id == PORTAL_ID
)
_IN_ORDER: Final = (Section.position, Section.id)
_LIST: Final = Statement(_ROWS.order_by(*_IN_ORDER))
_ROOTS: Final = Statement(_ROWS.where(Section.parent_id.is_(None)).order_by(*_IN_ORDER))
_CHILDREN: Final = Statement(_ROWS.where(Section.parent_id == bindparam("parent")).order_by(*_IN_ORDER))
_BY_ID: Final = Statement(_ROWS.where(Section.id == bindparam("id")))
_INSERT: Final = Statement(
    insert(Section)
    .values(
        portal_id=PORTAL_ID,
        title=bindparam("title"),
        tab_id=bindparam("tab"),
        parent_id=bindparam("parent"),
        position=select(func.coalesce(func.max(Section.position) + 1, 0))
        .where(Section.portal_id == PORTAL_ID)
        .scalar_subquery(),
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(Section.id)
)
_UPDATE: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id"))
    .values(title=bindparam("title"), tab_id=bindparam("tab"), parent_id=bindparam("parent"), updated_at=NOW)
)
_SET_TAB: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, in_list(Section.id, "ids"))
    .values(tab_id=bindparam("tab"), updated_at=NOW)
)
_MAKE_ROOT: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id"))
    .values(parent_id=None, updated_at=NOW)
)
_SET_POSITION: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id"))
    .values(position=bindparam("position"))
)
_DELETE: Final = Statement(sql_delete(Section).where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id")))


def list_all(work: UnitOfWork) -> Sequence[Row]:
    """(id, title, tab_id, parent_id) of all sections, by position."""
    return work.fetch_all(_LIST)


def roots(work: UnitOfWork) -> Sequence[Row]:
    """As `list_all`, of the sections without a parent."""
    return work.fetch_all(_ROOTS)


def children(work: UnitOfWork, section_id: int) -> Sequence[Row]:
    """As `list_all`, of the sections directly below one. Raises NotFound("section")."""
    get(work, section_id)
    return work.fetch_all(_CHILDREN, parent=section_id)


def get(work: UnitOfWork, section_id: int) -> Row:
    """(id, title, tab_id, parent_id). Raises NotFound("section")."""
    row = work.fetch_one(_BY_ID, id=section_id)
    if row is None:
        raise NotFound("section", section_id)
    return row


def get_to_change(work: UnitOfWork, section_id: int) -> Row:
    """As `get`, and lock the portal, so that its sections stay as they are until the transaction ends."""
    work.lock_portal()
    return get(work, section_id)


def add(work: UnitOfWork, *, title: str, tab_id: int, parent_id: int | None = None) -> int:
    """Create a section in the last position and return its id.

    Raises Forbidden, NotFound("tab"), NotFound("section"), ValidationFailed (the parent belongs to another tab).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    _check_placement(work, tab_id, parent_id, inside=())
    return int(work.fetch_value(_INSERT, title=title, tab=tab_id, parent=parent_id))


def edit(work: UnitOfWork, section_id: int, *, title: str, tab_id: int, parent_id: int | None) -> None:
    """Set the title, tab and parent of a section; the sections below it move to the tab with it.

    Read the values that stay with `get_to_change`. Raises Forbidden, NotFound("section"), NotFound("tab"),
    ValidationFailed (the parent belongs to another tab, or is the section itself or below it).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    old = tuple(get_to_change(work, section_id))[1:]
    if (title, tab_id, parent_id) == old:
        return
    below: list[int] = []
    if (tab_id, parent_id) != old[1:]:
        below = _descendants(work, section_id)
        _check_placement(work, tab_id, parent_id, inside=(section_id, *below))
    work.execute(_UPDATE, id=section_id, title=title, tab=tab_id, parent=parent_id)
    if below and tab_id != old[1]:
        work.execute(_SET_TAB, ids=below, tab=tab_id)


def reorder(work: UnitOfWork, section_ids: Sequence[int]) -> None:
    """Move these sections to the front, in this order; the others follow in theirs.

    Raises Forbidden, NotFound("section").
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    for position, section_id in enumerate(
        tabs.complete_order(section_ids, [row[0] for row in list_all(work)], "section")
    ):
        work.execute(_SET_POSITION, id=section_id, position=position)


def delete(work: UnitOfWork, section_id: int) -> None:
    """Delete a section; its posts stay without a section, and the sections below it without a parent.

    Raises Forbidden, NotFound("section").
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    if not work.execute(_DELETE, id=section_id):
        raise NotFound("section", section_id)
    # After the deletion, which waits for transactions that add a post to the section.
    post_counters.clear_section(work, section_id)


def _check_placement(work: UnitOfWork, tab_id: int, parent_id: int | None, *, inside: Sequence[int]) -> None:
    tabs.get(work, tab_id)
    if parent_id is None:
        return
    if get(work, parent_id)[2] != tab_id or parent_id in inside:
        raise ValidationFailed([FieldError("parent_id", "misplaced")])


def _descendants(work: UnitOfWork, section_id: int) -> list[int]:
    """The ids of all sections below one, at any depth; each once, also where the rows form a cycle."""
    children_of: dict[int | None, list[int]] = {}
    for child_id, _, _, parent_id in list_all(work):
        children_of.setdefault(parent_id, []).append(child_id)
    descendants: set[int] = set()
    pending = [section_id]
    while pending:
        for child_id in children_of.get(pending.pop(), ()):
            if child_id != section_id and child_id not in descendants:
                descendants.add(child_id)
                pending.append(child_id)
    return sorted(descendants)


def cycles(work: UnitOfWork) -> list[list[int]]:
    """The cycles of sections: each as ids from the smallest on, every section followed by its parent."""
    parent_of: dict[int, int | None] = {section_id: parent_id for section_id, _, _, parent_id in list_all(work)}
    rings: list[list[int]] = []
    seen: set[int] = set()
    for start in parent_of:
        path: list[int] = []
        current: int | None = start
        while current is not None and current in parent_of and current not in seen:
            seen.add(current)
            path.append(current)
            current = parent_of[current]
        if current in path:
            cycle = path[path.index(current) :]
            first = cycle.index(min(cycle))
            rings.append(cycle[first:] + cycle[:first])
    return sorted(rings)


def break_cycles(work: UnitOfWork) -> list[list[int]]:
    """Remove the parent of the section with the smallest id of each cycle; return the cycles. Raises Forbidden."""
    work.authorize(Permission.OPERATE)
    work.lock_portal()
    broken = cycles(work)
    for cycle in broken:
        work.execute(_MAKE_ROOT, id=cycle[0])
    return broken
