"""Rules of users: create, update, block, impersonate. Deletion is in `deletion`."""

import re
import uuid
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy import update as sql_update

from app.domain.errors import Conflict, FieldError, Forbidden, ValidationFailed
from app.domain.events import Event
from app.domain.models import User
from app.domain.permissions import ROLE_RANK, Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, insert_row, parameters, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset
from app.domain.users import api_keys, emails, sign_in_changes

DEFAULT_NAME: Final = "User"
DELETED_NAME: Final = "[User Deleted]"

_BY_EMAIL: Final = Statement(select(User.id).where(User.portal_id == PORTAL_ID, User.email_key == bindparam("key")))
_INSERT: Final = Statement(
    insert_row(User, "uuid", "email", "email_key", "name", "role", "password_hash", "plan")
    .on_conflict_do_nothing()
    .returning(User.id)
)

_PROFILE: Final = Statement(
    select(User.email, User.name, User.role, User.password_hash, User.plan, User.blocked_at)
    .where(row_in_portal(User), User.deleted_at.is_(None))
    # Changes of one user wait for each other and for the deletion; new rows that refer to the user don't wait.
    .with_for_update(key_share=True)
)
_UPDATE: Final = Statement(
    sql_update(User)
    .where(row_in_portal(User))
    .values(**parameters("email", "email_key", "name", "role", "password_hash", "plan"), updated_at=NOW)
)
_STATE: Final = Statement(select(User.role, User.blocked_at).where(row_in_portal(User)).with_for_update(key_share=True))
_BLOCK: Final = Statement(
    sql_update(User).where(row_in_portal(User), User.blocked_at.is_(None)).values(blocked_at=NOW, updated_at=NOW)
)
_UNBLOCK: Final = Statement(sql_update(User).where(row_in_portal(User)).values(blocked_at=None, updated_at=NOW))


def display_name_from(email: str) -> str:
    """Derive a name from an address: `jane.doe@x.org` gives `Jane Doe`."""
    local = email.partition("@")[0]
    return " ".join(word.capitalize() for word in re.split(r"[._-]+", local) if word)[:100] or DEFAULT_NAME


def create(
    work: UnitOfWork,
    *,
    email: str | None,
    name: str,
    role: str = "user",
    password_hash: str | None = None,
    plan: str | None = None,
) -> int:
    """Create a user and return the id.

    Raises Forbidden, also for a role above the actor's, ValidationFailed, Conflict("user.taken") for a known address,
    Conflict("owner.taken"). Records user.registered.
    """
    work.authorize(Permission.REGISTER_USER)
    if ROLE_RANK[role] > ROLE_RANK[work.actor.role]:
        raise Forbidden(Permission.REGISTER_USER)
    key = None if email is None else _checked_email(email)
    user_id = work.fetch_value(
        _INSERT,
        uuid=str(uuid.uuid4()),
        email=key,
        email_key=key,
        name=name,
        role=role,
        password_hash=password_hash,
        plan=plan,
    )
    if user_id is None:
        is_taken = key is not None and find_by_email(work, key) is not None
        raise Conflict("user.taken" if is_taken else "owner.taken")
    work.record(Event("user.registered", subject_id=user_id, user_id=user_id))
    return int(user_id)


def invite(work: UnitOfWork, user_id: int, message: str | None) -> None:
    """Invite a user without a password to choose one; a message of None is the default text. Earlier invitations end.

    Raises Forbidden, NotFound("user") also for a deleted user, Conflict: "invitation.no_address",
    "invitation.has_password", "invitation.blocked". Records user.invited, from which the email is made.
    """
    work.authorize(Permission.REGISTER_USER)
    user = work.require_row(_PROFILE, "user", user_id, id=user_id)
    if user["email"] is None:
        raise Conflict("invitation.no_address")
    if user["password_hash"] is not None:
        raise Conflict("invitation.has_password")
    if user["blocked_at"] is not None:
        raise Conflict("invitation.blocked")
    work.record(Event("user.invited", subject_id=user_id, user_id=user_id, body={"message": message}))


def lock_role(work: UnitOfWork, user_id: int) -> str:
    """Lock the user until the transaction ends and return the role. Raises NotFound("user"), also if deleted."""
    return str(work.require_row(_PROFILE, "user", user_id, id=user_id)["role"])


def update(
    work: UnitOfWork,
    user_id: int,
    *,
    email: str | None = None,
    name: str | None = None,
    role: str | None = None,
    password_hash: str | None = None,
    plan: str | Unset | None = UNSET,
) -> int:
    """Change the fields that are given; None leaves one unchanged. Keys that need a higher role are revoked.

    `plan` None removes the plan. Returns how many keys were revoked. A new address is not confirmed; a change of
    address or password ends the sessions of the user, except the actor's own, and the links that were mailed to the
    user. Records user.email_changed, user.password_changed. Only the owner and the operator may change the e-mail or
    the password of the owner.
    Raises NotFound("user"), also for a deleted user, Forbidden, Forbidden("change_sign_in"), ValidationFailed (email
    taken; role, for a change from or to owner).
    """
    work.authorize(Permission.MANAGE_USERS)
    old = work.require_row(_PROFILE, "user", user_id, id=user_id)
    values = {
        "email": None if email is None else _checked_email(email),
        "name": name,
        "role": role,
        "password_hash": password_hash,
    }
    new = {field: old[field] if value is None else value for field, value in values.items()}
    new["plan"] = old["plan"] if plan is UNSET else plan
    if all(value == old[field] for field, value in new.items()):
        return 0
    if (new["email"], new["password_hash"]) != (old["email"], old["password_hash"]):
        work.authorize(Permission.CHANGE_SIGN_IN, of_role=old["role"])
    if new["role"] != old["role"] and "owner" in (new["role"], old["role"]):
        raise ValidationFailed([FieldError("role", "owner")])
    with work.map_unique_violation(uq_users_portal_id_email_key=ValidationFailed([FieldError("email", "taken")])):
        work.execute(_UPDATE, id=user_id, email_key=new["email"], **new)
    if new["email"] != old["email"]:
        sign_in_changes.record_email_change(work, user_id, old=old["email"], new=new["email"])
    if new["password_hash"] != old["password_hash"]:
        sign_in_changes.record_password_change(work, user_id)
    return api_keys.revoke_ineligible(work, user_id=user_id, role=new["role"])


def block(work: UnitOfWork, user_id: int) -> int:
    """Block a user and revoke the user's keys; return how many. Blocking a blocked user changes nothing.

    The sessions of the user and links that were mailed to the user end, too. A deleted user can be blocked too and
    stays deleted. Raises NotFound("user"), Forbidden("block_user").
    """
    role, blocked_at = work.require_row(_STATE, "user", user_id, id=user_id)
    work.authorize(Permission.BLOCK_USER, of_role=role, of_user=user_id)
    if blocked_at is not None:
        return 0
    work.execute(_BLOCK, id=user_id)
    sign_in_changes.end_sign_ins(work, user_id)
    return api_keys.revoke_ineligible(work, user_id=user_id, role=None)


def unblock(work: UnitOfWork, user_id: int) -> None:
    """Unblock a user; revoked keys stay revoked. Raises NotFound("user"), Forbidden."""
    work.authorize(Permission.MANAGE_USERS)
    _, blocked_at = work.require_row(_STATE, "user", user_id, id=user_id)
    if blocked_at is not None:
        work.execute(_UNBLOCK, id=user_id)


def find_by_email(work: UnitOfWork, email: str) -> int | None:
    """The id of the user with this address, regardless of case and padding, or None."""
    user_id = work.fetch_value(_BY_EMAIL, key=emails.normalize_email(email))
    return None if user_id is None else int(user_id)


def resolve_impersonation(work: UnitOfWork, user_id: int | None) -> int | None:
    """The id of the user in whose name the actor acts: the actor's own when `user_id` is None.

    Needs an administrator. Any user of the portal can be impersonated, also a blocked or deleted one, because the
    permissions stay those of the key. Raises Forbidden("impersonate"), with reason `unknown` for an unknown user.
    """
    if user_id is None:
        return work.actor.user_id
    work.authorize(Permission.IMPERSONATE)
    if not work.exists(User, user_id):
        raise Forbidden(Permission.IMPERSONATE, "unknown")
    return user_id


def _checked_email(email: str) -> str:
    key = emails.normalize_email(email)
    # Some letters become two in lower case, so an address within a dialect's limit may be too long for the column.
    if len(key) > emails.MAX_EMAIL:
        raise ValidationFailed([FieldError("email", "invalid")])
    return key
