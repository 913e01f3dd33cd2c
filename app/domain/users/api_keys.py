"""API keys: issued once, stored as a keyed digest, verified by looking the digest up, revoked permanently."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import aliased

from app.domain import identifiers
from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.models import ApiKey, Portal, User
from app.domain.permissions import ROLE_RANK, Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list, insert_row, parameters, row_in_portal
from app.domain.sql.timestamps import Timestamp, to_datetime
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset

MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """The form of a dialect's keys, and the lowest role that may have one."""

    min_role: str
    """A user below this role can't get a key of the dialect, and an existing key stops working."""
    pattern: re.Pattern[str]
    """How a key begins. No key of another dialect begins so."""
    is_numbered: bool
    """`12|…`, with a number, instead of `tkn_admin_…`, with a role."""


FORMATS: Final = {
    "astuto": KeyFormat("moderator", re.compile(r"tkn_(admin|mod)_"), is_numbered=False),
    "productlift": KeyFormat("admin", re.compile(r"[0-9]+\|"), is_numbered=True),
}
"""The format of the keys of each dialect."""


def dialect_of_token(token: str) -> str | None:
    """The dialect whose form the token has, or None."""
    return next((dialect for dialect, form in FORMATS.items() if form.pattern.match(token)), None)


def digest(token: str, secret: bytes) -> str:
    """What is stored of a token: the hex HMAC-SHA256 of the whole token."""
    return hmac.digest(secret, token.encode("utf-8", "surrogateescape"), "sha256").hex()


def has_passed(expires_at: Timestamp | None, now: datetime) -> bool:
    """Whether a key with this expiry is no longer valid; None is a key that does not expire."""
    return expires_at is not None and to_datetime(expires_at) <= now


@dataclass(frozen=True, slots=True)
class Principal:
    """A valid key: its portal, dialect, user and role."""

    key_id: int
    dialect: str
    prefix: str
    portal_id: int
    host: str | None
    is_only_portal: bool
    user_id: int
    role: str
    expires_at: Timestamp | None
    """As the database stores it."""

    def is_expired(self, now: datetime) -> bool:
        """Whether the key is no longer valid at this time."""
        return has_passed(self.expires_at, now)

    def is_valid_on(self, host: str) -> bool:
        """Whether the key's portal has this host. The only portal of a server accepts every host until it has one."""
        return self.host == host if self.host is not None else self.is_only_portal


_other = aliased(Portal)
_PRINCIPAL: Final = (
    select(
        ApiKey.id,
        ApiKey.dialect,
        ApiKey.prefix,
        ApiKey.portal_id,
        Portal.host,
        ~select(_other.id).where(_other.id != ApiKey.portal_id).exists(),
        User.id,
        User.role,
        ApiKey.expires_at,
    )
    .join(User, User.id == ApiKey.user_id)
    .join(Portal, Portal.id == ApiKey.portal_id)
    .where(ApiKey.digest == bindparam("digest"))
)
_VERIFY: Final = Statement(
    _PRINCIPAL.where(ApiKey.revoked_at.is_(None), User.blocked_at.is_(None), User.deleted_at.is_(None)),
    across_portals=True,
)
_REFUSED: Final = Statement(
    _PRINCIPAL.add_columns(ApiKey.revoked_at, User.blocked_at, User.deleted_at), across_portals=True
)


def verify(work: UnitOfWork, digests: Sequence[str]) -> Principal | None:
    """The principal of a key; None when it is unknown, revoked or expired, or its user may not have it any more."""
    for digest_ in digests:
        row = work.fetch_one(_VERIFY, digest=digest_)
        if row is not None:
            principal = Principal(*row)
            if _has_min_role(principal) and not principal.is_expired(work.now):
                return principal
    return None


def refusal_reason(work: UnitOfWork, digests: Sequence[str], host: str) -> str:
    """Why `verify` returns None for a key that was sent to this host.

    It is `unknown_key`, `blocked_user`, `role_too_low`, `revoked_key`, `other_host` or `expired_key`: the first that
    applies. Blocking or demoting a user revokes the user's keys, so `revoked_key` comes after these.
    """
    for digest_ in digests:
        row = work.fetch_one(_REFUSED, digest=digest_)
        if row is None:
            continue
        *columns, revoked_at, blocked_at, deleted_at = row
        principal = Principal(*columns)
        if deleted_at is None and blocked_at is not None:
            return "blocked_user"
        if deleted_at is None and not _has_min_role(principal):
            return "role_too_low"
        if deleted_at is not None or revoked_at is not None:
            return "revoked_key"
        if not principal.is_valid_on(host):
            return "other_host"
        if principal.is_expired(work.now):
            return "expired_key"
    # Or the key has become valid since `verify` looked it up.
    return "unknown_key"


def _has_min_role(principal: Principal) -> bool:
    return ROLE_RANK[principal.role] >= ROLE_RANK[FORMATS[principal.dialect].min_role]


_OWNER: Final = Statement(
    select(User.role, User.blocked_at)
    .where(row_in_portal(User, "user"), User.deleted_at.is_(None))
    # A concurrent change after which the user may not have the key finishes first, or waits and revokes the new key.
    .with_for_update(read=True)
)
_INSERT: Final = Statement(
    insert_row(ApiKey, "user_id", "dialect", "scheme", "digest", "prefix", "name", "expires_at").returning(ApiKey.id)
)
_LAST_ID: Final = Statement(select(func.coalesce(func.max(ApiKey.id), 0)), across_portals=True)


def issue(
    work: UnitOfWork,
    *,
    user_id: int,
    dialect: str,
    secret: bytes,
    name: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Issue a key for the user and return it; its text is not stored.

    Raises Forbidden, NotFound("user"), Conflict("key.not_entitled") for a blocked user or a role that is too low,
    ValidationFailed (name blank or too long; expiry past).
    """
    work.authorize(Permission.OPERATE)
    _validate(work, name, expires_at)
    role = _require_eligible(work, user_id, dialect)
    if FORMATS[dialect].is_numbered:
        token = f"{work.fetch_value(_LAST_ID) + 1}|{identifiers.random_string(40)}"
    else:
        label = "mod" if role == "moderator" else "admin"
        token = f"tkn_{label}_{identifiers.random_string(30, identifiers.BASE58)}"
    _insert(
        work,
        user_id=user_id,
        dialect=dialect,
        scheme="earshot",
        digest=digest(token, secret),
        prefix=display_prefix(token),
        name=name,
        expires_at=expires_at,
    )
    return token


def import_key(
    work: UnitOfWork,
    *,
    user_id: int,
    dialect: str,
    digest_: str,
    prefix: str,
    scheme: str = "earshot",
    name: str | None = None,
    expires_at: datetime | None = None,
) -> int:
    """Store a key by its digest and return its id. Raises as `issue`, and UniqueViolation for a known digest."""
    work.authorize(Permission.OPERATE)
    _validate(work, name, expires_at)
    _require_eligible(work, user_id, dialect)
    return _insert(
        work,
        user_id=user_id,
        dialect=dialect,
        scheme=scheme,
        digest=digest_,
        prefix=prefix,
        name=name,
        expires_at=expires_at,
    )


def _insert(work: UnitOfWork, **columns: Any) -> int:
    return int(work.fetch_value(_INSERT, **columns))


def display_prefix(token: str) -> str:
    """Return the part of a token that may be shown and logged."""
    if token.startswith("tkn_"):
        _, role, secret = token.split("_", 2)
        return f"tkn_{role}_{secret[:6]}"
    number, bar, _ = token.partition("|")
    # An imported key of another form may be secret in every part.
    return f"{number}|" if bar and number.isdigit() else "(brought over)"


def _require_eligible(work: UnitOfWork, user_id: int, dialect: str) -> str:
    role, blocked_at = work.require_row(_OWNER, "user", user_id, user=user_id)
    if blocked_at is not None or ROLE_RANK[role] < ROLE_RANK[FORMATS[dialect].min_role]:
        raise Conflict("key.not_entitled")
    return str(role)


def _validate(work: UnitOfWork, name: str | None, expires_at: datetime | None) -> None:
    errors = []
    if name is not None and not name.strip():
        errors.append(FieldError("name", "blank"))
    if name is not None and len(name) > MAX_NAME:
        errors.append(FieldError("name", "too_long", {"maximum": MAX_NAME}))
    if expires_at is not None and expires_at <= work.now:
        errors.append(FieldError("expiry", "past"))
    if errors:
        raise ValidationFailed(errors)


_LOCK_KEY: Final = Statement(
    select(ApiKey.name, ApiKey.expires_at, ApiKey.revoked_at).where(row_in_portal(ApiKey)).with_for_update()
)
_EDIT: Final = Statement(update(ApiKey).where(row_in_portal(ApiKey)).values(**parameters("name", "expires_at")))


def edit(
    work: UnitOfWork, key_id: int, *, name: str | Unset | None = UNSET, expires_at: datetime | Unset | None = UNSET
) -> None:
    """Change the name or the expiry of a key; None removes it. A later expiry makes an expired key valid again.

    Raises Forbidden, NotFound("key"), ValidationFailed as `issue`, Conflict("key.revoked") for the expiry of a revoked
    key.
    """
    work.authorize(Permission.OPERATE)
    old_name, old_expires_at, revoked_at = work.require_row(_LOCK_KEY, "key", key_id, id=key_id)
    new_name = old_name if name is UNSET else name
    if expires_at is UNSET:
        _validate(work, new_name, None)
        new_expires_at = None if old_expires_at is None else to_datetime(old_expires_at)
    else:
        _validate(work, new_name, expires_at)
        if revoked_at is not None:
            raise Conflict("key.revoked")
        new_expires_at = expires_at
    work.execute(_EDIT, id=key_id, name=new_name, expires_at=new_expires_at)


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """What is known of a key, without its digest."""

    id: int
    prefix: str
    name: str | None
    user: str
    """The address of its user, or the name of a user without one."""
    dialect: str
    created_at: Timestamp
    last_used_at: Timestamp | None
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    state: str
    """`active`, or the first reason why it is not valid: `revoked`, `user blocked`, `expired`."""


_LIST: Final = Statement(
    select(
        ApiKey.id,
        ApiKey.prefix,
        ApiKey.name,
        func.coalesce(User.email, User.name),
        ApiKey.dialect,
        ApiKey.created_at,
        ApiKey.last_used_at,
        ApiKey.expires_at,
        ApiKey.revoked_at,
        User.blocked_at,
    )
    .join(User, User.id == ApiKey.user_id)
    .where(ApiKey.portal_id == PORTAL_ID)
    .order_by(ApiKey.id)
)
_REVOKE: Final = Statement(
    update(ApiKey).where(row_in_portal(ApiKey), ApiKey.revoked_at.is_(None)).values(revoked_at=NOW)
)
_REVOKE_OF: Final = Statement(
    update(ApiKey)
    .where(
        ApiKey.portal_id == PORTAL_ID,
        ApiKey.user_id == bindparam("user"),
        in_list(ApiKey.dialect, "dialects"),
        ApiKey.revoked_at.is_(None),
    )
    .values(revoked_at=NOW)
)
_REVOKE_ALL: Final = Statement(
    update(ApiKey).where(ApiKey.revoked_at.is_(None), ApiKey.scheme == bindparam("scheme")).values(revoked_at=NOW),
    across_portals=True,
)
_USED: Final = Statement(
    update(ApiKey)
    .where(
        ApiKey.id == bindparam("id"),
        or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < bindparam("at")),
    )
    .values(last_used_at=bindparam("at")),
    across_portals=True,
)


_COUNT: Final = Statement(
    select(func.count()).select_from(ApiKey).where(ApiKey.revoked_at.is_(None)), across_portals=True
)


def count(work: UnitOfWork) -> int:
    """The number of keys of all portals that are not revoked."""
    return int(work.fetch_value(_COUNT))


def list_keys(work: UnitOfWork) -> list[KeyDescription]:
    """All keys of the portal, oldest first."""
    work.authorize(Permission.OPERATE)
    return [_describe(row, work.now) for row in work.fetch_all(_LIST)]


def _describe(row: Row, now: datetime) -> KeyDescription:
    *columns, expires_at, revoked_at, blocked_at = row
    state = "active"
    if revoked_at is not None:
        state = "revoked"
    elif blocked_at is not None:
        state = "user blocked"
    elif has_passed(expires_at, now):
        state = "expired"
    return KeyDescription(*[*columns, expires_at, revoked_at, state])


def revoke(work: UnitOfWork, key_id: int) -> None:
    """Revoke a key. Raises Forbidden, NotFound("key") for an unknown or already revoked key."""
    work.authorize(Permission.OPERATE)
    if not work.execute(_REVOKE, id=key_id):
        raise NotFound("key", key_id)


def revoke_all(work: UnitOfWork) -> int:
    """Revoke every key of all portals whose digest was made with the server's secret; returns how many."""
    work.authorize(Permission.OPERATE)
    return work.execute(_REVOKE_ALL, scheme="earshot")


def revoke_ineligible(work: UnitOfWork, *, user_id: int, role: str | None) -> None:
    """Revoke every key of the user that needs a higher role than this; None revokes all of them."""
    dialects = [
        dialect for dialect, form in FORMATS.items() if role is None or ROLE_RANK[role] < ROLE_RANK[form.min_role]
    ]
    if dialects:
        work.execute(_REVOKE_OF, user=user_id, dialects=dialects)


def record_last_used(work: UnitOfWork, used: dict[int, Any]) -> None:
    """Store when keys were last used, by key id. A background job calls this, never a request."""
    for key_id, timestamp in used.items():
        work.execute(_USED, id=key_id, at=timestamp)
