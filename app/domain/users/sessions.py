"""Sessions: browsers in which a user is signed in. Only the SHA-256 of the token in the browser's cookie is stored."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, delete, literal_column, select, update

from app.domain.errors import Conflict, NotFound
from app.domain.models import Session, User
from app.domain.models.base import UtcTimestamp
from app.domain.permissions import Actor, Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_portal_unindexed, insert_row, row_in_portal
from app.domain.sql.timestamps import Timestamp, to_datetime
from app.domain.unit_of_work import UnitOfWork

LIFETIME: Final = timedelta(days=90)
"""How long a session is valid after its last use."""
TOUCH_INTERVAL: Final = timedelta(minutes=10)
"""The use of a session is stored at most once in this time, because a page must not write at each request."""
TOKEN_BYTES: Final = 32
MAX_TOKEN: Final = 128
"""Characters. A longer text in a cookie is no token, and need not be hashed."""
MAX_USER_AGENT: Final = 255
MAX_LISTED: Final = 100
MAX_BATCH: Final = 500
"""Rows that one transaction of the sweep deletes."""

_USER: Final = Statement(
    select(User.blocked_at, User.deleted_at, User.awaits_approval)
    .where(row_in_portal(User))
    # A concurrent change that ends the sessions of the user finishes first, or waits and ends the new one. With a
    # shared lock, sign-ins of one user would go on side by side, until each waits for the others to change the user.
    .with_for_update(key_share=True)
)
_INSERT: Final = Statement(
    insert_row(Session, "user_id", "digest", "method", "user_agent").values(
        last_used_at=NOW, expires_at=bindparam("expires_at", type_=UtcTimestamp)
    )
)
_FIND: Final = Statement(
    select(
        Session.id,
        Session.user_id,
        Session.digest,
        Session.last_used_at,
        User.name,
        User.email,
        User.role,
        User.locale,
        User.picture,
        User.avatar_url,
    )
    .join(User, (User.id == Session.user_id) & (User.portal_id == Session.portal_id))
    .where(
        Session.portal_id == PORTAL_ID,
        Session.digest == bindparam("digest"),
        Session.expires_at > NOW,
        User.blocked_at.is_(None),
        User.deleted_at.is_(None),
        User.awaits_approval.is_(literal_column("false")),
    )
)
_TOUCH: Final = Statement(
    update(Session)
    .where(row_in_portal(Session), Session.last_used_at <= bindparam("before", type_=UtcTimestamp))
    .values(last_used_at=NOW, expires_at=bindparam("expires_at", type_=UtcTimestamp))
)
_LIST: Final = Statement(
    select(Session.id, Session.method, Session.user_agent, Session.created_at, Session.last_used_at)
    .where(in_portal_unindexed(Session), Session.user_id == bindparam("user"), Session.expires_at > NOW)
    .order_by(Session.last_used_at.desc(), Session.id.desc())
    .limit(literal_column(str(MAX_LISTED)))
)
_END: Final = Statement(delete(Session).where(Session.portal_id == PORTAL_ID, Session.digest == bindparam("digest")))
_REVOKE: Final = Statement(delete(Session).where(row_in_portal(Session), Session.user_id == bindparam("user")))
_END_ALL: Final = Statement(
    delete(Session).where(
        in_portal_unindexed(Session), Session.user_id == bindparam("user"), Session.id != bindparam("kept")
    )
)
_expired = (
    select(Session.id)
    .where(Session.expires_at <= NOW)
    .order_by(Session.expires_at)
    .limit(literal_column(str(MAX_BATCH)))
)
_DELETE_EXPIRED: Final = Statement(delete(Session).where(Session.id.in_(_expired)), across_portals=True)


@dataclass(frozen=True, slots=True)
class SessionUser:
    """A valid session and its user."""

    session_id: int
    user_id: int
    name: str
    email: str | None
    role: str
    locale: str | None
    picture: str | None
    """The name of an uploaded file; it goes before `avatar_url`."""
    avatar_url: str | None
    csrf_key: str = field(repr=False)
    """Text from which the server derives the tokens of this session's forms. Neither the browser nor a page has it."""
    is_touch_due: bool
    """Whether `touch` would store this use."""

    @property
    def actor(self) -> Actor:
        """The user as the actor of rules."""
        return Actor(self.user_id, self.role, session_id=self.session_id)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """What a user is shown of a session."""

    id: int
    method: str
    """One of SIGN_IN_METHODS."""
    user_agent: str
    created_at: Timestamp
    last_used_at: Timestamp


def create(work: UnitOfWork, *, user_id: int, method: str, user_agent: str, former_token: str | None = None) -> str:
    """Sign a user in, and return the token of the new session. `method` is one of SIGN_IN_METHODS.

    A session that the browser had until now, of whichever user, ends: `former_token` is the one of its cookie.
    Raises Forbidden, NotFound("user") also for a deleted user, Conflict: "sign_in.blocked", "sign_in.awaits_approval".
    """
    work.authorize(Permission.OPERATE)
    user = work.require_row(_USER, "user", user_id, id=user_id)
    if user["deleted_at"] is not None:
        raise NotFound("user", user_id)
    if user["blocked_at"] is not None:
        raise Conflict("sign_in.blocked")
    if user["awaits_approval"]:
        raise Conflict("sign_in.awaits_approval")
    if former_token is not None:
        end(work, former_token)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    work.execute(
        _INSERT,
        user_id=user_id,
        digest=_digest(token),
        method=method,
        user_agent="".join(filter(str.isprintable, user_agent))[:MAX_USER_AGENT],
        expires_at=work.now + LIFETIME,
    )
    return token


def find(work: UnitOfWork, token: str) -> SessionUser | None:
    """The session of this token, in one statement.

    None if it is unknown, expired or ended, or its user is blocked, deleted or awaits approval.
    """
    row = None if len(token) > MAX_TOKEN else work.fetch_one(_FIND, digest=_digest(token))
    if row is None:
        return None
    session_id, user_id, digest, last_used_at, *user = row
    is_touch_due = to_datetime(last_used_at) <= work.now - TOUCH_INTERVAL
    return SessionUser(session_id, user_id, *[*user, digest, is_touch_due])


def touch(work: UnitOfWork, session_id: int) -> None:
    """Store that the session was used now, which also moves its expiry, unless that was stored in TOUCH_INTERVAL."""
    work.execute(_TOUCH, id=session_id, before=work.now - TOUCH_INTERVAL, expires_at=work.now + LIFETIME)


def list_of_user(work: UnitOfWork, user_id: int) -> Sequence[SessionDescription]:
    """The valid sessions of the user, the last used first, MAX_LISTED at most. Raises Forbidden("manage_account")."""
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    return [SessionDescription(*row) for row in work.fetch_all(_LIST, user=user_id)]


def end(work: UnitOfWork, token: str) -> None:
    """Sign out: end the session of this token, if there is one."""
    if len(token) <= MAX_TOKEN:
        work.execute(_END, digest=_digest(token))


def revoke(work: UnitOfWork, session_id: int, *, user_id: int) -> None:
    """End a session of the user. Raises Forbidden("manage_account"), NotFound("session"), also for another user's."""
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    if not work.execute(_REVOKE, id=session_id, user=user_id):
        raise NotFound("session", session_id)


def revoke_all(work: UnitOfWork, user_id: int, *, kept: int | None = None) -> int:
    """End all sessions of the user, except the one with the id `kept`; return how many.

    Raises Forbidden("manage_account").
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    return end_all(work, user_id, kept=kept)


def end_all(work: UnitOfWork, user_id: int, *, kept: int | None) -> int:
    """As `revoke_all`, for rules that have checked the permission to change the user."""
    return work.execute(_END_ALL, user=user_id, kept=kept or 0)


def delete_expired(work: UnitOfWork) -> bool:
    """Delete some expired sessions of all portals. True if there may be more."""
    return work.execute(_DELETE_EXPIRED) >= MAX_BATCH


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
