"""Tokens that emails carry. Each can be used once, by its user, until it expires.

Only the SHA-256 of a token is stored, which is enough for 256 random bits: nobody can guess one.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, select, update

from app.domain.errors import Conflict
from app.domain.models import OneTimeToken, User
from app.domain.models.base import UtcTimestamp
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, insert_row, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users.key_verification import has_passed

INVITATION: Final = "invitation"
PASSWORD_RESET: Final = "password_reset"  # noqa: S105  The name of a purpose.
EMAIL_CONFIRMATION: Final = "email_confirmation"

LIFETIMES: Final = {
    INVITATION: timedelta(days=90),
    PASSWORD_RESET: timedelta(hours=1),
    EMAIL_CONFIRMATION: timedelta(days=3),
}
"""How long a token is valid, from its creation on."""
TOKEN_BYTES: Final = 32

_LOCK_USER: Final = Statement(
    select(User.email)
    .where(row_in_portal(User), User.deleted_at.is_(None), User.blocked_at.is_(None))
    # The first lock of each rule about tokens, so that they wait for each other and for changes of the user.
    .with_for_update(key_share=True)
)
_HAS_EMAIL: Final = Statement(select(User.id).where(User.portal_id == PORTAL_ID, User.email_key == bindparam("email")))
_is_open = OneTimeToken.used_at.is_(None)
_of_user = (OneTimeToken.portal_id == PORTAL_ID) & (OneTimeToken.user_id == bindparam("user"))
_END_PURPOSE: Final = Statement(
    update(OneTimeToken).where(_of_user, OneTimeToken.purpose == bindparam("kind"), _is_open).values(used_at=NOW)
)
_END_ALL: Final = Statement(update(OneTimeToken).where(_of_user, _is_open).values(used_at=NOW))
_INSERT: Final = Statement(
    insert_row(OneTimeToken, "user_id", "purpose", "digest", "email").values(
        expires_at=bindparam("expires_at", type_=UtcTimestamp)
    )
)
_has_digest = (
    (OneTimeToken.portal_id == PORTAL_ID)
    & (OneTimeToken.digest == bindparam("digest"))
    & (OneTimeToken.purpose == bindparam("kind"))
)
_FIND: Final = Statement(
    select(
        OneTimeToken.user_id,
        OneTimeToken.email,
        OneTimeToken.used_at,
        OneTimeToken.expires_at,
        User.name,
        User.email.label("current_email"),
        User.blocked_at,
        User.deleted_at,
    )
    .join(User, (User.id == OneTimeToken.user_id) & (User.portal_id == OneTimeToken.portal_id))
    .where(_has_digest)
)
_USE: Final = Statement(
    update(OneTimeToken).where(_has_digest, _is_open, OneTimeToken.expires_at > NOW).values(used_at=NOW)
)


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """The user whom a token was sent to."""

    user_id: int
    name: str
    email: str


def create(work: UnitOfWork, *, user_id: int, purpose: str, email: str) -> str | None:
    """Create a token and return it; an older one of this purpose ends. `email` is the address that it is sent to.

    None if the user is blocked or deleted, or has another address by now.
    """
    if work.fetch_value(_LOCK_USER, id=user_id) != email:
        return None
    return _create(work, user_id=user_id, purpose=purpose, email=email)


def create_for_new_address(work: UnitOfWork, *, user_id: int, email: str) -> str | None:
    """Create a token by which the user confirms another address than the present one, and return it.

    An older one that confirms any address ends. None if the user is blocked or deleted, or another user has the
    address.
    """
    user = work.fetch_one(_LOCK_USER, id=user_id)
    if user is None or work.fetch_value(_HAS_EMAIL, email=email) is not None:
        return None
    return _create(work, user_id=user_id, purpose=EMAIL_CONFIRMATION, email=email)


def verify(work: UnitOfWork, token: str, *, purpose: str) -> TokenOwner:
    """The user of the token, which stays valid.

    Raises Conflict: "token.unknown", "token.expired", or "token.used" for one that was used, or ended because of a
    newer one, a change of the user's password or address, or the blocking of the user.
    """
    row = _find(work, token, purpose=purpose)
    if row["email"] != row["current_email"]:
        raise Conflict("token.used")
    _check_expiry(work, row)
    return TokenOwner(row["user_id"], row["name"], row["current_email"])


def verify_new_address(work: UnitOfWork, token: str, *, user_id: int) -> str:
    """The address that the token confirms, which the user does not have yet.

    Raises as `verify`, and "token.unknown" for the token of another user.
    """
    row = _find(work, token, purpose=EMAIL_CONFIRMATION)
    if row["user_id"] != user_id:
        raise Conflict("token.unknown")
    if row["email"] == row["current_email"]:
        raise Conflict("token.used")
    _check_expiry(work, row)
    return str(row["email"])


def use(work: UnitOfWork, token: str, *, purpose: str) -> TokenOwner:
    """End the token and return its user, who is locked until the transaction ends. Raises as `verify`.

    Of two concurrent calls one succeeds.
    """
    owner = verify(work, token, purpose=purpose)
    is_current = work.fetch_value(_LOCK_USER, id=owner.user_id) == owner.email
    if not is_current or not work.execute(_USE, digest=_digest(token), kind=purpose):
        raise Conflict("token.used")
    return owner


def use_new_address(work: UnitOfWork, token: str, *, user_id: int) -> str:
    """End the token and return its address, as `verify_new_address`. The caller has locked the user."""
    email = verify_new_address(work, token, user_id=user_id)
    if not work.execute(_USE, digest=_digest(token), kind=EMAIL_CONFIRMATION):
        raise Conflict("token.used")
    return email


def end_all(work: UnitOfWork, user_id: int) -> None:
    """End all tokens of the user."""
    work.execute(_END_ALL, user=user_id)


def _create(work: UnitOfWork, *, user_id: int, purpose: str, email: str) -> str:
    work.execute(_END_PURPOSE, user=user_id, kind=purpose)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    work.execute(
        _INSERT,
        user_id=user_id,
        purpose=purpose,
        digest=_digest(token),
        email=email,
        expires_at=work.now + LIFETIMES[purpose],
    )
    return token


def _find(work: UnitOfWork, token: str, *, purpose: str) -> Row:
    row = work.fetch_one(_FIND, digest=_digest(token), kind=purpose)
    if row is None or row["deleted_at"] is not None:
        raise Conflict("token.unknown")
    if row["used_at"] is not None or row["blocked_at"] is not None:
        raise Conflict("token.used")
    return row


def _check_expiry(work: UnitOfWork, row: Row) -> None:
    if has_passed(row["expires_at"], work.now):
        raise Conflict("token.expired")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
