"""The initial rows of an empty database: a portal, its owner, one key for each dialect, and a link to sign in."""

from dataclasses import dataclass, field
from typing import Final

from app.domain.models.portals import DIALECTS
from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys, emails, sign_in, users

TITLE: Final = "Feedback"
OWNER_EMAIL: Final = "owner@example.com"


@dataclass(frozen=True, slots=True)
class FirstPortal:
    """The created portal. The keys can't be read again later."""

    portal_id: int
    owner_id: int
    keys: dict[str, str]
    """By dialect."""
    owner_email: str = OWNER_EMAIL
    sign_in_token: str = field(default="", repr=False)
    """Of the link by which the owner signs in."""


def create_first_portal(
    work: UnitOfWork, *, secret: bytes, owner_email: str | None = None, owner_name: str | None = None
) -> FirstPortal | None:
    """Create the first portal, which the unit of work uses from then on; None when there is a portal already.

    The owner's address is OWNER_EMAIL by default, and the name is derived from the address.
    """
    # Two servers may start with one empty database at the same time.
    portals.lock_all(work)
    if portals.count(work):
        return None
    portal_id = portals.create(work, title=TITLE)
    email = owner_email or OWNER_EMAIL
    owner_id = users.create(work, email=email, name=owner_name or users.display_name_from(email), role="owner")
    keys = {
        dialect: api_keys.issue(work, user_id=owner_id, dialect=dialect, secret=secret).token for dialect in DIALECTS
    }
    return FirstPortal(
        portal_id,
        owner_id,
        keys,
        owner_email=emails.normalize_email(email),
        sign_in_token=sign_in.create_link(work, owner_id),
    )
