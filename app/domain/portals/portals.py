"""Rules of portals: create with default boards, tabs and statuses, look up by host, change settings."""

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update

from app.domain.errors import Conflict, NotFound
from app.domain.models import Board, Portal, Status, Tab
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement
from app.domain.unit_of_work import Row, UnitOfWork

DEFAULT_BOARDS: Final = (("Feature Requests", "feature-requests"), ("Bug Reports", "bug-reports"))
DEFAULT_TABS: Final = (
    ("Feedback", "feedback", "feedback"),
    ("Roadmap", "roadmap", "roadmap"),
    ("Changelog", "changelog", "changelog"),
)


@dataclass(frozen=True, slots=True)
class DefaultStatus:
    """A status of a new portal."""

    name: str
    color: str
    tab: str
    show_in_roadmap: bool = False
    is_default: bool = False
    is_voteable: bool = True


DEFAULT_STATUSES: Final = (
    DefaultStatus("New", "#8B95A1", "feedback", is_default=True),
    DefaultStatus("Planned", "#0096ff", "roadmap", show_in_roadmap=True),
    DefaultStatus("In Progress", "#9437ff", "roadmap", show_in_roadmap=True),
    DefaultStatus("Completed", "#6ac47c", "changelog", show_in_roadmap=True, is_voteable=False),
    DefaultStatus("Rejected", "#ff2600", "feedback", is_voteable=False),
)

_COLUMNS = (Portal.id, Portal.guid, Portal.title, Portal.locale, Portal.host, Portal.default_dialect)
_ALL: Final = Statement(select(*_COLUMNS, Portal.moderation_policy).order_by(Portal.id), across_portals=True)
_BY_HOST: Final = Statement(
    select(Portal.id, Portal.host, Portal.default_dialect).where(
        (Portal.host == bindparam("host")) | Portal.host.is_(None)
    ),
    across_portals=True,
)
_CURRENT: Final = Statement(select(*_COLUMNS, Portal.moderation_policy).where(Portal.id == PORTAL_ID))
_COUNT: Final = Statement(select(func.count()).select_from(Portal), across_portals=True)
_INSERT: Final = Statement(
    insert(Portal)
    .values(
        guid=bindparam("guid"),
        title=bindparam("title"),
        locale=bindparam("locale"),
        host=bindparam("host"),
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(Portal.id),
    across_portals=True,
)
_UPDATE_SETTING: Final = {
    column: Statement(
        update(Portal).where(Portal.id == PORTAL_ID).values({column: bindparam("value"), "updated_at": NOW})
    )
    for column in ("title", "locale", "host", "default_dialect", "moderation_policy")
}
_INSERT_BOARD: Final = Statement(
    insert(Board)
    .values(
        portal_id=PORTAL_ID,
        name=bindparam("name"),
        slug=bindparam("slug"),
        position=bindparam("position"),
        is_default=bindparam("is_default"),
        created_at=NOW,
        updated_at=NOW,
    )
    .inline()
)
_INSERT_TAB: Final = Statement(
    insert(Tab)
    .values(
        portal_id=PORTAL_ID,
        name=bindparam("name"),
        url=bindparam("url"),
        type=bindparam("type"),
        position=bindparam("position"),
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(Tab.id)
)
_INSERT_STATUS: Final = Statement(
    insert(Status)
    .values(
        portal_id=PORTAL_ID,
        tab_id=bindparam("tab"),
        name=bindparam("name"),
        color=bindparam("color"),
        position=bindparam("position"),
        show_in_roadmap=bindparam("show_in_roadmap"),
        is_default=bindparam("is_default"),
        is_voteable=bindparam("is_voteable"),
        created_at=NOW,
        updated_at=NOW,
    )
    .inline()
)


def create(work: UnitOfWork, *, title: str, host: str | None = None, locale: str = "en") -> int:
    """Create a portal with the default boards, tabs and statuses; return its id. The unit of work uses it from then on.

    Raises Forbidden, Conflict("portal.host_taken").
    """
    work.authorize(Permission.OPERATE)
    with work.map_unique_violation(uq_portals_host=Conflict("portal.host_taken")):
        portal_id = int(work.fetch_value(_INSERT, guid=str(uuid.uuid4()), title=title, locale=locale, host=host))
    work.portal_id = portal_id
    for position, (name, slug) in enumerate(DEFAULT_BOARDS):
        work.execute(_INSERT_BOARD, name=name, slug=slug, position=position, is_default=position == 0)
    tabs = {
        url: work.fetch_value(_INSERT_TAB, name=name, url=url, type=kind, position=position)
        for position, (name, url, kind) in enumerate(DEFAULT_TABS)
    }
    for position, status in enumerate(DEFAULT_STATUSES):
        work.execute(
            _INSERT_STATUS,
            tab=tabs[status.tab],
            name=status.name,
            color=status.color,
            position=position,
            show_in_roadmap=status.show_in_roadmap,
            is_default=status.is_default,
            is_voteable=status.is_voteable,
        )
    return portal_id


def list_all(work: UnitOfWork) -> list[Row]:
    """All portals of the server."""
    return list(work.fetch_all(_ALL))


def count(work: UnitOfWork) -> int:
    """The number of portals of the server."""
    return int(work.fetch_value(_COUNT))


def get_current(work: UnitOfWork) -> Row:
    """The row of the unit of work's portal: id, guid, title, locale, host, default_dialect, moderation_policy."""
    row = work.fetch_one(_CURRENT)
    if row is None:
        raise NotFound("portal", work.portal_id)
    return row


def by_host(work: UnitOfWork, host: str) -> Row | None:
    """(id, host, default_dialect) of the portal with this host, or None.

    The only portal of a server accepts every host until it has a host of its own.
    """
    rows = list(work.fetch_all(_BY_HOST, host=host))
    for row in rows:
        if row[1] == host:
            return row
    return rows[0] if len(rows) == 1 and rows[0][1] is None and count(work) == 1 else None


def update_setting(work: UnitOfWork, *, setting: str, value: str | None) -> None:
    """Change title, locale, host, default_dialect or moderation_policy.

    Raises Forbidden, Conflict("portal.host_taken").
    """
    work.authorize(Permission.OPERATE)
    with work.map_unique_violation(uq_portals_host=Conflict("portal.host_taken")):
        work.execute(_UPDATE_SETTING[setting], value=value)
