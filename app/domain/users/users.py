"""Rules about people: register, change, block, and act in another's name. How they leave is in `departures`."""

import re
import uuid
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from app.domain.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from app.domain.events import Fact
from app.domain.models import User
from app.domain.permissions import RANK, Act
from app.domain.sql.statement import Statement, now, portal, upsert
from app.domain.unit_of_work import Work
from app.domain.users import api_keys, emails

NAMELESS: Final = "User"
DELETED_NAME: Final = "[User Deleted]"
MAX_EMAIL: Final = 255

# More than EMAIL takes, so that an address in other letters, in brackets or with a mistake is none the less not shown.

_BY_EMAIL: Final = Statement(
    select(User.id, User.role, User.blocked_at).where(User.portal_id == portal, User.email_key == bindparam("key"))
)
_EXISTS: Final = Statement(select(User.id).where(User.portal_id == portal, User.id == bindparam("id")))
_INSERT: Final = Statement(
    upsert(User)
    .values(
        portal_id=portal,
        uuid=bindparam("uuid"),
        email=bindparam("email"),
        email_key=bindparam("key"),
        name=bindparam("name"),
        role=bindparam("role"),
        password_hash=bindparam("password_hash"),
        created_at=now,
        updated_at=now,
    )
    .on_conflict_do_nothing()
    .returning(User.id)
)

_CARD: Final = Statement(
    select(User.email, User.name, User.role, User.password_hash)
    .where(User.portal_id == portal, User.id == bindparam("id"), User.deleted_at.is_(None))
    # Changes of one user wait for each other, and for his deletion; rows that point to him don't wait.
    .with_for_update(key_share=True)
)
_CHANGE: Final = Statement(
    update(User)
    .where(User.portal_id == portal, User.id == bindparam("id"))
    .values(
        email=bindparam("email"),
        email_key=bindparam("key"),
        name=bindparam("name"),
        role=bindparam("role"),
        password_hash=bindparam("password_hash"),
        updated_at=now,
    )
)
_SECRET: Final = Statement(
    select(User.id, User.password_hash).where(
        User.portal_id == portal,
        User.email_key == bindparam("key"),
        User.blocked_at.is_(None),
        User.deleted_at.is_(None),
    )
)
_RENEW_SECRET: Final = Statement(
    update(User)
    .where(User.portal_id == portal, User.id == bindparam("id"), User.password_hash == bindparam("former"))
    .values(password_hash=bindparam("renewed"))
)
_STATE: Final = Statement(
    select(User.role, User.blocked_at)
    .where(User.portal_id == portal, User.id == bindparam("id"))
    .with_for_update(key_share=True)
)
_BLOCK: Final = Statement(
    update(User)
    .where(User.portal_id == portal, User.id == bindparam("id"), User.blocked_at.is_(None))
    .values(blocked_at=now, updated_at=now)
)
_UNBLOCK: Final = Statement(
    update(User).where(User.portal_id == portal, User.id == bindparam("id")).values(blocked_at=None, updated_at=now)
)


def name_from(email: str) -> str:
    """The name that an address suggests: `jane.doe@x.org` gives `Jane Doe`."""
    local = email.partition("@")[0]
    return " ".join(word.capitalize() for word in re.split(r"[._-]+", local) if word)[:100] or NAMELESS


def register(work: Work, *, email: str | None, name: str, role: str = "user", password_hash: str | None = None) -> int:
    """A new user; his id.

    Raises Forbidden, also for a role above the actor's, Invalid, Conflict("user.taken") when the address is known,
    Conflict("owner.taken"). Announces user.registered.
    """
    work.require(Act.REGISTER_USER)
    if RANK[role] > RANK[work.actor.role]:
        raise Forbidden(Act.REGISTER_USER)
    key = None if email is None else _address(email)
    user_id = work.value(
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
    work.announce(Fact("user.registered", subject_id=user_id, user_id=user_id))
    return int(user_id)


def invite(work: Work, user_id: int, message: str | None) -> None:
    """Announce user.invited, so that a letter goes out; None is the default text."""
    work.announce(Fact("user.invited", subject_id=user_id, user_id=user_id, body={"message": message}))


def role_to_change(work: Work, user_id: int) -> str:
    """The role, which no other Work changes until this one ends. Raises NotFound("user"), for a deleted one too."""
    row = work.one(_CARD, id=user_id)
    if row is None:
        raise NotFound("user", user_id)
    return str(row[2])


def change(
    work: Work,
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
    work.require(Act.MANAGE_USERS)
    row = work.one(_CARD, id=user_id)
    if row is None:
        raise NotFound("user", user_id)
    old = {"email": row[0], "name": row[1], "role": row[2], "password_hash": row[3]}
    given = {
        "email": None if email is None else _address(email),
        "name": name,
        "role": role,
        "password_hash": password_hash,
    }
    new = {field: old[field] if value is None else value for field, value in given.items()}
    if new == old:
        return
    if (new["email"], new["password_hash"]) != (old["email"], old["password_hash"]):
        work.require(Act.CHANGE_SIGN_IN, of_role=old["role"])
    if new["role"] != old["role"] and "owner" in (new["role"], old["role"]):
        raise Invalid([Problem("role", "owner")])
    with work.clashing(uq_users_portal_id_email_key=Invalid([Problem("email", "taken")])):
        work.run(_CHANGE, id=user_id, key=new["email"], **new)
    api_keys.revoke_unentitled(work, user_id=user_id, role=new["role"])


def block(work: Work, user_id: int) -> None:
    """Keep a user from acting; all his keys end for good. Blocking a blocked one changes nothing.

    A deleted user may be blocked, too, and stays deleted. Raises NotFound("user"), Forbidden("block_user").
    """
    row = work.one(_STATE, id=user_id)
    if row is None:
        raise NotFound("user", user_id)
    role, blocked_at = row
    work.require(Act.BLOCK_USER, of_role=role, of_user=user_id)
    if blocked_at is None:
        work.run(_BLOCK, id=user_id)
        api_keys.revoke_unentitled(work, user_id=user_id, role=None)


def unblock(work: Work, user_id: int) -> None:
    """Let a blocked user act again; his former keys stay ended. Raises NotFound("user"), Forbidden."""
    work.require(Act.MANAGE_USERS)
    row = work.one(_STATE, id=user_id)
    if row is None:
        raise NotFound("user", user_id)
    if row[1] is not None:
        work.run(_UNBLOCK, id=user_id)


def find_by_email(work: Work, email: str) -> int | None:
    """The id of the user with this address, whatever its letter case and padding."""
    found: Any = work.one(_BY_EMAIL, key=emails.fold(email))
    return None if found is None else int(found[0])


def secret_of(work: Work, email: str) -> tuple[int, str | None] | None:
    """The id and the stored password of whoever may sign in with this address; None for a blocked or deleted user."""
    found = work.one(_SECRET, key=emails.fold(email))
    return None if found is None else (int(found[0]), found[1])


def renew_secret(work: Work, user_id: int, *, former: str, renewed: str) -> None:
    """Store the same password in another form, unless it was changed meanwhile."""
    work.run(_RENEW_SECRET, id=user_id, former=former, renewed=renewed)


def acting_as(work: Work, user_id: int | None) -> int | None:
    """In whose name the actor acts: his own when `user_id` is None, else that user's.

    Administrators only; anyone of the portal may be named, a blocked or deleted user too, for rights stay the key's.
    Raises Forbidden("impersonate") with why `role` or `unknown`.
    """
    if user_id is None:
        return work.actor.user_id
    work.require(Act.IMPERSONATE)
    found = work.value(_EXISTS, id=user_id)
    if found is None:
        raise Forbidden(Act.IMPERSONATE, "unknown")
    return int(found)


def _address(email: str) -> str:
    key = emails.fold(email)
    # Some letters become two in lower case, so a text within a door's limit may still be too long for its column.
    if len(key) > MAX_EMAIL:
        raise Invalid([Problem("email", "invalid")])
    return key
