"""Rules of signing up on the pages, and of the approval of new accounts by the team."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, literal_column, select, update

from app.domain.errors import Conflict, FieldError, ValidationFailed
from app.domain.events import Event
from app.domain.models import Portal, User
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import accounts, emails, sign_in, users

MAX_LISTED: Final = 1000

_SETTINGS: Final = Statement(select(Portal.sign_up, Portal.sign_up_domains).where(Portal.id == PORTAL_ID))
_MARK: Final = Statement(
    update(User).where(row_in_portal(User)).values(signed_up_at=NOW, awaits_approval=bindparam("awaits_approval"))
)
_STATE: Final = Statement(
    select(User.awaits_approval).where(row_in_portal(User), User.deleted_at.is_(None)).with_for_update(key_share=True)
)
_AWAITING: Final = Statement(
    select(User.id, User.email, User.name, User.signed_up_at, User.email_confirmed_at)
    .where(User.portal_id == PORTAL_ID, User.awaits_approval.is_(literal_column("true")), User.deleted_at.is_(None))
    .order_by(User.id)
    .limit(literal_column(str(MAX_LISTED)))
)
_APPROVE: Final = Statement(
    update(User).where(row_in_portal(User)).values(awaits_approval=literal_column("false"), updated_at=NOW)
)


def sign_up(work: UnitOfWork, *, email: str, name: str, password_hash: str | None, browser_token: str) -> None:
    """Create an account as the portal's settings allow, and record user.sign_in_requested as `sign_in.request`.

    A user with this address gets that email as well, and no other change, so that the caller can't learn whether there
    is one. A new user has user.registered recorded, and user.approval_requested if the team must approve the account,
    before which the user can't sign in. The password has been checked.

    Raises Forbidden, Conflict("sign_up.closed"), ValidationFailed: email invalid or of another domain, with the allowed
    `domains`; name as `accounts.check_name`.
    """
    work.authorize(Permission.OPERATE)
    address = emails.normalize_email(emails.parse_email(email))
    create(
        work,
        email=address,
        name=accounts.check_name(name),
        password_hash=password_hash,
        policy=check_policy(work, address),
    )
    sign_in.request(work, address, browser_token=browser_token)


def check_policy(work: UnitOfWork, email: str | None) -> str:
    """The portal's policy, `open` or `approval`, for a new account with this address. Raises as `sign_up`.

    None is a user who has not shown to have an address, and who is of no allowed domain.
    """
    policy, stored = work.require_row(_SETTINGS, "portal", work.portal_id)
    if policy == "closed":
        raise Conflict("sign_up.closed")
    domains = None if stored is None else json.loads(stored)
    if domains is not None and (email is None or email.rpartition("@")[2] not in domains):
        raise ValidationFailed([FieldError("email", "other_domain", {"domains": ", ".join(domains)})])
    return str(policy)


def create(work: UnitOfWork, *, email: str | None, name: str, password_hash: str | None, policy: str) -> int | None:
    """Create a user by the policy, and return the id, or None if there is a user with this address.

    Records user.registered, user.approval_requested.
    """
    try:
        user_id = users.create(work, email=email, name=name, password_hash=password_hash)
    except Conflict:
        return None
    awaits_approval = policy == "approval"
    work.execute(_MARK, id=user_id, awaits_approval=awaits_approval)
    if awaits_approval:
        work.record(Event("user.approval_requested", subject_id=user_id, user_id=user_id))
    return user_id


def list_awaiting(work: UnitOfWork) -> Sequence[Row]:
    """The users who await approval, MAX_LISTED at most, oldest first.

    Their id, email, name, signed_up_at and email_confirmed_at, which is None if they have not shown that the address is
    theirs. Raises Forbidden.
    """
    work.authorize(Permission.MANAGE_USERS)
    return work.fetch_all(_AWAITING)


def approve(work: UnitOfWork, user_id: int) -> None:
    """Let a user sign in who awaits it.

    Raises Forbidden, NotFound("user"), Conflict("approval.not_awaited"). Records user.approved, from which the email is
    made.
    """
    work.authorize(Permission.MANAGE_USERS)
    if not work.require_row(_STATE, "user", user_id, id=user_id)["awaits_approval"]:
        raise Conflict("approval.not_awaited")
    work.execute(_APPROVE, id=user_id)
    work.record(Event("user.approved", subject_id=user_id, user_id=user_id))
