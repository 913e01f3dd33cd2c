"""What an empty database begins with: a portal, its owner, and one key for each dialect."""

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
"""Two servers may start on one empty database at once. SQLite has a single writer anyway."""


@dataclass(frozen=True, slots=True)
class FirstPortal:
    """What was made. This is the one time that the keys are known."""

    portal_id: int
    owner_id: int
    keys: dict[str, str]
    """Dialect to key."""


def create_first_portal(work: UnitOfWork, *, secret: bytes) -> FirstPortal | None:
    """Make the first portal, which the Work stands in from here on; None when there is one already."""
    if work.engine == POSTGRESQL:
        work.fetch_all(_LOCK)
    if portals.count(work):
        return None
    portal_id = portals.create(work, title=TITLE)
    owner_id = users.create(work, email=OWNER_EMAIL, name=OWNER_NAME, role="owner")
    issued = {dialect: api_keys.issue(work, user_id=owner_id, dialect=dialect, secret=secret) for dialect in DIALECTS}
    return FirstPortal(portal_id, owner_id, issued)
