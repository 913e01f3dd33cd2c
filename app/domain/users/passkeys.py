"""Passkeys: WebAuthn credentials of users. The caller has verified what the browser sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, func, literal_column, or_, select, update

from app.domain.errors import Conflict, NotFound
from app.domain.events import Event
from app.domain.models import Passkey, User
from app.domain.permissions import Permission
from app.domain.plain_text import parse_line
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_portal_unindexed, insert_row, row_in_portal
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import recent_sign_in, sign_in_requests

MAX_PASSKEYS: Final = 20
"""Of one user."""
MAX_NAME: Final = 100
MAX_CREDENTIAL_ID: Final = 1400
"""Characters of Base64url: WebAuthn allows 1023 bytes."""

_LOCK: Final = Statement(
    select(User.id)
    .where(row_in_portal(User), User.deleted_at.is_(None), User.blocked_at.is_(None))
    # Additions and sign-ins of one user wait for each other, and for the deletion of the user.
    .with_for_update(key_share=True)
)
_of_user = in_portal_unindexed(Passkey) & (Passkey.user_id == bindparam("user"))
_COUNT: Final = Statement(select(func.count()).select_from(Passkey).where(_of_user))
_INSERT: Final = Statement(
    insert_row(Passkey, "user_id", "credential_id", "public_key", "sign_count", "name").returning(Passkey.id)
)
_LIST: Final = Statement(
    select(Passkey.id, Passkey.name, Passkey.credential_id, Passkey.created_at, Passkey.last_used_at)
    .where(_of_user)
    .order_by(Passkey.id)
)
_DELETE_ALL: Final = Statement(delete(Passkey).where(_of_user))
_DELETE: Final = Statement(delete(Passkey).where(row_in_portal(Passkey), Passkey.user_id == bindparam("user")))
_BY_CREDENTIAL: Final = Statement(
    select(Passkey.id, Passkey.user_id, Passkey.public_key, Passkey.sign_count)
    .join(User, (User.id == Passkey.user_id) & (User.portal_id == Passkey.portal_id))
    .where(Passkey.portal_id == PORTAL_ID, Passkey.credential_id == bindparam("credential"), User.deleted_at.is_(None))
)
_new_count = bindparam("sign_count", type_=Passkey.sign_count.type)
_USE: Final = Statement(
    update(Passkey)
    .where(
        row_in_portal(Passkey),
        or_(
            Passkey.sign_count < _new_count,
            # A device that does not count sends 0 each time.
            (Passkey.sign_count == literal_column("0")) & (_new_count == literal_column("0")),
        ),
    )
    .values(sign_count=_new_count, last_used_at=NOW)
)


@dataclass(frozen=True, slots=True)
class PasskeyDescription:
    """What a user is shown of a passkey, and its credential, so that a device is not added twice."""

    id: int
    name: str
    credential_id: str
    created_at: Timestamp
    last_used_at: Timestamp | None


@dataclass(frozen=True, slots=True)
class StoredPasskey:
    """What a signature is verified against."""

    id: int
    user_id: int
    public_key: str
    sign_count: int


def add(work: UnitOfWork, *, user_id: int, credential_id: str, public_key: str, sign_count: int, name: str) -> int:
    """Add a passkey of the user, and return its id. Credential and key are Base64url.

    Raises Forbidden("manage_account"), NotFound("user") also for a blocked or deleted user, ValidationFailed as
    `plain_text.parse_line` for the name, Conflict: "passkey.too_many" beyond MAX_PASSKEYS, "passkey.invalid" for a
    credential that is too long, "passkey.taken" for a known one, "sign_in.too_old" as `recent_sign_in.require`. Records
    user.passkey_added.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    name = parse_line(name, max_length=MAX_NAME)
    if not credential_id or len(credential_id) > MAX_CREDENTIAL_ID:
        raise Conflict("passkey.invalid")
    recent_sign_in.require(work)
    work.require_row(_LOCK, "user", user_id, id=user_id)
    if int(work.fetch_value(_COUNT, user=user_id)) >= MAX_PASSKEYS:
        raise Conflict("passkey.too_many", {"maximum": MAX_PASSKEYS})
    with work.map_unique_violation(uq_passkeys_portal_id_credential_id=Conflict("passkey.taken")):
        passkey_id = int(
            work.fetch_value(
                _INSERT,
                user_id=user_id,
                credential_id=credential_id,
                public_key=public_key,
                sign_count=sign_count,
                name=name,
            )
        )
    work.record(Event("user.passkey_added", subject_id=user_id, user_id=user_id))
    return passkey_id


def list_of_user(work: UnitOfWork, user_id: int) -> Sequence[PasskeyDescription]:
    """The passkeys of the user, oldest first. Raises Forbidden("manage_account")."""
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    return [PasskeyDescription(*row) for row in work.fetch_all(_LIST, user=user_id)]


def delete_passkey(work: UnitOfWork, passkey_id: int, *, user_id: int) -> None:
    """Delete a passkey of the user.

    Raises Forbidden("manage_account"), NotFound("passkey"), also for another user's.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    if not work.execute(_DELETE, id=passkey_id, user=user_id):
        raise NotFound("passkey", passkey_id)


def delete_all(work: UnitOfWork, user_id: int) -> None:
    """Delete all passkeys of the user. Raises Forbidden("manage_account")."""
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    work.execute(_DELETE_ALL, user=user_id)


def find_by_credential(work: UnitOfWork, credential_id: str) -> StoredPasskey | None:
    """The passkey with this credential, or None. `sessions.create` rejects a blocked user. Raises Forbidden."""
    work.authorize(Permission.OPERATE)
    if len(credential_id) > MAX_CREDENTIAL_ID or "\0" in credential_id:
        return None
    row = work.fetch_one(_BY_CREDENTIAL, credential=credential_id)
    return None if row is None else StoredPasskey(*row)


def record_use(
    work: UnitOfWork, passkey: StoredPasskey, *, sign_count: int, challenge: str, expires_at: datetime
) -> None:
    """Store the counter of a signature that was verified, the time, and until `expires_at` that it was used.

    Raises Forbidden, Conflict("passkey.replayed") if the challenge was signed before, or if the counter did not grow:
    the signature was sent twice, or the passkey was copied. Of two concurrent calls with one signature one succeeds.
    """
    work.authorize(Permission.OPERATE)
    # The first lock, as of all ways to sign in: otherwise two passkeys of one user would wait for each other.
    work.fetch_one(_LOCK, id=passkey.user_id)
    is_counted = work.execute(_USE, id=passkey.id, sign_count=sign_count)
    if not is_counted or not sign_in_requests.use_proof(
        work, challenge, user_id=passkey.user_id, expires_at=expires_at
    ):
        raise Conflict("passkey.replayed")
