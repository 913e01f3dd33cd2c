"""Rules of sections, the groups of a tab. Sections nest; a post belongs to at most one."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, select, update

from app.domain.counters import post_counters
from app.domain.errors import FieldError, ValidationFailed
from app.domain.models import Section
from app.domain.permissions import Permission
from app.domain.portals import tabs
from app.domain.portals.catalogue import OrderedTable, begin_change
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list
from app.domain.unit_of_work import Row, UnitOfWork

MAX_TITLE: Final = 191

TABLE: Final = OrderedTable(Section, select(Section.id, Section.title, Section.tab_id, Section.parent_id))
_ROOTS: Final = TABLE.select(Section.parent_id.is_(None))
_CHILDREN: Final = TABLE.select(Section.parent_id == bindparam("parent"))
_SET_TAB: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, in_list(Section.id, "ids"))
    .values(tab_id=bindparam("tab"), updated_at=NOW)
)

list_all = TABLE.list_all
get = TABLE.get
reorder = TABLE.reorder


def roots(work: UnitOfWork) -> Sequence[Row]:
    """As `list_all`, of the sections without a parent."""
    return work.fetch_all(_ROOTS)


def children(work: UnitOfWork, section_id: int) -> Sequence[Row]:
    """As `list_all`, of the sections directly below one. Raises NotFound("section")."""
    get(work, section_id)
    return work.fetch_all(_CHILDREN, parent=section_id)


def get_to_change(work: UnitOfWork, section_id: int) -> Row:
    """As `get`, and lock the portal, so that its sections stay as they are until the transaction ends."""
    work.lock_portal()
    return get(work, section_id)


def add(work: UnitOfWork, *, title: str, tab_id: int, parent_id: int | None = None) -> int:
    """Create a section in the last position and return its id.

    Raises Forbidden, NotFound("tab"), NotFound("section"), ValidationFailed (the parent belongs to another tab).
    """
    begin_change(work)
    _check_placement(work, tab_id, parent_id, inside=())
    return TABLE.insert(work, title=title, tab_id=tab_id, parent_id=parent_id)


def edit(work: UnitOfWork, section_id: int, *, title: str, tab_id: int, parent_id: int | None) -> None:
    """Set the title, tab and parent of a section; the sections below it move to the tab with it.

    Read the values that stay with `get_to_change`. Raises Forbidden, NotFound("section"), NotFound("tab"),
    ValidationFailed (the parent belongs to another tab, or is the section itself or below it).
    """
    begin_change(work)
    _, old_title, old_tab_id, old_parent_id = get(work, section_id)
    if (title, tab_id, parent_id) == (old_title, old_tab_id, old_parent_id):
        return
    below: list[int] = []
    if (tab_id, parent_id) != (old_tab_id, old_parent_id):
        below = _descendants(work, section_id)
        _check_placement(work, tab_id, parent_id, inside=(section_id, *below))
    TABLE.update(work, section_id, title=title, tab_id=tab_id, parent_id=parent_id)
    if below and tab_id != old_tab_id:
        work.execute(_SET_TAB, ids=below, tab=tab_id)


def delete(work: UnitOfWork, section_id: int) -> None:
    """Delete a section; its posts stay without a section, and the sections below it without a parent.

    Raises Forbidden, NotFound("section").
    """
    begin_change(work)
    TABLE.delete(work, section_id)
    # After the deletion, which waits for transactions that add a post to the section.
    post_counters.clear_section(work, section_id)


def _check_placement(work: UnitOfWork, tab_id: int, parent_id: int | None, *, inside: Sequence[int]) -> None:
    tabs.get(work, tab_id)
    if parent_id is None:
        return
    if get(work, parent_id)["tab_id"] != tab_id or parent_id in inside:
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
        TABLE.update(work, cycle[0], parent_id=None)
    return broken
