"""Links, and codes of six digits, that sign in, once. Only their SHA-256 is stored.

The digest of a code hides it from nobody who reads the database, so a code is valid only together with the token in the
cookie of the browser that asked for it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, literal_column, select, update

from app.domain.errors import Conflict
from app.domain.models import SignInRequest, User
from app.domain.models.base import UtcTimestamp
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_portal_unindexed, insert_row, row_in_portal
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users.key_verification import has_passed

LIFETIME: Final = timedelta(minutes=15)
MAX_ATTEMPTS: Final = 5
"""Codes that may be entered for one request, the right one included."""
CODE_DIGITS: Final = 6
TOKEN_BYTES: Final = 32
KEEP: Final = timedelta(days=1)
"""How long an expired request is kept, so that its link is called expired rather than unknown."""
MAX_BATCH: Final = 500

_LOCK_USER: Final = Statement(
    select(User.email)
    .where(row_in_portal(User), User.deleted_at.is_(None), User.blocked_at.is_(None))
    # As for one-time tokens: these rules wait for each other and for changes of the user.
    .with_for_update(key_share=True)
)
_INSERT: Final = Statement(
    insert_row(SignInRequest, "user_id", "email", "link_digest", "code_digest", "browser_digest").values(
        created_at=bindparam("requested_at", type_=UtcTimestamp),
        expires_at=bindparam("expires_at", type_=UtcTimestamp),
    )
)
_is_open = SignInRequest.used_at.is_(None)
_REQUEST: Final = (
    select(
        SignInRequest.id,
        SignInRequest.user_id,
        SignInRequest.email,
        SignInRequest.code_digest,
        SignInRequest.browser_digest,
        SignInRequest.created_at,
        SignInRequest.expires_at,
        SignInRequest.used_at,
        User.name,
        User.email.label("current_email"),
        User.signed_up_at,
        User.blocked_at,
        User.deleted_at,
    )
    .join(User, (User.id == SignInRequest.user_id) & (User.portal_id == SignInRequest.portal_id))
    .where(SignInRequest.portal_id == PORTAL_ID)
)
_BY_LINK: Final = Statement(_REQUEST.where(SignInRequest.link_digest == bindparam("digest")))
_BY_BROWSER: Final = Statement(
    _REQUEST.where(
        SignInRequest.browser_digest == bindparam("browser"),
        SignInRequest.code_digest.is_not(None),
        SignInRequest.expires_at > NOW,
        _is_open,
    )
    .order_by(SignInRequest.id.desc())
    .limit(literal_column("1"))
)
_COUNT_ATTEMPT: Final = Statement(
    update(SignInRequest)
    .where(row_in_portal(SignInRequest), SignInRequest.attempts < literal_column(str(MAX_ATTEMPTS)), _is_open)
    .values(attempts=SignInRequest.attempts + literal_column("1"))
)
_USE: Final = Statement(
    update(SignInRequest)
    .where(row_in_portal(SignInRequest), _is_open, SignInRequest.expires_at > NOW)
    .values(used_at=NOW)
)
_END_ALL: Final = Statement(
    update(SignInRequest)
    .where(in_portal_unindexed(SignInRequest), SignInRequest.user_id == bindparam("user"), _is_open)
    .values(used_at=NOW)
)
_expired = (
    select(SignInRequest.id)
    .where(SignInRequest.expires_at < bindparam("before", type_=UtcTimestamp))
    .order_by(SignInRequest.expires_at)
    .limit(literal_column(str(MAX_BATCH)))
)
_DELETE_EXPIRED: Final = Statement(delete(SignInRequest).where(SignInRequest.id.in_(_expired)), across_portals=True)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The link's token and the code of a request, to be sent by email."""

    token: str
    code: str


@dataclass(frozen=True, slots=True)
class RequestOwner:
    """The user of a link or a code."""

    user_id: int
    name: str
    email: str | None
    """The address that it was sent to; None for a link that the operator made."""
    is_own_sign_up: bool
    """Whether the sign-up that created the user asked for it, and it is used in the browser that signed up."""


def create(
    work: UnitOfWork, *, user_id: int, email: str, browser_digest: str, requested_at: datetime
) -> Secrets | None:
    """Make a link and a code, which are sent to `email`. `requested_at` is the time at which the visitor asked.

    None if the user is blocked or deleted, or has another address by now.
    """
    if work.fetch_value(_LOCK_USER, id=user_id) != email:
        return None
    made = Secrets(secrets.token_urlsafe(TOKEN_BYTES), f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}")
    work.execute(
        _INSERT,
        user_id=user_id,
        email=email,
        link_digest=digest(made.token),
        code_digest=digest(made.code),
        browser_digest=browser_digest,
        requested_at=requested_at,
        expires_at=work.now + LIFETIME,
    )
    return made


def create_link(work: UnitOfWork, user_id: int) -> str:
    """Make a link without a code, that is sent to nobody, and return its token."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    work.execute(
        _INSERT,
        user_id=user_id,
        email=None,
        link_digest=digest(token),
        code_digest=None,
        browser_digest=None,
        requested_at=work.now,
        expires_at=work.now + LIFETIME,
    )
    return token


def verify_link(work: UnitOfWork, token: str) -> RequestOwner:
    """The user of the link, which stays valid.

    Raises Conflict: "token.unknown", "token.expired", or "token.used" for one that was used, or ended by another
    sign-in by email, a change of the user's password or address, or the blocking of the user.
    """
    return _to_owner(_find_link(work, token), None)


def use_link(work: UnitOfWork, token: str, *, browser_token: str | None) -> RequestOwner:
    """End the link and its code, and all others of the user, who is locked until the transaction ends.

    Of two concurrent calls one succeeds. Raises Conflict as `verify_link`.
    """
    row = _find_link(work, token)
    if not _use(work, row):
        raise Conflict("token.used")
    return _to_owner(row, browser_token)


def use_code(work: UnitOfWork, code: str, *, browser_token: str) -> RequestOwner | None:
    """As `use_link`, by the code of the newest request of this browser.

    None for a wrong code, and if there is no such request, so that a visitor can't learn whether one was made. The
    attempt is counted, so the transaction must be committed in each case.
    """
    row = work.fetch_one(_BY_BROWSER, browser=digest(browser_token))
    if row is None or row["blocked_at"] is not None or row["email"] != row["current_email"]:
        return None
    if not work.execute(_COUNT_ATTEMPT, id=row["id"]):
        return None
    if not hmac.compare_digest(digest(code), row["code_digest"]) or not _use(work, row):
        return None
    return _to_owner(row, browser_token)


def end_all(work: UnitOfWork, user_id: int) -> None:
    """End all links and codes of the user."""
    work.execute(_END_ALL, user=user_id)


def delete_expired(work: UnitOfWork) -> bool:
    """Delete some requests of all portals that expired KEEP ago. True if there may be more."""
    return work.execute(_DELETE_EXPIRED, before=work.now - KEEP) >= MAX_BATCH


def digest(token: str) -> str:
    """What is stored of a link's token, a code, or the token of a browser."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _find_link(work: UnitOfWork, token: str) -> Row:
    row = work.fetch_one(_BY_LINK, digest=digest(token))
    if row is None or row["deleted_at"] is not None:
        raise Conflict("token.unknown")
    is_of_other_address = row["email"] is not None and row["email"] != row["current_email"]
    if row["used_at"] is not None or row["blocked_at"] is not None or is_of_other_address:
        raise Conflict("token.used")
    if has_passed(row["expires_at"], work.now):
        raise Conflict("token.expired")
    return row


def _use(work: UnitOfWork, row: Row) -> bool:
    user = work.fetch_one(_LOCK_USER, id=row["user_id"])
    is_current = user is not None and row["email"] in (None, user["email"])
    if not is_current or not work.execute(_USE, id=row["id"]):
        return False
    end_all(work, row["user_id"])
    return True


def _to_owner(row: Row, browser_token: str | None) -> RequestOwner:
    is_same_browser = browser_token is not None and digest(browser_token) == row["browser_digest"]
    signed_up_at = row["signed_up_at"]
    is_of_sign_up = signed_up_at is not None and to_datetime(row["created_at"]) == to_datetime(signed_up_at)
    return RequestOwner(row["user_id"], row["name"], row["email"], is_same_browser and is_of_sign_up)
