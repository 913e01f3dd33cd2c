"""Rules of signing in by password and by email, and of links by which the operator lets a user in.

The pages call these as the operator, because nobody is signed in yet, and then `sessions.create`.
"""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import bindparam, delete, or_, select, update

from app.domain.errors import Conflict
from app.domain.events import Event
from app.domain.models import Identity, Passkey, User
from app.domain.models.base import UtcTimestamp
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_portal_unindexed, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import emails, sessions, sign_in_changes, sign_in_requests
from app.domain.users.accounts import REQUEST_INTERVAL
from app.domain.users.sign_in_requests import RequestOwner

_BY_EMAIL: Final = Statement(
    select(User.id, User.password_hash).where(
        User.portal_id == PORTAL_ID, User.email_key == bindparam("key"), User.deleted_at.is_(None)
    )
)
_LOCK: Final = Statement(
    select(User.password_hash).where(row_in_portal(User), User.deleted_at.is_(None)).with_for_update(key_share=True)
)
_REPLACE_HASH: Final = Statement(update(User).where(row_in_portal(User)).values(password_hash=bindparam("new")))
_STATE: Final = Statement(
    select(User.blocked_at, User.awaits_approval)
    .where(row_in_portal(User), User.deleted_at.is_(None))
    .with_for_update(read=True)
)
_TAKE_TURN: Final = Statement(
    update(User)
    .where(
        User.portal_id == PORTAL_ID,
        User.email_key == bindparam("key"),
        User.blocked_at.is_(None),
        User.deleted_at.is_(None),
        or_(User.sign_in_requested_at.is_(None), User.sign_in_requested_at <= bindparam("before", type_=UtcTimestamp)),
    )
    .values(sign_in_requested_at=NOW)
    .returning(User.id)
)
_UNCONFIRMED: Final = Statement(
    select(User.signed_up_at, User.password_hash.is_not(None).label("has_password")).where(
        row_in_portal(User), User.email_confirmed_at.is_(None)
    )
)
_CONFIRM: Final = Statement(update(User).where(row_in_portal(User)).values(email_confirmed_at=NOW, updated_at=NOW))
_REMOVE_PASSWORD: Final = Statement(update(User).where(row_in_portal(User)).values(password_hash=None))
_DELETE_KEYS: Final = [
    Statement(delete(table).where(in_portal_unindexed(table), table.user_id == bindparam("id")))
    for table in (Passkey, Identity)
]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is verified against. The hash is None for an unknown address and for a user without a password.

    `PasswordHasher.verify` does the same work in each case.
    """

    user_id: int | None
    password_hash: str | None = field(repr=False)


def find_by_email(work: UnitOfWork, email: str) -> Credentials:
    """The credentials of the user with this address, also of one who is blocked. Raises Forbidden."""
    work.authorize(Permission.OPERATE)
    key = emails.normalize_email(email)
    # No address has other characters, and no database stores all of them.
    row = work.fetch_one(_BY_EMAIL, key=key) if key.isprintable() else None
    return Credentials(None, None) if row is None else Credentials(row["id"], row["password_hash"])


def complete(
    work: UnitOfWork,
    credentials: Credentials,
    *,
    new_hash: str | None,
    user_agent: str,
    former_token: str | None = None,
) -> str:
    """Sign in by the password, which is verified, and return the token of the session.

    `new_hash` replaces the stored one, if that has outdated parameters. Raises Forbidden, Conflict("sign_in.changed")
    if the password was changed meanwhile, and as `sessions.create`.
    """
    work.authorize(Permission.OPERATE)
    if credentials.user_id is None or credentials.password_hash is None:
        raise Conflict("sign_in.changed")
    # Of two sign-ins at the same time the second finds the new hash of the first; both verified the same password.
    stored = work.fetch_value(_LOCK, id=credentials.user_id)
    if stored != credentials.password_hash:
        raise Conflict("sign_in.changed")
    if new_hash is not None:
        work.execute(_REPLACE_HASH, id=credentials.user_id, new=new_hash)
    return sessions.create(
        work, user_id=credentials.user_id, method="password", user_agent=user_agent, former_token=former_token
    )


def request(work: UnitOfWork, email: str, *, browser_token: str) -> None:
    """Record user.sign_in_requested, from which the email with the link and the code is made.

    `browser_token` is in a cookie of the browser, where alone the code is valid. The caller can't learn whether a user
    has this address. Nothing is recorded for a blocked user, nor within REQUEST_INTERVAL of another request.
    Raises Forbidden.
    """
    work.authorize(Permission.OPERATE)
    key, before = emails.normalize_email(email), work.now - REQUEST_INTERVAL
    user_id = work.fetch_value(_TAKE_TURN, key=key, before=before) if key.isprintable() else None
    if user_id is not None:
        body = {"browser": sign_in_requests.digest(browser_token)}
        work.record(Event("user.sign_in_requested", subject_id=user_id, user_id=user_id, body=body))


def create_link(work: UnitOfWork, user_id: int) -> str:
    """Make a link by which the user signs in, once, and return its token.

    Raises Forbidden, NotFound("user") also for a deleted user, Conflict: "sign_in.blocked", "sign_in.awaits_approval".
    """
    work.authorize(Permission.OPERATE)
    blocked_at, awaits_approval = work.require_row(_STATE, "user", user_id, id=user_id)
    if blocked_at is not None:
        raise Conflict("sign_in.blocked")
    if awaits_approval:
        raise Conflict("sign_in.awaits_approval")
    return sign_in_requests.create_link(work, user_id)


def find_link_owner(work: UnitOfWork, token: str) -> RequestOwner:
    """The user of the link, which stays valid. Raises Forbidden, Conflict as `sign_in_requests.verify_link`."""
    work.authorize(Permission.OPERATE)
    return sign_in_requests.verify_link(work, token)


def use_link(work: UnitOfWork, token: str, *, browser_token: str | None) -> RequestOwner:
    """End the link and return its user. One that came by email confirms the address.

    `browser_token` is the one that the browser has, if any. `sessions.create` may still reject the user, who may await
    approval; the transaction may be committed nevertheless, which confirms the address. Raises Forbidden, Conflict as
    `sign_in_requests.use_link`. Records user.email_confirmed.
    """
    work.authorize(Permission.OPERATE)
    owner = sign_in_requests.use_link(work, token, browser_token=browser_token)
    _confirm_by_email(work, owner)
    return owner


def use_code(work: UnitOfWork, code: str, *, browser_token: str) -> RequestOwner | None:
    """As `use_link`, by the code that a visitor entered in the browser that asked for it.

    None for a wrong code; the transaction must be committed then, too. Raises Forbidden.
    """
    work.authorize(Permission.OPERATE)
    owner = sign_in_requests.use_code(work, code, browser_token=browser_token)
    if owner is not None:
        _confirm_by_email(work, owner)
    return owner


def confirm_address(work: UnitOfWork, user_id: int, *, is_own_sign_up: bool) -> None:
    """Confirm the address of a user who has just shown that it is theirs. Nothing for a confirmed one.

    Anybody may have signed up with the address, and may know the password, or have a passkey, an identity or a session.
    So these end, unless `is_own_sign_up`: the same person signed up. Records user.email_confirmed, and
    user.password_changed if a password ends.
    """
    row = work.fetch_one(_UNCONFIRMED, id=user_id)
    if row is None:
        return
    work.execute(_CONFIRM, id=user_id)
    work.record(Event("user.email_confirmed", subject_id=user_id, user_id=user_id))
    if row["signed_up_at"] is None or is_own_sign_up:
        return
    for statement in _DELETE_KEYS:
        work.execute(statement, id=user_id)
    if row["has_password"]:
        work.execute(_REMOVE_PASSWORD, id=user_id)
        sign_in_changes.record_password_change(work, user_id)
    else:
        sign_in_changes.end_sign_ins(work, user_id)


def _confirm_by_email(work: UnitOfWork, owner: RequestOwner) -> None:
    if owner.email is not None:
        confirm_address(work, owner.user_id, is_own_sign_up=owner.is_own_sign_up)
