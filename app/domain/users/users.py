"""Rules about people: register, change, block, and act in another's name. How they leave is in `departures`."""

import re
import uuid
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy import update as sql_update

from app.domain.errors import Conflict, FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.events import Event
from app.domain.models import User
from app.domain.permissions import ROLE_RANK, Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, upsert
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys, emails

DEFAULT_NAME: Final = "User"
DELETED_NAME: Final = "[User Deleted]"
MAX_EMAIL: Final = 255

# More than EMAIL takes, so that an address in other letters, in brackets or with a mistake is none the less not shown.

_BY_EMAIL: Final = Statement(
    select(User.id, User.role, User.blocked_at).where(User.portal_id == PORTAL_ID, User.email_key == bindparam("key"))
)
_EXISTS: Final = Statement(select(User.id).where(User.portal_id == PORTAL_ID, User.id == bindparam("id")))
_INSERT: Final = Statement(
    upsert(User)
    .values(
        portal_id=PORTAL_ID,
        uuid=bindparam("uuid"),
        email=bindparam("email"),
        email_key=bindparam("key"),
        name=bindparam("name"),
        role=bindparam("role"),
        password_hash=bindparam("password_hash"),
        created_at=NOW,
        updated_at=NOW,
    )
    .on_conflict_do_nothing()
    .returning(User.id)
)

_PROFILE: Final = Statement(
    select(User.email, User.name, User.role, User.password_hash)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("id"), User.deleted_at.is_(None))
    # Changes of one user wait for each other, and for his deletion; rows that point to him don't wait.
    .with_for_update(key_share=True)
)
_UPDATE: Final = Statement(
    sql_update(User)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("id"))
    .values(
        email=bindparam("email"),
        email_key=bindparam("key"),
        name=bindparam("name"),
        role=bindparam("role"),
        password_hash=bindparam("password_hash"),
        updated_at=NOW,
    )
)
_PASSWORD_HASH: Final = Statement(
    select(User.id, User.password_hash).where(
        User.portal_id == PORTAL_ID,
        User.email_key == bindparam("key"),
        User.blocked_at.is_(None),
        User.deleted_at.is_(None),
    )
)
_REHASH_PASSWORD: Final = Statement(
    sql_update(User)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("id"), User.password_hash == bindparam("former"))
    .values(password_hash=bindparam("renewed"))
)
_STATE: Final = Statement(
    select(User.role, User.blocked_at)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("id"))
    .with_for_update(key_share=True)
)
_BLOCK: Final = Statement(
    sql_update(User)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("id"), User.blocked_at.is_(None))
    .values(blocked_at=NOW, updated_at=NOW)
)
_UNBLOCK: Final = Statement(
    sql_update(User)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("id"))
    .values(blocked_at=None, updated_at=NOW)
)


def display_name_from(email: str) -> str:
    """The name that an address suggests: `jane.doe@x.org` gives `Jane Doe`."""
    local = email.partition("@")[0]
    return " ".join(word.capitalize() for word in re.split(r"[._-]+", local) if word)[:100] or DEFAULT_NAME


def create(
    work: UnitOfWork, *, email: str | None, name: str, role: str = "user", password_hash: str | None = None
) -> int:
    """A new user; his id.

    Raises Forbidden, also for a role above the actor's, Invalid, Conflict("user.taken") when the address is known,
    Conflict("owner.taken"). Announces user.registered.
    """
    work.authorize(Permission.REGISTER_USER)
    if ROLE_RANK[role] > ROLE_RANK[work.actor.role]:
        raise Forbidden(Permission.REGISTER_USER)
    key = None if email is None else _checked_email(email)
    user_id = work.fetch_value(
        _INSERT,
        uuid=str(uuid.uuid4()),
        email=key,
        key=key,
        name=name,
        role=role,
        password_hash=password_hash,
    )
    if user_id is None:
        taken = key is not None and find_by_email(work, key) is not None
        raise Conflict("user.taken" if taken else "owner.taken")
    work.record(Event("user.registered", subject_id=user_id, user_id=user_id))
    return int(user_id)


def invite(work: UnitOfWork, user_id: int, message: str | None) -> None:
    """Announce user.invited, so that a letter goes out; None is the default text."""
    work.authorize(Permission.REGISTER_USER)
    work.record(Event("user.invited", subject_id=user_id, user_id=user_id, body={"message": message}))


def lock_role(work: UnitOfWork, user_id: int) -> str:
    """The role, which no other Work changes until this one ends. Raises NotFound("user"), for a deleted one too."""
    row = work.fetch_one(_PROFILE, id=user_id)
    if row is None:
        raise NotFound("user", user_id)
    return str(row[2])


def update(
    work: UnitOfWork,
    user_id: int,
    *,
    email: str | None = None,
    name: str | None = None,
    role: str | None = None,
    password_hash: str | None = None,
) -> None:
    """Change what is given and differs; None keeps. A role below a key's need ends the key.

    The e-mail and the password of the owner are changed by the owner and the operator only.
    Raises NotFound("user"), for a deleted one too, Forbidden, Forbidden("change_sign_in"), Invalid (email taken; role:
    the owner stays the owner, and nobody else becomes it).
    """
    work.authorize(Permission.MANAGE_USERS)
    row = work.fetch_one(_PROFILE, id=user_id)
    if row is None:
        raise NotFound("user", user_id)
    old = {"email": row[0], "name": row[1], "role": row[2], "password_hash": row[3]}
    given = {
        "email": None if email is None else _checked_email(email),
        "name": name,
        "role": role,
        "password_hash": password_hash,
    }
    new = {field: old[field] if value is None else value for field, value in given.items()}
    if new == old:
        return
    if (new["email"], new["password_hash"]) != (old["email"], old["password_hash"]):
        work.authorize(Permission.CHANGE_SIGN_IN, of_role=old["role"])
    if new["role"] != old["role"] and "owner" in (new["role"], old["role"]):
        raise ValidationFailed([FieldError("role", "owner")])
    with work.map_unique_violation(uq_users_portal_id_email_key=ValidationFailed([FieldError("email", "taken")])):
        work.execute(_UPDATE, id=user_id, key=new["email"], **new)
    api_keys.revoke_ineligible(work, user_id=user_id, role=new["role"])


def block(work: UnitOfWork, user_id: int) -> None:
    """Keep a user from acting; all his keys end for good. Blocking a blocked one changes nothing.

    A deleted user may be blocked, too, and stays deleted. Raises NotFound("user"), Forbidden("block_user").
    """
    row = work.fetch_one(_STATE, id=user_id)
    if row is None:
        raise NotFound("user", user_id)
    role, blocked_at = row
    work.authorize(Permission.BLOCK_USER, of_role=role, of_user=user_id)
    if blocked_at is None:
        work.execute(_BLOCK, id=user_id)
        api_keys.revoke_ineligible(work, user_id=user_id, role=None)


def unblock(work: UnitOfWork, user_id: int) -> None:
    """Let a blocked user act again; his former keys stay ended. Raises NotFound("user"), Forbidden."""
    work.authorize(Permission.MANAGE_USERS)
    row = work.fetch_one(_STATE, id=user_id)
    if row is None:
        raise NotFound("user", user_id)
    if row[1] is not None:
        work.execute(_UNBLOCK, id=user_id)


def find_by_email(work: UnitOfWork, email: str) -> int | None:
    """The id of the user with this address, whatever its letter case and padding."""
    found: Any = work.fetch_one(_BY_EMAIL, key=emails.normalize_email(email))
    return None if found is None else int(found[0])


def password_hash_of(work: UnitOfWork, email: str) -> tuple[int, str | None] | None:
    """The id and the stored password of whoever may sign in with this address; None for a blocked or deleted user."""
    found = work.fetch_one(_PASSWORD_HASH, key=emails.normalize_email(email))
    return None if found is None else (int(found[0]), found[1])


def rehash_password(work: UnitOfWork, user_id: int, *, old_hash: str, new_hash: str) -> None:
    """Store the same password in another form, unless it was changed meanwhile."""
    work.execute(_REHASH_PASSWORD, id=user_id, former=old_hash, renewed=new_hash)


def resolve_impersonation(work: UnitOfWork, user_id: int | None) -> int | None:
    """In whose name the actor acts: his own when `user_id` is None, else that user's.

    Administrators only; anyone of the portal may be named, a blocked or deleted user too, for rights stay the key's.
    Raises Forbidden("impersonate") with why `role` or `unknown`.
    """
    if user_id is None:
        return work.actor.user_id
    work.authorize(Permission.IMPERSONATE)
    found = work.fetch_value(_EXISTS, id=user_id)
    if found is None:
        raise Forbidden(Permission.IMPERSONATE, "unknown")
    return int(found)


def _checked_email(email: str) -> str:
    key = emails.normalize_email(email)
    # Some letters become two in lower case, so a text within a door's limit may still be too long for its column.
    if len(key) > MAX_EMAIL:
        raise ValidationFailed([FieldError("email", "invalid")])
    return key
