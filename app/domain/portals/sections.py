"""Rules about sections, the groups inside a tab. They nest; a post lies in at most one."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy import delete as deletion

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
_CHANGE: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id"))
    .values(title=bindparam("title"), tab_id=bindparam("tab"), parent_id=bindparam("parent"), updated_at=NOW)
)
_FOLLOW: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, in_list(Section.id, "ids"))
    .values(tab_id=bindparam("tab"), updated_at=NOW)
)
_MAKE_ROOT: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id"))
    .values(parent_id=None, updated_at=NOW)
)
_PLACE: Final = Statement(
    update(Section)
    .where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id"))
    .values(position=bindparam("position"))
)
_DELETE: Final = Statement(deletion(Section).where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id")))


def list_all(work: UnitOfWork) -> Sequence[Row]:
    """(id, title, tab_id, parent_id) of all sections, in their order."""
    return work.fetch_all(_LIST)


def roots(work: UnitOfWork) -> Sequence[Row]:
    """As `every`, of those without a parent."""
    return work.fetch_all(_ROOTS)


def children(work: UnitOfWork, section_id: int) -> Sequence[Row]:
    """As `every`, of the next level below one. Raises NotFound("section")."""
    get(work, section_id)
    return work.fetch_all(_CHILDREN, parent=section_id)


def get(work: UnitOfWork, section_id: int) -> Row:
    """(id, title, tab_id, parent_id). Raises NotFound("section")."""
    row = work.fetch_one(_BY_ID, id=section_id)
    if row is None:
        raise NotFound("section", section_id)
    return row


def get_to_change(work: UnitOfWork, section_id: int) -> Row:
    """As `get`, and no other Work changes any section of the portal until this one ends."""
    work.lock_portal()
    return get(work, section_id)


def add(work: UnitOfWork, *, title: str, tab_id: int, parent_id: int | None = None) -> int:
    """A new section behind the others; its id.

    Raises Forbidden, NotFound("tab"), NotFound("section"), Invalid (a parent on another tab).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    _check_placement(work, tab_id, parent_id, inside=())
    return int(work.fetch_value(_INSERT, title=title, tab=tab_id, parent=parent_id))


def edit(work: UnitOfWork, section_id: int, *, title: str, tab_id: int, parent_id: int | None) -> None:
    """Give a section this title and this place; what lies below it comes along to another tab.

    Read what is to stay with `get_to_change`. Raises Forbidden, NotFound("section"), NotFound("tab"), Invalid (a parent
    on another tab, or below itself).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    old = tuple(get_to_change(work, section_id))[1:]
    if (title, tab_id, parent_id) == old:
        return
    below: list[int] = []
    if (tab_id, parent_id) != old[1:]:
        below = _descendants(work, section_id)
        _check_placement(work, tab_id, parent_id, inside=(section_id, *below))
    work.execute(_CHANGE, id=section_id, title=title, tab=tab_id, parent=parent_id)
    if below and tab_id != old[1]:
        work.execute(_FOLLOW, ids=below, tab=tab_id)


def reorder(work: UnitOfWork, section_ids: Sequence[int]) -> None:
    """Put these first, in this order; the others follow as they were. Raises NotFound("section"), Forbidden."""
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    for position, section_id in enumerate(
        tabs.complete_order(section_ids, [row[0] for row in list_all(work)], "section")
    ):
        work.execute(_PLACE, id=section_id, position=position)


def delete(work: UnitOfWork, section_id: int) -> None:
    """Take a section away; its posts stay without one, those below it become roots.

    Raises NotFound("section"), Forbidden.
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    if not work.execute(_DELETE, id=section_id):
        raise NotFound("section", section_id)
    # Only now: whoever was just putting a post into it has been waited for.
    post_counters.clear_section(work, section_id)


def _check_placement(work: UnitOfWork, tab_id: int, parent_id: int | None, *, inside: Sequence[int]) -> None:
    tabs.get(work, tab_id)
    if parent_id is None:
        return
    if get(work, parent_id)[2] != tab_id or parent_id in inside:
        raise ValidationFailed([FieldError("parent_id", "misplaced")])


def _descendants(work: UnitOfWork, section_id: int) -> list[int]:
    """The ids of all sections below one, however deep; each once, also where the rows form a cycle."""
    of: dict[int | None, list[int]] = {}
    for row in list_all(work):
        of.setdefault(row[3], []).append(row[0])
    found: set[int] = set()
    waiting = [section_id]
    while waiting:
        for child in of.get(waiting.pop(), ()):
            if child != section_id and child not in found:
                found.add(child)
                waiting.append(child)
    return sorted(found)


def cycles(work: UnitOfWork) -> list[list[int]]:
    """The sections that lie below themselves: each cycle from its smallest id on, every section before its parent."""
    parent_of: dict[int, int | None] = {row[0]: row[3] for row in list_all(work)}
    found: list[list[int]] = []
    seen: set[int] = set()
    for start in parent_of:
        path: list[int] = []
        above: int | None = start
        while above is not None and above in parent_of and above not in seen:
            seen.add(above)
            path.append(above)
            above = parent_of[above]
        if above in path:
            cycle = path[path.index(above) :]
            at = cycle.index(min(cycle))
            found.append(cycle[at:] + cycle[:at])
    return sorted(found)


def break_cycles(work: UnitOfWork) -> list[list[int]]:
    """Make the section with the smallest id of each cycle a root; the `cycles` that there were. For the operator."""
    work.authorize(Permission.OPERATE)
    work.lock_portal()
    found = cycles(work)
    for cycle in found:
        work.execute(_MAKE_ROOT, id=cycle[0])
    return found
