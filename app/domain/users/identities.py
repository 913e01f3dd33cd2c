"""Users as OpenID Connect providers know them. The caller has verified the provider's token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, update

from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.models import Identity, IdentityProvider, User
from app.domain.permissions import ROLE_RANK, Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, insert_row, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import address_confirmation, emails, identity_providers, sign_up, users
from app.domain.users.accounts import MAX_NAME
from app.domain.users.identity_providers import Provider

MAX_SUBJECT: Final = 255

_USER: Final = select(User.id, User.role, User.blocked_at, User.awaits_approval).where(
    User.portal_id == PORTAL_ID, User.deleted_at.is_(None)
)
_BY_SUBJECT: Final = Statement(
    _USER.add_columns(Identity.id.label("identity"))
    .join(Identity, (Identity.user_id == User.id) & (Identity.portal_id == User.portal_id))
    .where(Identity.provider_id == bindparam("provider"), Identity.subject == bindparam("subject"))
    .with_for_update(key_share=True, of=User)
)
_BY_EMAIL: Final = Statement(_USER.where(User.email_key == bindparam("email")).with_for_update(key_share=True))
_BY_ID: Final = Statement(_USER.where(User.id == bindparam("id")))
# Sign-ins of users who are not known yet wait for each other, so that one subject never gets two users.
_LOCK_PROVIDER: Final = Statement(
    select(IdentityProvider.id).where(row_in_portal(IdentityProvider)).with_for_update(key_share=True)
)
_INSERT: Final = Statement(insert_row(Identity, "user_id", "provider_id", "subject").values(last_used_at=NOW))
_USE: Final = Statement(update(Identity).where(row_in_portal(Identity)).values(last_used_at=NOW))


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says of a user."""

    subject: str
    """The user's id there, which never changes and is never used again."""
    email: str | None
    is_email_verified: bool
    """Only if the provider says so explicitly."""
    name: str | None
    groups: Sequence[str] | None = None
    """Of the provider's groups claim; None if there is no such claim, which says nothing about the user."""


@dataclass(frozen=True, slots=True)
class IdentifiedUser:
    """The user who signs in."""

    user_id: int
    awaits_approval: bool
    """Whether the account must be approved first: `sessions.create` would reject the user."""


def sign_in_by_provider(work: UnitOfWork, provider_id: int, claims: Claims) -> IdentifiedUser:
    """The user of the identity, else of the verified address, else a new one by the portal's rules of signing up.

    An address that is not verified finds nobody. A verified one confirms the address of the user. If the provider sends
    groups, they decide the role of everybody but the owner; a lower role revokes keys.

    Raises Forbidden, NotFound("identity provider") also for one that is not enabled, ValidationFailed: subject blank or
    too_long, email as `sign_up.check_policy`; Conflict: "sign_in.blocked", "sign_up.closed", "identity.email_taken" if
    a user has the address, and it is not verified.
    """
    work.authorize(Permission.OPERATE)
    provider = identity_providers.get(work, provider_id)
    if not provider.is_enabled:
        raise NotFound("identity provider", provider_id)
    _check_subject(claims.subject)
    user = _find(work, provider, claims)
    if user is None:
        work.fetch_one(_LOCK_PROVIDER, id=provider_id)
        user = _find(work, provider, claims) or _connect(work, provider, claims)
    if user["blocked_at"] is not None:
        raise Conflict("sign_in.blocked")
    _set_role(work, provider, user, claims.groups)
    return IdentifiedUser(user["id"], bool(user["awaits_approval"]))


def _check_subject(subject: str) -> None:
    if not subject or "\0" in subject:
        raise ValidationFailed([FieldError("subject", "blank")])
    if len(subject) > MAX_SUBJECT:
        raise ValidationFailed([FieldError("subject", "too_long", {"maximum": MAX_SUBJECT})])


def _find(work: UnitOfWork, provider: Provider, claims: Claims) -> Row | None:
    """The user of the identity, whose use is stored."""
    user = work.fetch_one(_BY_SUBJECT, provider=provider.id, subject=claims.subject)
    if user is not None:
        work.execute(_USE, id=user["identity"])
    return user


def _connect(work: UnitOfWork, provider: Provider, claims: Claims) -> Row:
    """The user of the address, or a new one, who has this identity from now on."""
    email = None if claims.email is None else emails.normalize_email(claims.email)
    if email is not None and (len(email) > emails.MAX_EMAIL or not emails.is_valid_email(email)):
        email = None
    user = None if email is None else work.fetch_one(_BY_EMAIL, email=email)
    if user is not None and not claims.is_email_verified:
        raise Conflict("identity.email_taken")
    if user is None:
        user = _create(work, claims, email)
    if email is not None and claims.is_email_verified:
        address_confirmation.confirm(work, user["id"], is_own_sign_up=False)
    work.execute(_INSERT, user_id=user["id"], provider_id=provider.id, subject=claims.subject)
    return user


def _create(work: UnitOfWork, claims: Claims, email: str | None) -> Row:
    # An address that is not verified may be of any domain, so it does not open a portal that is limited to some.
    policy = sign_up.check_policy(work, email if claims.is_email_verified else None)
    name = "".join(filter(str.isprintable, claims.name or "")).strip()[:MAX_NAME]
    name = name or (users.DEFAULT_NAME if email is None else users.display_name_from(email))
    user_id = sign_up.create(work, email=email, name=name, password_hash=None, policy=policy)
    if user_id is not None:
        return work.require_row(_BY_ID, "user", user_id, id=user_id)
    # Created by another transaction since then.
    if email is None or not claims.is_email_verified:
        raise Conflict("identity.email_taken")
    return work.require_row(_BY_EMAIL, "user", email, email=email)


def _set_role(work: UnitOfWork, provider: Provider, user: Row, groups: Sequence[str] | None) -> None:
    if groups is None or provider.groups_claim is None or not provider.roles or user["role"] == "owner":
        return
    roles = [provider.roles[group] for group in groups if group in provider.roles]
    role = max(roles, key=ROLE_RANK.__getitem__, default="user")
    if role != user["role"]:
        users.update(work, user["id"], role=role)
