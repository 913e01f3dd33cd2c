"""Rules of statuses. Each status belongs to one tab; one of the portal may be the default for new posts."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, String, bindparam, func, insert, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters import post_counters
from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.models import EventRow, Post, Status, StatusChange, Tab
from app.domain.permissions import Permission
from app.domain.portals import colors, tabs
from app.domain.sql.statement import NOW, PORTAL_ID, Column, Statement, in_portal_unindexed
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

_ROWS: Final = select(*COLUMNS).join(Tab, Tab.id == Status.tab_id).where(Status.portal_id == PORTAL_ID)
_LIST: Final = Statement(_ROWS.order_by(Tab.position, Tab.id, Status.position, Status.id))
_OF_TAB: Final = Statement(_ROWS.where(Status.tab_id == bindparam("tab")).order_by(Status.position, Status.id))
_BY_ID: Final = Statement(_ROWS.where(Status.id == bindparam("id")))
_DEFAULT: Final = Statement(select(Status.id).where(Status.portal_id == PORTAL_ID, Status.is_default))
_INSERT: Final = Statement(
    insert(Status)
    .values(
        portal_id=PORTAL_ID,
        tab_id=bindparam("tab"),
        name=bindparam("name"),
        color=bindparam("color"),
        text_color=bindparam("text_color"),
        position=select(func.coalesce(func.max(Status.position) + 1, 0))
        .where(Status.portal_id == PORTAL_ID)
        .scalar_subquery(),
        show_in_roadmap=bindparam("show_in_roadmap"),
        is_default=False,
        is_voteable=bindparam("is_voteable"),
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(Status.id)
)
_UPDATE: Final = Statement(
    update(Status)
    .where(Status.portal_id == PORTAL_ID, Status.id == bindparam("id"))
    .values(
        name=bindparam("name"),
        color=bindparam("color"),
        tab_id=bindparam("tab"),
        text_color=bindparam("text_color"),
        is_voteable=bindparam("is_voteable"),
        show_in_roadmap=bindparam("show_in_roadmap"),
        updated_at=NOW,
    )
)
_CLEAR_DEFAULT: Final = Statement(
    update(Status).where(Status.portal_id == PORTAL_ID, Status.is_default).values(is_default=False, updated_at=NOW)
)
_SET_DEFAULT: Final = Statement(
    update(Status)
    .where(Status.portal_id == PORTAL_ID, Status.id == bindparam("id"))
    .values(is_default=True, updated_at=NOW)
)
_SET_POSITION: Final = Statement(
    update(Status)
    .where(Status.portal_id == PORTAL_ID, Status.id == bindparam("id"))
    .values(position=bindparam("position"))
)
# Waits for transactions that give a post this status, and keeps later ones from doing so.
_LOCK: Final = Statement(
    select(Status.id).where(Status.portal_id == PORTAL_ID, Status.id == bindparam("id")).with_for_update()
)
_affected = (in_portal_unindexed(Post), Post.status_id == bindparam("id", type_=BigInteger))
_LOCK_POSTS: Final = Statement(
    select(func.count()).select_from(select(Post.id).where(*_affected).with_for_update().subquery())
)
_INSERT_CHANGES: Final = Statement(
    insert(StatusChange)
    .from_select(
        ["portal_id", "post_id", "user_id", "actor_id", "status_id", "created_at"],
        select(
            PORTAL_ID,
            Post.id,
            bindparam("actor", type_=BigInteger),
            bindparam("actor", type_=BigInteger),
            bindparam("to", type_=BigInteger),
            NOW,
        ).where(*_affected),
    )
    .inline()
)
_INSERT_EVENTS: Final = Statement(
    insert(EventRow)
    .from_select(
        ["portal_id", "kind", "post_id", "subject_id", "user_id", "actor_id", "body", "base_url", "created_at"],
        select(
            PORTAL_ID,
            bindparam("kind", type_=String),
            Post.id,
            bindparam("to", type_=BigInteger),
            bindparam("actor", type_=BigInteger),
            bindparam("actor", type_=BigInteger),
            bindparam("body", type_=String),
            bindparam("base_url", type_=String),
            NOW,
        ).where(*_affected),
    )
    .inline()
)
_MOVE_POSTS: Final = Statement(
    update(Post).where(*_affected).values(status_id=bindparam("to"), status_changed_at=NOW, updated_at=NOW)
)
_DELETE: Final = Statement(sql_delete(Status).where(Status.portal_id == PORTAL_ID, Status.id == bindparam("id")))
_TAKEN: Final = ValidationFailed([FieldError("name", "taken")])


def list_all(work: UnitOfWork) -> Sequence[Row]:
    """The COLUMNS of all statuses, by tab and then by position."""
    return work.fetch_all(_LIST)


def of_tab(work: UnitOfWork, tab_id: int) -> Sequence[Row]:
    """The COLUMNS of a tab's statuses, by position."""
    return work.fetch_all(_OF_TAB, tab=tab_id)


def get(work: UnitOfWork, status_id: int) -> Row:
    """The COLUMNS of one status. Raises NotFound("status")."""
    row = work.fetch_one(_BY_ID, id=status_id)
    if row is None:
        raise NotFound("status", status_id)
    return row


def find_id_by_name(work: UnitOfWork, name: str) -> int | None:
    """The id of the status with this name, regardless of case, or None."""
    folded = name.lower()
    return next((status_id for status_id, status_name, *_ in list_all(work) if status_name.lower() == folded), None)


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
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    tabs.get(work, tab_id)
    if find_id_by_name(work, name) is not None:
        raise _TAKEN
    if color is None:
        color = colors.next_pastel(row[2] for row in list_all(work))
    with work.map_unique_violation(uq_statuses_portal_id_name=_TAKEN):
        return int(
            work.fetch_value(
                _INSERT,
                name=name,
                tab=tab_id,
                color=color,
                text_color=text_color,
                is_voteable=is_voteable,
                show_in_roadmap=show_in_roadmap,
            )
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
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    row = get(work, status_id)
    if tab_id is not None:
        tabs.get(work, tab_id)
    if name is not None and find_id_by_name(work, name) not in (None, status_id):
        raise _TAKEN
    old = {
        "name": row[1],
        "color": row[2],
        "tab": row[3],
        "text_color": row[5],
        "is_voteable": bool(row[7]),
        "show_in_roadmap": bool(row[8]),
    }
    values = (name, color, tab_id, text_color, is_voteable, show_in_roadmap)
    new = {
        field: before if value is None else value for (field, before), value in zip(old.items(), values, strict=True)
    }
    if new != old:
        with work.map_unique_violation(uq_statuses_portal_id_name=_TAKEN):
            work.execute(_UPDATE, id=status_id, **new)


def default(work: UnitOfWork) -> int | None:
    """The id of the portal's default status for new posts, or None."""
    status_id = work.fetch_value(_DEFAULT)
    return None if status_id is None else int(status_id)


def make_default(work: UnitOfWork, status_id: int) -> None:
    """Make this the default status for new posts. Raises Forbidden, NotFound("status")."""
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    if get(work, status_id)[6]:
        return
    work.execute(_CLEAR_DEFAULT)
    work.execute(_SET_DEFAULT, id=status_id)


def reorder(work: UnitOfWork, status_ids: Sequence[int]) -> None:
    """Move these statuses to the front, in this order; the others follow in theirs.

    Raises Forbidden, NotFound("status").
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    existing = [row[0] for row in sorted(list_all(work), key=lambda row: (row[9], row[0]))]
    for position, status_id in enumerate(tabs.complete_order(status_ids, existing, "status")):
        work.execute(_SET_POSITION, id=status_id, position=position)


def delete(work: UnitOfWork, status_id: int) -> None:
    """Delete a status. Its posts change to the default status, or to none, as by `posts.update.change_status`.

    May take long with many posts. Raises Forbidden, NotFound("status"), Conflict("status.is_default").
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    if work.fetch_one(_LOCK, id=status_id) is None:
        raise NotFound("status", status_id)
    replacement = default(work)
    if replacement == status_id:
        raise Conflict("status.is_default")
    _reassign_posts(work, status_id, replacement)
    work.execute(_DELETE, id=status_id)


def _reassign_posts(work: UnitOfWork, status_id: int, replacement: int | None) -> None:
    """Do for all posts of a status what `posts.update.change_status` does for one."""
    actor = work.actor.user_id
    work.fetch_value(_LOCK_POSTS, id=status_id)
    work.execute(_INSERT_CHANGES, id=status_id, to=replacement, actor=actor)
    work.execute(
        _INSERT_EVENTS,
        id=status_id,
        to=replacement,
        actor=actor,
        kind="post.status_changed",
        body=json.dumps({"old_status_id": status_id, "new_status_id": replacement}),
        base_url=work.base_url,
    )
    work.execute(_MOVE_POSTS, id=status_id, to=replacement)
    post_counters.merge_status(work, status_id, replacement)


class StatusQuery:
    """Selects the given columns of statuses, in this order."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._all = Statement(select(*columns).where(Status.portal_id == PORTAL_ID).order_by(Status.id))

    def all(self, work: UnitOfWork) -> Sequence[Row]:
        """The rows of all statuses of the portal, by id. Raises Forbidden."""
        work.authorize(Permission.READ)
        return work.fetch_all(self._all)
