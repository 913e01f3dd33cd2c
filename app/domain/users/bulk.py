"""Changes of many users in one transaction. Each user is changed by the rule for one user.

Unknown and deleted users are passed over, and so are the owner of the portal and the actor, so that a list of all users
can be given.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from sqlalchemy import select

from app.domain.models import User
from app.domain.permissions import Permission, is_allowed
from app.domain.sql.statement import Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import deletion, users

_ADMINISTRATORS: Final = ("admin", "owner")

_USERS: Final = (
    select(User.id, User.role, User.blocked_at)
    .where(in_portal_unindexed(User), in_list(User.uuid, "uuids"), User.deleted_at.is_(None))
    # In the order of ids, so that two changes of the same users wait for each other instead of ending in a deadlock.
    .order_by(User.id)
)
_LOCK: Final = Statement(_USERS.with_for_update(key_share=True))
_LOCK_TO_DELETE: Final = Statement(_USERS.with_for_update())


def block(work: UnitOfWork, uuids: Collection[str]) -> int:
    """Block users, as `users.block` does, except administrators; return how many were not blocked before.

    Raises Forbidden("block_user").
    """
    work.authorize(Permission.BLOCK_USER)
    return _change(
        _lock(work, _LOCK, uuids),
        lambda row: (
            row["blocked_at"] is None
            and row["role"] not in _ADMINISTRATORS
            and is_allowed(work.actor, Permission.BLOCK_USER, of_role=row["role"], of_user=row["id"])
        ),
        lambda user_id: users.block(work, user_id),
    )


def unblock(work: UnitOfWork, uuids: Collection[str]) -> int:
    """Unblock users, as `users.unblock` does; return how many were blocked before. Raises Forbidden."""
    work.authorize(Permission.MANAGE_USERS)
    return _change(
        _lock(work, _LOCK, uuids),
        lambda row: row["blocked_at"] is not None,
        lambda user_id: users.unblock(work, user_id),
    )


def delete(work: UnitOfWork, uuids: Collection[str], *, with_content: bool) -> tuple[int, list[str]]:
    """Delete users, as `deletion.delete` does; return how many, and the names of stored files.

    The files are to be deleted after the commit. May take long. Raises Forbidden.
    """
    work.authorize(Permission.MANAGE_USERS)
    files: list[str] = []
    count = _change(
        _lock(work, _LOCK_TO_DELETE, uuids),
        lambda row: row["role"] != "owner",
        lambda user_id: files.extend(deletion.delete(work, user_id, with_content=with_content).files),
    )
    return count, files


def _lock(work: UnitOfWork, statement: Statement, uuids: Collection[str]) -> Sequence[Row]:
    """Lock the users with these UUIDs, regardless of case, and return id, role and time of blocking of each."""
    rows = work.fetch_all(statement, uuids=sorted({uuid.lower() for uuid in uuids}))
    return [row for row in rows if row["id"] != work.actor.user_id]


def _change(rows: Sequence[Row], is_affected: Callable[[Row], bool], change: Callable[[int], object]) -> int:
    """Change each user that is affected; return how many."""
    user_ids = [row["id"] for row in rows if is_affected(row)]
    for user_id in user_ids:
        change(user_id)
    return len(user_ids)
