"""Rules of accounts for users who can't sign in yet: they are authorized by a token that was mailed to them.

The pages call these as the operator.
"""

import unicodedata
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, bindparam, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.domain.errors import FieldError, ValidationFailed
from app.domain.events import Event
from app.domain.models import User
from app.domain.models.base import UtcTimestamp
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, parameters, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import address_confirmation, emails, one_time_tokens, sign_in_changes, sign_in_requests
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, PASSWORD_RESET, TokenOwner

MAX_NAME: Final = 100
MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 100
"""Characters. docs/contracts/productlift.md, section 7.18."""
REQUEST_INTERVAL: Final = timedelta(minutes=5)
"""A user gets at most one email of a purpose in this time because a visitor entered the address."""

_REQUESTED_KINDS: Final = {
    PASSWORD_RESET: "user.password_reset_requested",
    EMAIL_CONFIRMATION: "user.confirmation_requested",
}

_ACCEPT: Final = Statement(
    update(User).where(row_in_portal(User)).values(**parameters("name", "password_hash"), updated_at=NOW)
)
_SET_PASSWORD: Final = Statement(
    update(User).where(row_in_portal(User)).values(**parameters("password_hash"), updated_at=NOW)
)


def _take_turn(requested_at: InstrumentedAttribute[datetime | None], *conditions: ColumnElement[bool]) -> Statement:
    return Statement(
        update(User)
        .where(
            User.portal_id == PORTAL_ID,
            User.email_key == bindparam("key"),
            User.blocked_at.is_(None),
            User.deleted_at.is_(None),
            or_(requested_at.is_(None), requested_at <= bindparam("before", type_=UtcTimestamp)),
            *conditions,
        )
        .values({requested_at: NOW})
        .returning(User.id)
    )


_TAKE_TURN: Final = {
    # A time for each, so that requests for one don't hold back the other, which its user may need.
    PASSWORD_RESET: _take_turn(User.reset_requested_at),
    EMAIL_CONFIRMATION: _take_turn(User.confirmation_requested_at, User.email_confirmed_at.is_(None)),
}
_ACCOUNT: Final = Statement(
    select(
        User.email,
        User.password_hash.is_not(None).label("has_password"),
        User.email_confirmed_at.is_not(None).label("is_confirmed"),
    ).where(row_in_portal(User), User.blocked_at.is_(None), User.deleted_at.is_(None))
)


def find_owner(work: UnitOfWork, token: str, *, purpose: str) -> TokenOwner:
    """The user of the token, which stays valid. Raises Forbidden, Conflict as `one_time_tokens.verify`."""
    work.authorize(Permission.OPERATE)
    return one_time_tokens.verify(work, token, purpose=purpose)


def check_name(name: str) -> str:
    """The trimmed name. Raises ValidationFailed: name blank, too_long or invalid (control characters)."""
    name = name.strip()
    if not name:
        raise ValidationFailed([FieldError("name", "blank")])
    if len(name) > MAX_NAME:
        raise ValidationFailed([FieldError("name", "too_long", {"max": MAX_NAME})])
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ValidationFailed([FieldError("name", "invalid")])
    return name


def check_password(password: str) -> str:
    """The password, unchanged. Raises ValidationFailed: password too_short, too_long or invalid (a NUL)."""
    if len(password) < MIN_PASSWORD:
        raise ValidationFailed([FieldError("password", "too_short", {"min": MIN_PASSWORD})])
    if len(password) > MAX_PASSWORD:
        raise ValidationFailed([FieldError("password", "too_long", {"max": MAX_PASSWORD})])
    if "\0" in password:
        raise ValidationFailed([FieldError("password", "invalid")])
    return password


def accept_invitation(work: UnitOfWork, token: str, *, name: str, password_hash: str) -> TokenOwner:
    """Set the name and the first password of an invited user, whose address is confirmed by that.

    The values have been checked. Raises Forbidden, Conflict as `one_time_tokens.use`. Records user.invitation_accepted,
    and as `address_confirmation.confirm`.
    """
    work.authorize(Permission.OPERATE)
    owner = one_time_tokens.use(work, token, purpose=INVITATION)
    address_confirmation.confirm(work, owner.user_id, is_own_sign_up=False)
    work.execute(_ACCEPT, id=owner.user_id, name=name, password_hash=password_hash)
    one_time_tokens.end_all(work, owner.user_id)
    work.record(Event("user.invitation_accepted", subject_id=owner.user_id, user_id=owner.user_id))
    return owner


def request_password_reset(work: UnitOfWork, email: str) -> None:
    """Record user.password_reset_requested, from which the email is made, if a user has this address.

    The caller can't learn whether one has. Nothing is recorded for a blocked user, nor within REQUEST_INTERVAL of
    another request for the same. Raises Forbidden.
    """
    _request(work, email, purpose=PASSWORD_RESET)


def request_confirmation(work: UnitOfWork, email: str) -> None:
    """Record user.confirmation_requested, as `request_password_reset`. Nothing for an address that is confirmed."""
    _request(work, email, purpose=EMAIL_CONFIRMATION)


def reset_password(work: UnitOfWork, token: str, *, password_hash: str) -> TokenOwner:
    """Set a new password; the token came by email, so the address is confirmed.

    The password has been checked. Raises Forbidden, Conflict as `one_time_tokens.use`. Records user.password_changed,
    and as `address_confirmation.confirm`.
    """
    work.authorize(Permission.OPERATE)
    owner = one_time_tokens.use(work, token, purpose=PASSWORD_RESET)
    is_recorded = address_confirmation.confirm(work, owner.user_id, is_own_sign_up=False)
    work.execute(_SET_PASSWORD, id=owner.user_id, password_hash=password_hash)
    if not is_recorded:
        sign_in_changes.record_password_change(work, owner.user_id)
    return owner


def confirm_email(work: UnitOfWork, token: str, *, browser_token: str | None) -> TokenOwner:
    """Confirm the address. `browser_token` is the one that the browser has, if any.

    In another browser than that in which the user signed up, all ways to sign in end, as `address_confirmation.confirm`
    says: whoever signed up may have asked for this email, too. Raises Forbidden, Conflict as `one_time_tokens.use`.
    Records as `address_confirmation.confirm`.
    """
    work.authorize(Permission.OPERATE)
    owner = one_time_tokens.use(work, token, purpose=EMAIL_CONFIRMATION)
    is_own_sign_up = browser_token is not None and sign_in_requests.is_of_sign_up(
        work, user_id=owner.user_id, browser_token=browser_token
    )
    address_confirmation.confirm(work, owner.user_id, is_own_sign_up=is_own_sign_up)
    return owner


def find_email(work: UnitOfWork, user_id: int) -> str | None:
    """The address for mail about the account; None for a user without one, or who is blocked or deleted."""
    email: str | None = work.fetch_value(_ACCOUNT, id=user_id)
    return email


def is_confirmed(work: UnitOfWork, user_id: int) -> bool:
    """Whether the address of the user is confirmed."""
    row = work.fetch_one(_ACCOUNT, id=user_id)
    return row is not None and bool(row["is_confirmed"])


def has_password(work: UnitOfWork, user_id: int) -> bool:
    """Whether the user has a password, so that an invitation is not needed any more."""
    row = work.fetch_one(_ACCOUNT, id=user_id)
    return row is not None and bool(row["has_password"])


def _request(work: UnitOfWork, email: str, *, purpose: str) -> None:
    work.authorize(Permission.OPERATE)
    key, before = emails.normalize_email(email), work.now - REQUEST_INTERVAL
    user_id = work.fetch_value(_TAKE_TURN[purpose], key=key, before=before)
    if user_id is not None:
        work.record(Event(_REQUESTED_KINDS[purpose], subject_id=user_id, user_id=user_id))
