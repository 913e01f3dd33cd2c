"""API keys: issued once, kept as a keyed digest, verified by looking the digest up, revoked for good."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from app.domain import identifiers
from app.domain.errors import Conflict, NotFound
from app.domain.models import ApiKey, Portal, User
from app.domain.permissions import ROLE_RANK, Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list
from app.domain.unit_of_work import Row, UnitOfWork


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
"""By dialect: all that the domain knows of one by its name."""


def dialect_of_token(token: str) -> str | None:
    """The dialect whose form the token has, or None."""
    return next((dialect for dialect, form in FORMATS.items() if form.pattern.match(token)), None)


def digest(token: str, secret: bytes) -> str:
    """What is kept of a token: hex HMAC-SHA256 of the whole of it."""
    return hmac.digest(secret, token.encode("utf-8", "surrogateescape"), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Principal:
    """A key that is good: whose it is and what it may."""

    key_id: int
    dialect: str
    prefix: str
    portal_id: int
    host: str | None
    is_only_portal: bool
    user_id: int
    role: str

    def is_valid_on(self, host: str) -> bool:
        """Whether the key's portal is the one of this host. The only portal answers everywhere until it has a host."""
        return self.host == host if self.host is not None else self.is_only_portal


_other = aliased(Portal)
_VERIFY: Final = Statement(
    select(
        ApiKey.id,
        ApiKey.dialect,
        ApiKey.prefix,
        ApiKey.portal_id,
        Portal.host,
        ~select(_other.id).where(_other.id != ApiKey.portal_id).exists(),
        User.id,
        User.role,
    )
    .join(User, User.id == ApiKey.user_id)
    .join(Portal, Portal.id == ApiKey.portal_id)
    .where(
        ApiKey.digest == bindparam("digest"),
        ApiKey.revoked_at.is_(None),
        User.blocked_at.is_(None),
        User.deleted_at.is_(None),
    ),
    across_portals=True,
)


def verify(work: UnitOfWork, digests: Sequence[str]) -> Principal | None:
    """Whose key this is, or None when it is unknown, revoked, or its user has lost the right to it."""
    for candidate in digests:
        row = work.fetch_one(_VERIFY, digest=candidate)
        if row is not None:
            principal = Principal(*row)
            if ROLE_RANK[principal.role] >= ROLE_RANK[FORMATS[principal.dialect].min_role]:
                return principal
    return None


_OWNER: Final = Statement(
    select(User.role, User.blocked_at)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("user"), User.deleted_at.is_(None))
    # Who takes the user's right away waits for the new key and ends it, too; or is waited for.
    .with_for_update(read=True)
)
_INSERT: Final = Statement(
    insert(ApiKey)
    .values(
        portal_id=PORTAL_ID,
        user_id=bindparam("user"),
        dialect=bindparam("dialect"),
        scheme=bindparam("scheme"),
        digest=bindparam("digest"),
        prefix=bindparam("prefix"),
        created_at=NOW,
    )
    .returning(ApiKey.id)
)
_LAST_ID: Final = Statement(select(func.coalesce(func.max(ApiKey.id), 0)), across_portals=True)


def issue(work: UnitOfWork, *, user_id: int, dialect: str, secret: bytes) -> str:
    """A new key for the user; the one time that its text is known.

    Raises NotFound("user"), Conflict("key.not_entitled") when the user's role is too low or he is blocked.
    """
    work.authorize(Permission.OPERATE)
    role = _require_eligible(work, user_id, dialect)
    if FORMATS[dialect].is_numbered:
        token = f"{work.fetch_value(_LAST_ID) + 1}|{identifiers.random_string(40)}"
    else:
        label = "mod" if role == "moderator" else "admin"
        token = f"tkn_{label}_{identifiers.random_string(30, identifiers.BASE58)}"
    _insert(work, user_id, dialect, digest(token, secret), display_prefix(token), "earshot")
    return token


def import_key(
    work: UnitOfWork, *, user_id: int, dialect: str, digest_: str, prefix: str, scheme: str = "earshot"
) -> int:
    """Take a key over by its digest alone; its id. Raises as `issue`, and Clash when the digest is known already."""
    work.authorize(Permission.OPERATE)
    _require_eligible(work, user_id, dialect)
    return _insert(work, user_id, dialect, digest_, prefix, scheme)


def _insert(work: UnitOfWork, user_id: int, dialect: str, digest_: str, prefix: str, scheme: str) -> int:
    return int(work.fetch_value(_INSERT, user=user_id, dialect=dialect, scheme=scheme, digest=digest_, prefix=prefix))


def display_prefix(token: str) -> str:
    """The part of a token that may be shown and logged."""
    if token.startswith("tkn_"):
        return "_".join(token.split("_")[:2]) + "_" + token.split("_", 2)[2][:6]
    number, bar, _ = token.partition("|")
    # Of a key brought over in a form of its own, nobody knows which part is no secret.
    return f"{number}|" if bar and number.isdigit() else "(brought over)"


def _require_eligible(work: UnitOfWork, user_id: int, dialect: str) -> str:
    owner = work.fetch_one(_OWNER, user=user_id)
    if owner is None:
        raise NotFound("user", user_id)
    role, blocked_at = owner
    if blocked_at is not None or ROLE_RANK[role] < ROLE_RANK[FORMATS[dialect].min_role]:
        raise Conflict("key.not_entitled")
    return str(role)


_LIST: Final = Statement(
    select(
        ApiKey.id,
        ApiKey.dialect,
        ApiKey.prefix,
        ApiKey.created_at,
        ApiKey.last_used_at,
        ApiKey.revoked_at,
        User.email,
        User.name,
    )
    .join(User, User.id == ApiKey.user_id)
    .where(ApiKey.portal_id == PORTAL_ID)
    .order_by(ApiKey.id)
)
_REVOKE: Final = Statement(
    update(ApiKey)
    .where(ApiKey.portal_id == PORTAL_ID, ApiKey.id == bindparam("id"), ApiKey.revoked_at.is_(None))
    .values(revoked_at=NOW)
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
    """How many keys of all portals open something."""
    return int(work.fetch_value(_COUNT))


def list_keys(work: UnitOfWork) -> Sequence[Row]:
    """All keys of the portal, without what would let anyone use them."""
    work.authorize(Permission.OPERATE)
    return work.fetch_all(_LIST)


def revoke(work: UnitOfWork, key_id: int) -> None:
    """End a key for good. Raises NotFound("key") for an unknown or already revoked one."""
    work.authorize(Permission.OPERATE)
    if not work.execute(_REVOKE, id=key_id):
        raise NotFound("key", key_id)


def revoke_all(work: UnitOfWork) -> int:
    """End, for good, every key that hangs on the server's secret, in all portals; how many."""
    work.authorize(Permission.OPERATE)
    return work.execute(_REVOKE_ALL, scheme="earshot")


def revoke_ineligible(work: UnitOfWork, *, user_id: int, role: str | None) -> None:
    """End, for good, every key that a user with this role has no right to any more; None is no right at all."""
    dialects = [
        dialect for dialect, form in FORMATS.items() if role is None or ROLE_RANK[role] < ROLE_RANK[form.min_role]
    ]
    if dialects:
        work.execute(_REVOKE_OF, user=user_id, dialects=dialects)


def record_last_used(work: UnitOfWork, used: dict[int, Any]) -> None:
    """Store when keys were last used: key id to moment. Called now and then, never by a request."""
    for key_id, moment in used.items():
        work.execute(_USED, id=key_id, at=moment)
