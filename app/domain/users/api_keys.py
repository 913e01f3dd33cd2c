"""API keys: issued or imported, listed, changed, revoked permanently. A key is stored as a keyed digest only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update

from app.domain import identifiers
from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.events import Event
from app.domain.models import ApiKey, User
from app.domain.permissions import Permission, is_allowed
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list, insert_row, parameters, row_in_portal
from app.domain.sql.timestamps import Timestamp, to_datetime
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset
from app.domain.users import recent_sign_in
from app.domain.users.key_formats import FORMATS, digest, display_prefix
from app.domain.users.key_verification import has_passed

MAX_NAME: Final = 100


_OWNER: Final = Statement(
    select(User.role, User.blocked_at, User.deleted_at)
    .where(row_in_portal(User, "user"))
    # A concurrent change after which the user may not have the key finishes first, or waits and revokes the new key.
    .with_for_update(read=True)
)
_INSERT: Final = Statement(
    insert_row(ApiKey, "user_id", "dialect", "scheme", "digest", "prefix", "name", "expires_at").returning(ApiKey.id)
)
_SET_TEXT: Final = Statement(update(ApiKey).where(row_in_portal(ApiKey)).values(**parameters("digest", "prefix")))


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key. Its text is not stored, so it can't be shown again."""

    id: int
    token: str = field(repr=False)


def issue(
    work: UnitOfWork,
    *,
    user_id: int,
    dialect: str,
    secret: bytes,
    name: str | None = None,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """Issue a key for the user, who may do so alone if the role is high enough. The number of a numbered key is its id.

    Raises Forbidden, NotFound("user"), Conflict("key.user_deleted"), Conflict("key.user_blocked"),
    Conflict("key.role_too_low") with the values role, dialect and min_role, ValidationFailed (name blank or too long;
    expiry past). For a signed-in user also Conflict("sign_in.too_old") as `recent_sign_in.require`, and records
    user.key_created.
    """
    work.authorize(Permission.MANAGE_KEYS, of_user=user_id)
    _validate(work, name, expires_at)
    role = _require_eligible(work, user_id, dialect)
    if work.actor.session_id is not None:
        recent_sign_in.require(work)
        work.record(Event("user.key_created", subject_id=user_id, user_id=user_id))
    columns = {"user_id": user_id, "dialect": dialect, "scheme": "earshot", "name": name, "expires_at": expires_at}
    if FORMATS[dialect].is_numbered:
        random = identifiers.random_string(40)
        # Only the inserted row tells the id. The digest is that of the key from the next statement on.
        key_id = _insert(work, digest=digest(random, secret), prefix="", **columns)
        token = f"{key_id}|{random}"
        work.execute(_SET_TEXT, id=key_id, digest=digest(token, secret), prefix=display_prefix(token))
        return IssuedKey(key_id, token)
    label = "mod" if role == "moderator" else "admin"
    token = f"tkn_{label}_{identifiers.random_string(30, identifiers.BASE58)}"
    return IssuedKey(_insert(work, digest=digest(token, secret), prefix=display_prefix(token), **columns), token)


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
    """Store a key by its digest and return its id. Raises as `issue`, and Conflict("key.known") for a known digest."""
    work.authorize(Permission.OPERATE)
    _validate(work, name, expires_at)
    _require_eligible(work, user_id, dialect)
    with work.map_unique_violation(uq_api_keys_digest=Conflict("key.known")):
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


def _require_eligible(work: UnitOfWork, user_id: int, dialect: str) -> str:
    """The role of the user, who may have a key of the dialect. Raises as `issue`."""
    role, blocked_at, deleted_at = work.require_row(_OWNER, "user", user_id, user=user_id)
    if deleted_at is not None:
        raise Conflict("key.user_deleted")
    if blocked_at is not None:
        raise Conflict("key.user_blocked")
    form = FORMATS[dialect]
    if not form.is_allowed_for(role):
        raise Conflict("key.role_too_low", {"role": role, "dialect": dialect, "min_role": form.min_role})
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
    _authorize(work, key_id)
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


_DESCRIPTIONS: Final = (
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
)
_LIST: Final = Statement(_DESCRIPTIONS.order_by(ApiKey.id))
_LIST_OF_USER: Final = Statement(_DESCRIPTIONS.where(ApiKey.user_id == bindparam("user")).order_by(ApiKey.id))
_USER_OF: Final = Statement(select(ApiKey.user_id).where(row_in_portal(ApiKey)))
_GET: Final = Statement(_DESCRIPTIONS.where(ApiKey.id == bindparam("id")))
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
_COUNT: Final = Statement(
    select(func.count()).select_from(ApiKey).where(ApiKey.revoked_at.is_(None)), across_portals=True
)


def count(work: UnitOfWork) -> int:
    """The number of keys of all portals that are not revoked."""
    return int(work.fetch_value(_COUNT))


def revoke_all_of(work: UnitOfWork, user_id: int) -> None:
    """Revoke all keys of the user, of both dialects. Raises Forbidden."""
    work.authorize(Permission.MANAGE_KEYS, of_user=user_id)
    work.execute(_REVOKE_OF, user=user_id, dialects=list(FORMATS))


def list_keys(work: UnitOfWork) -> list[KeyDescription]:
    """All keys of the portal, oldest first."""
    work.authorize(Permission.OPERATE)
    return [_describe(row, work.now) for row in work.fetch_all(_LIST)]


def list_of_user(work: UnitOfWork, user_id: int) -> list[KeyDescription]:
    """The keys of the user, oldest first. Raises Forbidden."""
    work.authorize(Permission.MANAGE_KEYS, of_user=user_id)
    return [_describe(row, work.now) for row in work.fetch_all(_LIST_OF_USER, user=user_id)]


def get(work: UnitOfWork, key_id: int) -> KeyDescription:
    """A key of the portal. Raises Forbidden, NotFound("key")."""
    _authorize(work, key_id)
    return _describe(work.require_row(_GET, "key", key_id, id=key_id), work.now)


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
    _authorize(work, key_id)
    if not work.execute(_REVOKE, id=key_id):
        raise NotFound("key", key_id)


def _authorize(work: UnitOfWork, key_id: int) -> None:
    """Raise Forbidden unless the key is the actor's own, or the actor is the operator."""
    if not is_allowed(work.actor, Permission.OPERATE):
        # -1 is nobody, so an unknown key raises as that of another user.
        work.authorize(Permission.MANAGE_KEYS, of_user=work.fetch_value(_USER_OF, id=key_id) or -1)


def revoke_all(work: UnitOfWork) -> int:
    """Revoke every key of all portals whose digest was made with the server's secret; returns how many."""
    work.authorize(Permission.OPERATE)
    return work.execute(_REVOKE_ALL, scheme="earshot")


def revoke_ineligible(work: UnitOfWork, *, user_id: int, role: str | None) -> int:
    """Revoke every key of the user that needs a higher role than this, or all for None; return how many."""
    dialects = [dialect for dialect, form in FORMATS.items() if role is None or not form.is_allowed_for(role)]
    return work.execute(_REVOKE_OF, user=user_id, dialects=dialects) if dialects else 0
