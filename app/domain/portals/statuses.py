"""Rules of statuses. Each status belongs to one tab; one of the portal may be the default for new posts."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, String, bindparam, func, insert, select, update

from app.domain.counters import post_counters
from app.domain.errors import Conflict, FieldError, ValidationFailed
from app.domain.models import EventRow, Post, Status, StatusChange, Tab
from app.domain.permissions import Permission
from app.domain.portals import colors, tabs
from app.domain.portals.catalogue import OrderedTable, begin_change
from app.domain.posts.update import describe_change
from app.domain.sql.statement import NOW, PORTAL_ID, Column, Statement, in_portal_unindexed, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork

COLUMNS: Final = (
    Status.id,
    Status.name,
    Status.color,
    Status.tab_id,
    Tab.name.label("tab_name"),
    Status.text_color,
    Status.is_default,
    Status.is_voteable,
    Status.show_in_roadmap,
    Status.position,
)
"""The columns of `list_all`, `of_tab` and `get`."""

TABLE: Final = OrderedTable(
    Status,
    select(*COLUMNS).join(Tab, Tab.id == Status.tab_id),
    order=(Tab.position, Tab.id, Status.position, Status.id),
)
_OF_TAB: Final = TABLE.select(Status.tab_id == bindparam("tab"))
_DEFAULT: Final = Statement(select(Status.id).where(Status.portal_id == PORTAL_ID, Status.is_default))
_CLEAR_DEFAULT: Final = Statement(
    update(Status).where(Status.portal_id == PORTAL_ID, Status.is_default).values(is_default=False, updated_at=NOW)
)
# Waits for transactions that give a post this status, and keeps later ones from doing so.
_LOCK: Final = Statement(select(Status.id).where(row_in_portal(Status)).with_for_update())
_affected = (in_portal_unindexed(Post), Post.status_id == bindparam("id", type_=BigInteger))
_LOCK_POSTS: Final = Statement(
    select(func.count()).select_from(select(Post.id).where(*_affected).with_for_update().subquery())
)
_actor, _replacement = (bindparam(name, type_=BigInteger) for name in ("actor", "replacement"))
_kind, _body, _base_url = (bindparam(name, type_=String) for name in ("kind", "body", "base_url"))
_INSERT_CHANGES: Final = Statement(
    insert(StatusChange)
    .from_select(
        ["portal_id", "post_id", "user_id", "actor_id", "status_id", "created_at"],
        select(PORTAL_ID, Post.id, _actor, _actor, _replacement, NOW).where(*_affected),
    )
    .inline()
)
_INSERT_EVENTS: Final = Statement(
    insert(EventRow)
    .from_select(
        ["portal_id", "kind", "post_id", "subject_id", "user_id", "actor_id", "body", "base_url", "created_at"],
        select(PORTAL_ID, _kind, Post.id, _replacement, _actor, _actor, _body, _base_url, NOW).where(*_affected),
    )
    .inline()
)
_MOVE_POSTS: Final = Statement(
    update(Post).where(*_affected).values(status_id=_replacement, status_changed_at=NOW, updated_at=NOW)
)
_TAKEN: Final = ValidationFailed([FieldError("name", "taken")])

list_all = TABLE.list_all
get = TABLE.get
reorder = TABLE.reorder


def of_tab(work: UnitOfWork, tab_id: int) -> Sequence[Row]:
    """The COLUMNS of a tab's statuses, by position."""
    return work.fetch_all(_OF_TAB, tab=tab_id)


def find_id_by_name(work: UnitOfWork, name: str) -> int | None:
    """The id of the status with this name, regardless of case, or None."""
    folded = name.lower()
    return next((row["id"] for row in list_all(work) if row["name"].lower() == folded), None)


def add(
    work: UnitOfWork,
    *,
    name: str,
    tab_id: int,
    color: str | None = None,
    text_color: str | None = None,
    is_voteable: bool = True,
    show_in_roadmap: bool = False,
) -> int:
    """Create a status in the last position and return its id. The default color is the next unused pastel.

    Raises Forbidden, NotFound("tab"), ValidationFailed (name taken).
    """
    begin_change(work)
    tabs.get(work, tab_id)
    if find_id_by_name(work, name) is not None:
        raise _TAKEN
    if color is None:
        color = colors.next_pastel(row["color"] for row in list_all(work))
    return TABLE.insert(
        work,
        name=name,
        tab_id=tab_id,
        color=color,
        text_color=text_color,
        is_voteable=is_voteable,
        show_in_roadmap=show_in_roadmap,
    )


def edit(
    work: UnitOfWork,
    status_id: int,
    *,
    name: str | None = None,
    color: str | None = None,
    tab_id: int | None = None,
    text_color: str | None = None,
    is_voteable: bool | None = None,
    show_in_roadmap: bool | None = None,
) -> None:
    """Change the fields that are given; None leaves one unchanged. Posts stay as they are.

    Raises Forbidden, NotFound("status"), NotFound("tab"), ValidationFailed (name taken).
    """
    begin_change(work)
    row = get(work, status_id)
    if tab_id is not None:
        tabs.get(work, tab_id)
    if name is not None and find_id_by_name(work, name) not in (None, status_id):
        raise _TAKEN
    TABLE.change(
        work,
        row,
        name=name,
        color=color,
        tab_id=tab_id,
        text_color=text_color,
        is_voteable=is_voteable,
        show_in_roadmap=show_in_roadmap,
    )


def default(work: UnitOfWork) -> int | None:
    """The id of the portal's default status for new posts, or None."""
    status_id = work.fetch_value(_DEFAULT)
    return None if status_id is None else int(status_id)


def make_default(work: UnitOfWork, status_id: int) -> None:
    """Make this the default status for new posts. Raises Forbidden, NotFound("status")."""
    begin_change(work)
    if not get(work, status_id)["is_default"]:
        work.execute(_CLEAR_DEFAULT)
        TABLE.update(work, status_id, is_default=True)


def delete(work: UnitOfWork, status_id: int) -> None:
    """Delete a status. Its posts change to the default status, or to none, as by `posts.update.change_status`.

    May take long with many posts. Raises Forbidden, NotFound("status"), Conflict("status.is_default").
    """
    begin_change(work)
    work.require_row(_LOCK, "status", status_id, id=status_id)
    replacement = default(work)
    if replacement == status_id:
        raise Conflict("status.is_default")
    _reassign_posts(work, status_id, replacement)
    TABLE.delete(work, status_id)


def _reassign_posts(work: UnitOfWork, status_id: int, replacement: int | None) -> None:
    """Do for all posts of a status what `posts.update.change_status` does for one."""
    actor = work.actor.user_id
    work.fetch_value(_LOCK_POSTS, id=status_id)
    work.execute(_INSERT_CHANGES, id=status_id, replacement=replacement, actor=actor)
    work.execute(
        _INSERT_EVENTS,
        id=status_id,
        replacement=replacement,
        actor=actor,
        kind="post.status_changed",
        body=json.dumps(describe_change(work, status_id, replacement), ensure_ascii=False),
        base_url=work.base_url,
    )
    work.execute(_MOVE_POSTS, id=status_id, replacement=replacement)
    post_counters.merge_status(work, status_id, replacement)


class StatusQuery:
    """Selects the given columns of statuses, in this order."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._all = Statement(select(*columns).where(Status.portal_id == PORTAL_ID).order_by(Status.id))

    def all(self, work: UnitOfWork) -> Sequence[Row]:
        """The rows of all statuses of the portal, by id. Raises Forbidden."""
        work.authorize(Permission.READ)
        return work.fetch_all(self._all)
