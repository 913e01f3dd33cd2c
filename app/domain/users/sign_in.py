"""Rules of signing in by password and by email, and of links by which the operator lets a user in.

The pages call these as the operator, because nobody is signed in yet, and then `sessions.create`.
"""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import bindparam, select, update

from app.domain.errors import Conflict
from app.domain.events import Event
from app.domain.models import Portal, User
from app.domain.permissions import Permission
from app.domain.sql.statement import PORTAL_ID, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import address_confirmation, emails, sessions, sign_in_requests
from app.domain.users.sign_in_requests import RequestOwner

_WITH_PORTAL: Final = select(User.id, User.password_hash, *address_confirmation.PASSWORD_COLUMNS).join(
    Portal, Portal.id == User.portal_id
)
_BY_EMAIL: Final = Statement(
    _WITH_PORTAL.where(User.portal_id == PORTAL_ID, User.email_key == bindparam("key"), User.deleted_at.is_(None))
)
_LOCK: Final = Statement(
    _WITH_PORTAL.where(row_in_portal(User), User.deleted_at.is_(None)).with_for_update(key_share=True, of=User)
)
_REPLACE_HASH: Final = Statement(update(User).where(row_in_portal(User)).values(password_hash=bindparam("new")))
_STATE: Final = Statement(
    select(User.blocked_at, User.awaits_approval)
    .where(row_in_portal(User), User.deleted_at.is_(None))
    .with_for_update(read=True)
)
_LOCK_BY_EMAIL: Final = Statement(
    select(User.id, User.email)
    .where(
        User.portal_id == PORTAL_ID,
        User.email_key == bindparam("key"),
        User.blocked_at.is_(None),
        User.deleted_at.is_(None),
    )
    .with_for_update(key_share=True)
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is verified against. The hash is None for an unknown address and for a user without a password.

    `PasswordHasher.verify` does the same work in each case.
    """

    user_id: int | None
    password_hash: str | None = field(repr=False)
    is_enough: bool
    """Whether the password alone signs in. If not, the response is that to a wrong one, or whoever signs up with an
    address and a password would learn whether there was an account before."""


def find_by_email(work: UnitOfWork, email: str, *, sends_mail: bool) -> Credentials:
    """The credentials of the user with this address, also of one who is blocked. Raises Forbidden.

    `sends_mail` is whether there is a mail server, see `address_confirmation.is_password_enough`.
    """
    work.authorize(Permission.OPERATE)
    key = emails.normalize_email(email)
    # No address has other characters, and no database stores all of them.
    row = work.fetch_one(_BY_EMAIL, key=key) if key.isprintable() else None
    if row is None:
        return Credentials(None, None, is_enough=False)
    is_enough = address_confirmation.is_password_enough(row, sends_mail=sends_mail)
    return Credentials(row["id"], row["password_hash"], is_enough)


def complete(
    work: UnitOfWork,
    credentials: Credentials,
    *,
    sends_mail: bool,
    new_hash: str | None,
    user_agent: str,
    former_token: str | None = None,
) -> str:
    """Sign in by the password, which is verified, and return the token of the session.

    `new_hash` replaces the stored one, if that has outdated parameters. Raises Forbidden, as `sessions.create`, and
    Conflict: "sign_in.changed" if the password was changed meanwhile, "sign_in.unconfirmed" if the user must confirm
    the address first.
    """
    work.authorize(Permission.OPERATE)
    if credentials.user_id is None or credentials.password_hash is None:
        raise Conflict("sign_in.changed")
    # Of two sign-ins at the same time the second finds the new hash of the first; both verified the same password.
    user = work.fetch_one(_LOCK, id=credentials.user_id)
    if user is None or user["password_hash"] != credentials.password_hash:
        raise Conflict("sign_in.changed")
    if not address_confirmation.is_password_enough(user, sends_mail=sends_mail):
        raise Conflict("sign_in.unconfirmed")
    if new_hash is not None:
        work.execute(_REPLACE_HASH, id=credentials.user_id, new=new_hash)
    return sessions.create(
        work, user_id=credentials.user_id, method="password", user_agent=user_agent, former_token=former_token
    )


def request(work: UnitOfWork, email: str, *, browser_token: str) -> None:
    """Record user.sign_in_requested, from which the email with the link and the code is made.

    `browser_token` is in a cookie of the browser, where alone the code is valid. The caller can't learn whether a user
    has this address. Nothing is recorded for a blocked user, nor if `sign_in_requests.record` records nothing.
    Raises Forbidden.
    """
    work.authorize(Permission.OPERATE)
    key = emails.normalize_email(email)
    user = work.fetch_one(_LOCK_BY_EMAIL, key=key) if key.isprintable() else None
    if user is None:
        return
    user_id = user["id"]
    request_id = sign_in_requests.record(work, user_id=user_id, email=user["email"], browser_token=browser_token)
    if request_id is not None:
        body = {"request": request_id}
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


def _confirm_by_email(work: UnitOfWork, owner: RequestOwner) -> None:
    if owner.email is not None:
        address_confirmation.confirm(work, owner.user_id, is_own_sign_up=owner.is_own_sign_up)
