"""Verification of API keys: by the digest, whose key it is, whether it is valid, and why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import aliased

from app.domain.models import ApiKey, Portal, User
from app.domain.sql.statement import Statement
from app.domain.sql.timestamps import Timestamp, to_datetime
from app.domain.unit_of_work import UnitOfWork
from app.domain.users.key_formats import FORMATS


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
    is_private: bool
    """Whether the portal is private."""
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
        Portal.is_private,
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
            if FORMATS[principal.dialect].is_allowed_for(principal.role) and not principal.is_expired(work.now):
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
        if deleted_at is None and not FORMATS[principal.dialect].is_allowed_for(principal.role):
            return "role_too_low"
        if deleted_at is not None or revoked_at is not None:
            return "revoked_key"
        if not principal.is_valid_on(host):
            return "other_host"
        if principal.is_expired(work.now):
            return "expired_key"
    # Or the key has become valid since `verify` looked it up.
    return "unknown_key"


_USED: Final = Statement(
    update(ApiKey)
    .where(
        ApiKey.id == bindparam("id"),
        or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < bindparam("at")),
    )
    .values(last_used_at=bindparam("at")),
    across_portals=True,
)


def record_last_used(work: UnitOfWork, used: dict[int, Any]) -> None:
    """Store when keys were last used, by key id. A background job calls this, never a request."""
    for key_id, timestamp in used.items():
        work.execute(_USED, id=key_id, at=timestamp)
