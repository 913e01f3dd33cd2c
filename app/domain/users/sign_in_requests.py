"""Links, codes of six digits, and what others have signed: each signs in once. Only their SHA-256 is stored.

The digest of a code hides it from nobody who reads the database, so a code is valid only together with the token in the
cookie of the browser that asked for it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, func, literal_column, select, update

from app.domain.errors import Conflict
from app.domain.models import SignInRequest, User
from app.domain.models.base import UtcTimestamp
from app.domain.sql.statement import (
    NOW,
    PORTAL_ID,
    Statement,
    in_portal_unindexed,
    insert_row,
    parameters,
    row_in_portal,
)
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users.key_verification import has_passed

LIFETIME: Final = timedelta(minutes=15)
REQUEST_INTERVAL: Final = timedelta(minutes=5)
"""A browser gets at most one email for a user in this time."""
MAX_HOURLY_REQUESTS: Final = 10
"""Emails that a user gets in an hour, whichever browsers ask for them. The link of each works everywhere."""
MAX_ATTEMPTS: Final = 5
"""Codes that may be entered for one request, the right one included."""
MAX_DAILY_WRONG_CODES: Final = 20
"""Of a user, in all requests of a day. Beyond it only links sign in, because a code has a million values."""
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
    insert_row(SignInRequest, "user_id", "email", "link_digest", "browser_digest")
    .values(expires_at=bindparam("expires_at", type_=UtcTimestamp))
    .returning(SignInRequest.id)
)
_INSERT_USED: Final = Statement(
    insert_row(SignInRequest, "user_id", "link_digest")
    .values(expires_at=bindparam("expires_at", type_=UtcTimestamp), used_at=NOW)
    .on_conflict_do_nothing()
    .returning(SignInRequest.id)
)
_of_user = (in_portal_unindexed(SignInRequest), SignInRequest.user_id == bindparam("user"))
_is_since = SignInRequest.created_at > bindparam("since", type_=UtcTimestamp)
_COUNT_EMAILS: Final = Statement(select(func.count()).where(*_of_user, _is_since, SignInRequest.email.is_not(None)))
_HAS_ASKED: Final = Statement(
    select(SignInRequest.id)
    .where(*_of_user, _is_since, SignInRequest.browser_digest == bindparam("browser"))
    .limit(literal_column("1"))
)
_COUNT_WRONG_CODES: Final = Statement(
    select(func.coalesce(func.sum(SignInRequest.attempts), literal_column("0"))).where(*_of_user, _is_since)
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
_BY_ID: Final = Statement(_REQUEST.where(SignInRequest.id == bindparam("id"), SignInRequest.link_digest.is_(None)))
_SET_SECRETS: Final = Statement(
    update(SignInRequest)
    .where(row_in_portal(SignInRequest), _is_open)
    .values(**parameters("link_digest", "code_digest"), expires_at=bindparam("expires_at", type_=UtcTimestamp))
)
_FIND_OF_SIGN_UP: Final = Statement(
    select(SignInRequest.id)
    .join(User, (User.id == SignInRequest.user_id) & (User.portal_id == SignInRequest.portal_id))
    .where(
        *_of_user, SignInRequest.browser_digest == bindparam("browser"), SignInRequest.created_at == User.signed_up_at
    )
)
_ATTEMPTS: Final = Statement(select(SignInRequest.attempts).where(row_in_portal(SignInRequest), _is_open))
_COUNT_ATTEMPT: Final = Statement(
    update(SignInRequest)
    .where(row_in_portal(SignInRequest))
    .values(attempts=SignInRequest.attempts + literal_column("1"))
)
_USE: Final = Statement(
    update(SignInRequest)
    .where(row_in_portal(SignInRequest), _is_open, SignInRequest.expires_at > NOW)
    .values(used_at=NOW)
)
_END_ALL: Final = Statement(update(SignInRequest).where(*_of_user, _is_open).values(used_at=NOW))
_expired = (
    select(SignInRequest.id)
    .where(SignInRequest.expires_at < bindparam("before", type_=UtcTimestamp))
    .order_by(SignInRequest.expires_at)
    .limit(literal_column(str(MAX_BATCH)))
)
_DELETE_EXPIRED: Final = Statement(delete(SignInRequest).where(SignInRequest.id.in_(_expired)), across_portals=True)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The link's token and the code of a request, and the address that they are to be sent to."""

    token: str
    code: str | None
    """None if too many wrong ones were entered."""
    email: str


@dataclass(frozen=True, slots=True)
class RequestOwner:
    """The user of a link or a code."""

    user_id: int
    name: str
    email: str | None
    """The address that it was sent to; None for a link that the operator made."""
    is_own_sign_up: bool
    """Whether the sign-up that created the user asked for it, and it is used in the browser that signed up."""


def record(work: UnitOfWork, *, user_id: int, email: str, browser_token: str) -> int | None:
    """Record that a browser asks for a link and a code, which `create_secrets` makes, and return the request's id.

    None within REQUEST_INTERVAL of another request of this browser for the user, so that requests of others don't hold
    it back, and beyond MAX_HOURLY_REQUESTS of all browsers. The caller has locked the user.
    """
    browser = digest(browser_token)
    if work.fetch_value(_HAS_ASKED, user=user_id, browser=browser, since=work.now - REQUEST_INTERVAL) is not None:
        return None
    if int(work.fetch_value(_COUNT_EMAILS, user=user_id, since=work.now - timedelta(hours=1))) >= MAX_HOURLY_REQUESTS:
        return None
    return _insert(work, user_id=user_id, email=email, link_digest=None, browser_digest=browser)


def create_secrets(work: UnitOfWork, request_id: int) -> Secrets | None:
    """Make the link and the code of a request, when the email is made, from which on they are valid for LIFETIME.

    None if the request has ended or has them already, or if the user is blocked or deleted, or has another address by
    now.
    """
    row = work.fetch_one(_BY_ID, id=request_id)
    if row is None or work.fetch_value(_LOCK_USER, id=row["user_id"]) != row["email"]:
        return None
    made = Secrets(secrets.token_urlsafe(TOKEN_BYTES), _create_code(work, row["user_id"]), row["email"])
    is_stored = work.execute(
        _SET_SECRETS,
        id=request_id,
        link_digest=digest(made.token),
        code_digest=None if made.code is None else digest(made.code),
        expires_at=work.now + LIFETIME,
    )
    return made if is_stored else None


def create_link(work: UnitOfWork, user_id: int) -> str:
    """Make a link without a code, that is sent to nobody, and return its token."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    _insert(work, user_id=user_id, email=None, link_digest=digest(token), browser_digest=None)
    return token


def use_proof(work: UnitOfWork, proof: str, *, user_id: int, expires_at: datetime) -> bool:
    """Store that something signed by others, such as a token of single sign-on, has signed the user in.

    False if it did so before. It need not be kept after `expires_at`, when it is not valid any more. The caller has
    locked the user.
    """
    # Portals may have the same secret, and the digest is unique in all of them.
    stored = digest(f"{work.portal_id} {proof}")
    return work.fetch_value(_INSERT_USED, user_id=user_id, link_digest=stored, expires_at=expires_at) is not None


def is_of_sign_up(work: UnitOfWork, *, user_id: int, browser_token: str) -> bool:
    """Whether the user signed up in this browser. Known for KEEP only."""
    return work.fetch_value(_FIND_OF_SIGN_UP, user=user_id, browser=digest(browser_token)) is not None


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

    None for a wrong code, after too many of them, and if there is no such request, so that a visitor can't learn
    whether one was made. A wrong code is counted, so the transaction must be committed in each case.
    """
    row = work.fetch_one(_BY_BROWSER, browser=digest(browser_token))
    # From the lock on, attempts for the user wait for each other, so that all are counted.
    if row is None or work.fetch_value(_LOCK_USER, id=row["user_id"]) != row["email"]:
        return None
    attempts = work.fetch_value(_ATTEMPTS, id=row["id"])
    if (
        attempts is None
        or attempts >= MAX_ATTEMPTS
        or _count_wrong_codes(work, row["user_id"]) >= MAX_DAILY_WRONG_CODES
    ):
        return None
    if not hmac.compare_digest(digest(code), row["code_digest"]):
        work.execute(_COUNT_ATTEMPT, id=row["id"])
        return None
    return _to_owner(row, browser_token) if _use(work, row) else None


def end_all(work: UnitOfWork, user_id: int) -> None:
    """End all links and codes of the user."""
    work.execute(_END_ALL, user=user_id)


def delete_expired(work: UnitOfWork) -> bool:
    """Delete some requests of all portals that expired KEEP ago. True if there may be more."""
    return work.execute(_DELETE_EXPIRED, before=work.now - KEEP) >= MAX_BATCH


def digest(token: str) -> str:
    """What is stored of a link's token, a code, or the token of a browser."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _insert(work: UnitOfWork, **columns: int | str | None) -> int:
    return int(work.fetch_value(_INSERT, **columns, expires_at=work.now + LIFETIME))


def _create_code(work: UnitOfWork, user_id: int) -> str | None:
    if _count_wrong_codes(work, user_id) >= MAX_DAILY_WRONG_CODES:
        return None
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def _count_wrong_codes(work: UnitOfWork, user_id: int) -> int:
    return int(work.fetch_value(_COUNT_WRONG_CODES, user=user_id, since=work.now - timedelta(days=1)))


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
