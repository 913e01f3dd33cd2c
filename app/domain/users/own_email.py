"""The address of a user who is signed in: a new one counts once its owner has opened the link that is sent to it."""

from typing import Final

from sqlalchemy import bindparam, or_, select, update

from app.domain.errors import Conflict, FieldError, ValidationFailed
from app.domain.events import Event
from app.domain.models import User
from app.domain.models.base import UtcTimestamp
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import emails, one_time_tokens, recent_sign_in, sign_in_changes
from app.domain.users.accounts import REQUEST_INTERVAL

_USER: Final = Statement(
    select(User.email, User.password_hash)
    .where(row_in_portal(User), User.deleted_at.is_(None))
    .with_for_update(key_share=True)
)
_TAKE_TURN: Final = Statement(
    update(User)
    .where(
        row_in_portal(User),
        or_(
            User.confirmation_requested_at.is_(None),
            User.confirmation_requested_at <= bindparam("before", type_=UtcTimestamp),
        ),
    )
    .values(confirmation_requested_at=NOW)
)
_CHANGE: Final = Statement(
    update(User)
    .where(row_in_portal(User))
    .values(email=bindparam("email"), email_key=bindparam("email"), updated_at=NOW)
)
_CONFIRM: Final = Statement(update(User).where(row_in_portal(User)).values(email_confirmed_at=NOW))


def request_change(work: UnitOfWork, user_id: int, *, email: str, verified_hash: str | None) -> None:
    """Record user.confirmation_requested with the new address, to which a link is sent.

    `verified_hash` is what the present password was verified against. A user without a password must have signed in
    recently. Whether another user has the address shows only after the link was opened.

    Raises Forbidden("manage_account"), NotFound("user") also for a deleted user, ValidationFailed: email invalid or
    unchanged; Conflict: "password.changed" if the password was changed meanwhile, "sign_in.too_old" as
    `recent_sign_in.require`, "confirmation.too_soon" within REQUEST_INTERVAL of another link to confirm an address.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    address = emails.normalize_email(emails.parse_email(email))
    user = work.require_row(_USER, "user", user_id, id=user_id)
    if user["password_hash"] != verified_hash:
        raise Conflict("password.changed")
    if verified_hash is None:
        recent_sign_in.require(work)
    if address == user["email"]:
        raise ValidationFailed([FieldError("email", "unchanged")])
    if not work.execute(_TAKE_TURN, id=user_id, before=work.now - REQUEST_INTERVAL):
        raise Conflict("confirmation.too_soon")
    body = {"new_email": address}
    work.record(Event("user.confirmation_requested", subject_id=user_id, user_id=user_id, body=body))


def find_new_address(work: UnitOfWork, user_id: int, token: str) -> str:
    """The address that the link confirms, which stays valid.

    Raises Forbidden("manage_account"), Conflict as `one_time_tokens.verify`, also "token.unknown" for another user's.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    return one_time_tokens.verify_new_address(work, token, user_id=user_id)


def change(work: UnitOfWork, user_id: int, token: str) -> str:
    """Make the address of the link that of the user, confirmed, and return it.

    All other sessions of the user end, and the links and codes that were mailed. Raises as `find_new_address`, and
    Conflict("email.taken") if another user has the address. Records user.email_changed with both addresses.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    old = work.require_row(_USER, "user", user_id, id=user_id)["email"]
    new = one_time_tokens.use_new_address(work, token, user_id=user_id)
    with work.map_unique_violation(uq_users_portal_id_email_key=Conflict("email.taken")):
        work.execute(_CHANGE, id=user_id, email=new)
    sign_in_changes.record_email_change(work, user_id, old=old, new=new)
    work.execute(_CONFIRM, id=user_id)
    return new
