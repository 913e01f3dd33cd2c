"""Rules of portals: create with default boards, tabs and statuses, look up by host, change settings."""

import uuid
from typing import Final

from sqlalchemy import bindparam, func, insert, select, text, update

from app.domain.errors import Conflict
from app.domain.models import Portal
from app.domain.permissions import Permission
from app.domain.portals import boards, statuses, tabs
from app.domain.sql.statement import NOW, PORTAL_ID, POSTGRESQL, Statement, parameters
from app.domain.unit_of_work import Row, UnitOfWork

DEFAULT_BOARDS: Final = (("Feature Requests", "feature-requests"), ("Bug Reports", "bug-reports"))
DEFAULT_TABS: Final = (
    ("Feedback", "feedback", "feedback"),
    ("Roadmap", "roadmap", "roadmap"),
    ("Changelog", "changelog", "changelog"),
)


DEFAULT_STATUSES: Final = (
    ("New", "#8B95A1", "feedback", {"is_default": True}),
    ("Planned", "#0096ff", "roadmap", {"show_in_roadmap": True}),
    ("In Progress", "#9437ff", "roadmap", {"show_in_roadmap": True}),
    ("Completed", "#6ac47c", "changelog", {"show_in_roadmap": True, "is_voteable": False}),
    ("Rejected", "#ff2600", "feedback", {"is_voteable": False}),
)
"""Name, color, tab, and the columns that differ from their defaults."""

_COLUMNS = (Portal.id, Portal.guid, Portal.title, Portal.locale, Portal.host, Portal.default_dialect)
_SETTINGS = (*_COLUMNS, Portal.moderation_policy, Portal.is_private)
_ALL: Final = Statement(select(*_SETTINGS).order_by(Portal.id), across_portals=True)
_BY_HOST: Final = Statement(
    select(Portal.id, Portal.host, Portal.default_dialect, Portal.is_private).where(
        (Portal.host == bindparam("host")) | Portal.host.is_(None)
    ),
    across_portals=True,
)
_CURRENT: Final = Statement(
    select(
        *_SETTINGS,
        Portal.sign_up,
        Portal.sign_up_domains,
        Portal.allows_anonymous_posts,
        Portal.allows_anonymous_votes,
        Portal.shows_voters,
        Portal.accent_color,
        Portal.welcome_text,
        Portal.invite_message,
        Portal.sso_secret.is_not(None).label("has_sso"),
    ).where(Portal.id == PORTAL_ID)
)
_COUNT: Final = Statement(select(func.count()).select_from(Portal), across_portals=True)
_LOCK_ALL: Final = Statement(text("LOCK TABLE portals IN SHARE ROW EXCLUSIVE MODE"), across_portals=True)
_INSERT: Final = Statement(
    insert(Portal)
    .values(**parameters("guid", "title", "locale", "host"), created_at=NOW, updated_at=NOW)
    .returning(Portal.id),
    across_portals=True,
)
_CHANGEABLE: Final = (
    *("title", "locale", "host", "default_dialect", "moderation_policy", "is_private", "accent_color"),
    *("invite_message", "welcome_text", "sign_up", "sign_up_domains"),
    *("allows_anonymous_posts", "allows_anonymous_votes", "shows_voters"),
)
_UPDATE_SETTING: Final = {
    column: Statement(
        update(Portal).where(Portal.id == PORTAL_ID).values({column: bindparam("value"), "updated_at": NOW})
    )
    for column in _CHANGEABLE
}


def create(work: UnitOfWork, *, title: str, host: str | None = None, locale: str = "en") -> int:
    """Create a portal with the default boards, tabs and statuses; return its id. The unit of work uses it from then on.

    Raises Forbidden, Conflict("portal.host_taken").
    """
    work.authorize(Permission.OPERATE)
    with work.map_unique_violation(uq_portals_host=Conflict("portal.host_taken")):
        portal_id = int(work.fetch_value(_INSERT, guid=str(uuid.uuid4()), title=title, locale=locale, host=host))
    work.portal_id = portal_id
    for name, slug in DEFAULT_BOARDS:
        boards.TABLE.insert(work, name=name, slug=slug, is_default=(name, slug) == DEFAULT_BOARDS[0])
    tab_ids = {url: tabs.TABLE.insert(work, name=name, url=url, type=kind) for name, url, kind in DEFAULT_TABS}
    for name, color, tab, flags in DEFAULT_STATUSES:
        statuses.TABLE.insert(work, name=name, color=color, tab_id=tab_ids[tab], **flags)
    return portal_id


def list_all(work: UnitOfWork) -> list[Row]:
    """All portals of the server."""
    return list(work.fetch_all(_ALL))


def count(work: UnitOfWork) -> int:
    """The number of portals of the server."""
    return int(work.fetch_value(_COUNT))


def lock_all(work: UnitOfWork) -> None:
    """Let no other transaction create, change or delete a portal until this one ends. SQLite has one writer anyway."""
    if work.engine == POSTGRESQL:
        work.fetch_all(_LOCK_ALL)


def get_current(work: UnitOfWork) -> Row:
    """The row of the unit of work's portal.

    Its columns are id, guid, title, locale, host, default_dialect, moderation_policy, is_private, sign_up,
    sign_up_domains (JSON), allows_anonymous_posts, allows_anonymous_votes, shows_voters, accent_color, welcome_text,
    invite_message and has_sso, whether single sign-on is on.
    """
    return work.require_row(_CURRENT, "portal", work.portal_id)


def by_host(work: UnitOfWork, host: str) -> Row | None:
    """(id, host, default_dialect, is_private) of the portal with this host, or None.

    The only portal of a server accepts every host until it has a host of its own.
    """
    rows = work.fetch_all(_BY_HOST, host=host)
    for row in rows:
        if row["host"] == host:
            return row
    return rows[0] if len(rows) == 1 and count(work) == 1 else None


def update_setting(work: UnitOfWork, *, setting: str, value: str | bool | None) -> None:
    """Change one of the columns of `get_current` but id, guid and has_sso. The value has been checked.

    Raises Forbidden, Conflict("portal.host_taken").
    """
    work.authorize(Permission.OPERATE)
    with work.map_unique_violation(uq_portals_host=Conflict("portal.host_taken")):
        work.execute(_UPDATE_SETTING[setting], value=value)
