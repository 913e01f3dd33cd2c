"""Whether a user has shown that the address is theirs, and what depends on it.

Anybody can sign up with the address of somebody else. Until it is confirmed, the account is that of whoever signed up;
from then on it is that of whoever has the address.
"""

from typing import Final

from sqlalchemy import bindparam, delete, or_, select, update

from app.domain.events import Event
from app.domain.models import Identity, Passkey, Portal, User
from app.domain.sql.statement import NOW, Statement, in_portal_unindexed, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import sign_in_changes

IS_ADDRESS_TRUSTED: Final = or_(User.email_confirmed_at.is_not(None), User.signed_up_at.is_(None))
"""Whether the address is confirmed, or was entered by the team or a server and not by whoever signed up with it."""
PASSWORD_COLUMNS: Final = (
    IS_ADDRESS_TRUSTED.label("is_address_trusted"),
    Portal.is_private,
    Portal.sign_up_domains,
)
"""What `is_password_enough` needs, of a User joined with its Portal."""

_UNCONFIRMED: Final = Statement(
    select(User.signed_up_at, User.password_hash.is_not(None).label("has_password"))
    .where(row_in_portal(User), User.email_confirmed_at.is_(None))
    .with_for_update(key_share=True)
)
_CONFIRM: Final = Statement(update(User).where(row_in_portal(User)).values(email_confirmed_at=NOW, updated_at=NOW))
_REMOVE_PASSWORD: Final = Statement(update(User).where(row_in_portal(User)).values(password_hash=None))
_DELETE_KEYS: Final = [
    Statement(delete(table).where(in_portal_unindexed(table), table.user_id == bindparam("id")))
    for table in (Passkey, Identity)
]


def is_password_enough(user: Row, *, sends_mail: bool) -> bool:
    """Whether the password alone signs the user in. `user` has PASSWORD_COLUMNS.

    Whoever signed up confirms the address first, by a link or a code in an email. Without a mail server nobody can, so
    the password is enough there, except on a portal that is private or limited to some domains: an address that
    anybody can make up must not open it.
    """
    return bool(user["is_address_trusted"]) or may_skip_confirmation(user, sends_mail=sends_mail)


def may_skip_confirmation(portal: Row, *, sends_mail: bool) -> bool:
    """Whether an account can be used before its address is confirmed. `portal` has is_private and sign_up_domains."""
    return not sends_mail and not portal["is_private"] and portal["sign_up_domains"] is None


def confirm(work: UnitOfWork, user_id: int, *, is_own_sign_up: bool) -> bool:
    """Confirm the address of a user who has just shown that it is theirs. Nothing for a confirmed one.

    Anybody may have signed up with the address, and may know the password, or have a passkey, an identity or a session.
    So these end, unless `is_own_sign_up`: the same person signed up. The user is locked until the transaction ends.

    Records user.email_confirmed, and user.password_changed if a password ends, which is what the result says.
    """
    row = work.fetch_one(_UNCONFIRMED, id=user_id)
    if row is None:
        return False
    work.execute(_CONFIRM, id=user_id)
    work.record(Event("user.email_confirmed", subject_id=user_id, user_id=user_id))
    if row["signed_up_at"] is None or is_own_sign_up:
        return False
    for statement in _DELETE_KEYS:
        work.execute(statement, id=user_id)
    if not row["has_password"]:
        sign_in_changes.end_sign_ins(work, user_id)
        return False
    work.execute(_REMOVE_PASSWORD, id=user_id)
    sign_in_changes.record_password_change(work, user_id)
    return True
