"""The kinds of email, who may get each, and how often unless the user chooses otherwise."""

from dataclasses import dataclass
from typing import Final, Literal

from app.domain.permissions import ROLE_RANK

Cadence = Literal["at_once", "daily", "weekly", "never"]


@dataclass(frozen=True, slots=True)
class NotificationKind:
    """A kind of notification that users can choose. `staff` ones are for moderators and above only."""

    name: str
    default: Cadence
    staff: bool = False


NOTIFICATION_KINDS: Final = {
    kind.name: kind
    for kind in (
        NotificationKind("post_update", "at_once"),
        NotificationKind("status_change", "at_once"),
        NotificationKind("comment", "at_once"),
        NotificationKind("reply", "at_once"),
        NotificationKind("mention", "at_once"),
        NotificationKind("new_post", "never", staff=True),
        NotificationKind("pending_post", "never", staff=True),
    )
}
"""By name. The staff summary is chosen apart (`users.recap`): never, daily, weekly or monthly."""

STAFF_ROLES: Final = frozenset(role for role, rank in ROLE_RANK.items() if rank >= ROLE_RANK["moderator"])
"""Those that get the kinds for staff, and the staff summary."""
RECAP: Final = "recap"
DIGEST: Final = "digest"
ACCOUNT_KINDS: Final = (
    "invitation",
    "password_reset",
    "email_confirmation",
    "email_changed",
    "password_changed",
    "passkey_added",
    "key_created",
    "sign_in",
    "approval",
)
"""About the user's own account, whatever the user chose."""
EMAIL_KINDS: Final = (*NOTIFICATION_KINDS, RECAP, DIGEST, *ACCOUNT_KINDS)
