"""The ownership of a portal: exactly one of its users has the role owner, and only a transfer changes which one."""

from typing import Final

from sqlalchemy import bindparam, or_, select, update

from app.domain.errors import Conflict, NotFound
from app.domain.models import User
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork

FORMER_OWNER_ROLE: Final = "admin"
"""A role that may have the keys of every dialect, so that the transfer revokes none."""

_LOCK: Final = Statement(
    select(User.id, User.role, User.blocked_at)
    .where(
        User.portal_id == PORTAL_ID,
        or_(User.id == bindparam("id"), User.role == "owner"),
        User.deleted_at.is_(None),
    )
    # In the order of ids, to avoid deadlocks.
    .order_by(User.id)
    .with_for_update(key_share=True)
)
_SET_ROLE: Final = Statement(update(User).where(row_in_portal(User)).values(role=bindparam("role"), updated_at=NOW))


def transfer(work: UnitOfWork, user_id: int) -> int | None:
    """Make the user the owner of the portal, and the owner an administrator; return the id of the former owner.

    Returns None if the portal had no owner. The keys of both stay valid, with the new roles. Raises Forbidden,
    NotFound("user") also for a deleted user, Conflict("owner.unchanged") for the owner, Conflict("owner.blocked") for
    a blocked user, Conflict("owner.taken").
    """
    work.authorize(Permission.OPERATE)
    # Transfers wait for each other, so that the second one reads the owner that the first one made.
    work.lock_portal()
    users = {row["id"]: row for row in work.fetch_all(_LOCK, id=user_id)}
    if user_id not in users:
        raise NotFound("user", user_id)
    if users[user_id]["role"] == "owner":
        raise Conflict("owner.unchanged")
    if users[user_id]["blocked_at"] is not None:
        raise Conflict("owner.blocked")
    former_owner = next((other for other in users if other != user_id), None)
    if former_owner is not None:
        work.execute(_SET_ROLE, id=former_owner, role=FORMER_OWNER_ROLE)
    # An owner may have been created meanwhile in a portal without one.
    with work.map_unique_violation(uq_users_owner=Conflict("owner.taken")):
        work.execute(_SET_ROLE, id=user_id, role="owner")
    return former_owner
