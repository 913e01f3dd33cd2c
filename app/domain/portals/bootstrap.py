"""The initial rows of an empty database: a portal, its owner, and one key for each dialect."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from app.domain.models.portals import DIALECTS
from app.domain.portals import portals
from app.domain.sql.statement import POSTGRESQL, Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys, users

TITLE: Final = "Feedback"
OWNER_NAME: Final = "Owner"
OWNER_EMAIL: Final = "owner@example.com"

_LOCK: Final = Statement(text("LOCK TABLE portals IN SHARE ROW EXCLUSIVE MODE"), across_portals=True)
"""Two servers may start with one empty database at the same time. SQLite has a single writer anyway."""


@dataclass(frozen=True, slots=True)
class FirstPortal:
    """The created portal. The keys can't be read again later."""

    portal_id: int
    owner_id: int
    keys: dict[str, str]
    """By dialect."""


def create_first_portal(work: UnitOfWork, *, secret: bytes) -> FirstPortal | None:
    """Create the first portal, which the unit of work uses from then on; None when there is a portal already."""
    if work.engine == POSTGRESQL:
        work.fetch_all(_LOCK)
    if portals.count(work):
        return None
    portal_id = portals.create(work, title=TITLE)
    owner_id = users.create(work, email=OWNER_EMAIL, name=OWNER_NAME, role="owner")
    keys = {dialect: api_keys.issue(work, user_id=owner_id, dialect=dialect, secret=secret) for dialect in DIALECTS}
    return FirstPortal(portal_id, owner_id, keys)
