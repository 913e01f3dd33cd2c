"""The password of a user who is signed in: the first one, or a new one after the present one was verified."""

from typing import Final

from sqlalchemy import bindparam, select, update

from app.domain.errors import Conflict
from app.domain.models import User
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys, passkeys, recent_sign_in, sign_in_changes

_this = (row_in_portal(User), User.deleted_at.is_(None))
_HASH: Final = Statement(select(User.password_hash).where(*_this))
_LOCK: Final = Statement(select(User.password_hash).where(*_this).with_for_update(key_share=True))
_SET: Final = Statement(
    update(User).where(row_in_portal(User)).values(password_hash=bindparam("password_hash"), updated_at=NOW)
)


def find_hash(work: UnitOfWork, user_id: int) -> str | None:
    """The hash to verify the present password against; None for a user without a password.

    Raises Forbidden("manage_account"), NotFound("user") also for a deleted user.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    stored: str | None = work.require_row(_HASH, "user", user_id, id=user_id)["password_hash"]
    return stored


def require_hash(work: UnitOfWork, user_id: int, verified_hash: str | None) -> None:
    """Lock the user. Raises as `find_hash`, and Conflict("password.changed") if the stored hash is another one."""
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    if work.require_row(_LOCK, "user", user_id, id=user_id)["password_hash"] != verified_hash:
        raise Conflict("password.changed")


def change(
    work: UnitOfWork,
    user_id: int,
    *,
    verified_hash: str | None,
    new_hash: str,
    removes_passkeys: bool,
    revokes_keys: bool,
) -> None:
    """Set the password. `verified_hash` is what the present one was verified against; None if there was none.

    All other sessions of the user end, and the links and codes that were mailed; on request, the passkeys and API keys
    as well. The new password has been checked. Raises Forbidden("manage_account"), NotFound("user") also for a deleted
    user, Conflict: "password.changed" if the password was changed meanwhile, "sign_in.too_old" as
    `recent_sign_in.require` for a first password. Records user.password_changed.
    """
    require_hash(work, user_id, verified_hash)
    if verified_hash is None:
        recent_sign_in.require(work)
    if removes_passkeys:
        passkeys.delete_all(work, user_id)
    if revokes_keys:
        api_keys.revoke_all_of(work, user_id)
    work.execute(_SET, id=user_id, password_hash=new_hash)
    sign_in_changes.record_password_change(work, user_id)
