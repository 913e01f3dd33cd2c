"""What a user chose: how often to be told of each kind, the staff summary, and the switch for all notifications."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, update

from app.domain.errors import FieldError, ValidationFailed
from app.domain.models import NotificationChoice, User
from app.domain.models.outbox import CADENCES
from app.domain.models.users import RECAPS
from app.domain.notifications.kinds import NOTIFICATION_KINDS, STAFF_ROLES, Cadence
from app.domain.permissions import Permission
from app.domain.posts import follows
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, insert_row, parameters, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork

_USER: Final = Statement(
    select(User.role, User.notifications_enabled, User.recap)
    .where(row_in_portal(User), User.deleted_at.is_(None))
    # Waits for a concurrent deletion of the user, after which no row is found.
    .with_for_update(key_share=True)
)
_PROFILE: Final = Statement(
    select(User.role, User.notifications_enabled, User.recap).where(row_in_portal(User), User.deleted_at.is_(None))
)
_CADENCES: Final = Statement(
    select(NotificationChoice.kind, NotificationChoice.cadence).where(
        NotificationChoice.portal_id == PORTAL_ID, NotificationChoice.user_id == bindparam("user")
    )
)
_insertion = insert_row(NotificationChoice, "user_id", "kind", "cadence")
_SET: Final = Statement(
    _insertion.on_conflict_do_update(index_elements=["user_id", "kind"], set_={"cadence": _insertion.excluded.cadence})
)
_SET_ENABLED: Final = Statement(
    update(User).where(row_in_portal(User)).values(**parameters("notifications_enabled"), updated_at=NOW)
)
_SET_RECAP: Final = Statement(update(User).where(row_in_portal(User)).values(**parameters("recap"), updated_at=NOW))


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a user."""

    enabled: bool
    """Whether the user gets notifications at all. Mail about the account is sent anyway."""
    recap: str | None
    """How often the staff summary is sent; None for a user whose role gets none."""
    cadences: Mapping[str, Cadence]
    """How often the user is told of each kind that the role may get, chosen or by default."""


def is_staff(role: str) -> bool:
    """Whether the role gets the kinds for staff, and the staff summary."""
    return role in STAFF_ROLES


def get_choices(work: UnitOfWork, user_id: int) -> Choices:
    """The choices of a user. Raises Forbidden, NotFound("user") also for a deleted one."""
    work.authorize(Permission.CHOOSE_NOTIFICATIONS, of_user=user_id)
    role, is_enabled, recap = work.require_row(_PROFILE, "user", user_id, id=user_id)
    chosen: dict[str, Cadence] = {row[0]: row[1] for row in work.fetch_all(_CADENCES, user=user_id)}
    return Choices(
        enabled=bool(is_enabled),
        recap=recap if is_staff(role) else None,
        cadences={
            kind.name: chosen.get(kind.name, kind.default)
            for kind in NOTIFICATION_KINDS.values()
            if is_staff(role) or not kind.staff
        },
    )


def set_choice(work: UnitOfWork, user_id: int, kind: str, cadence: str) -> None:
    """Set how often the user is told of a kind.

    Raises Forbidden, NotFound("user") also for a deleted one, ValidationFailed: kind or cadence unknown, kind for staff
    only. Every user may set such a kind to `never`.
    """
    role = _lock_user(work, user_id)["role"]
    if kind not in NOTIFICATION_KINDS:
        raise ValidationFailed([FieldError("kind", "invalid")])
    if cadence not in CADENCES:
        raise ValidationFailed([FieldError("cadence", "invalid")])
    if NOTIFICATION_KINDS[kind].staff and cadence != "never" and not is_staff(role):
        raise ValidationFailed([FieldError("kind", "staff_only", {"kind": kind})])
    work.execute(_SET, user_id=user_id, kind=kind, cadence=cadence)


def set_enabled(work: UnitOfWork, user_id: int, enabled: bool) -> None:
    """Stop all notifications to the user, or allow them again as chosen before.

    Raises Forbidden, NotFound("user") also for a deleted one.
    """
    if bool(_lock_user(work, user_id)["notifications_enabled"]) != enabled:
        work.execute(_SET_ENABLED, id=user_id, notifications_enabled=enabled)


def set_recap(work: UnitOfWork, user_id: int, recap: str) -> None:
    """Set how often the user gets the staff summary: never, daily, weekly or monthly.

    Raises Forbidden, NotFound("user") also for a deleted one, ValidationFailed: frequency unknown, summary for staff
    only. Every user may set it to `never`.
    """
    user = _lock_user(work, user_id)
    if recap not in RECAPS:
        raise ValidationFailed([FieldError("recap", "invalid")])
    if recap != "never" and not is_staff(user["role"]):
        raise ValidationFailed([FieldError("recap", "staff_only")])
    if user["recap"] != recap:
        work.execute(_SET_RECAP, id=user_id, recap=recap)


def stop_following(work: UnitOfWork, user_id: int, post_id: int) -> bool:
    """End the user's follow of a post; return whether there was one. An unknown post has none. Raises Forbidden."""
    return follows.stop(work, post_id=post_id, user_id=user_id)


def _lock_user(work: UnitOfWork, user_id: int) -> Row:
    work.authorize(Permission.CHOOSE_NOTIFICATIONS, of_user=user_id)
    return work.require_row(_USER, "user", user_id, id=user_id)
