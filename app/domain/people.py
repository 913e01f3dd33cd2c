"""Rules about people: register, change, block, delete, and act in another's name."""

import re
import uuid
from typing import Any, Final

from sqlalchemy import bindparam, select

from app.domain import addresses
from app.domain.facts import Fact
from app.domain.model import User
from app.domain.policy import Act
from app.domain.refusals import Conflict, Forbidden
from app.domain.statements import Statement, now, portal, upsert
from app.domain.work import Work

NAMELESS: Final = "User"
DELETED_NAME: Final = "[User Deleted]"

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


def name_from(email: str) -> str:
    """The name that an address suggests: `jane.doe@x.org` gives `Jane Doe`."""
    local = email.partition("@")[0]
    return " ".join(word.capitalize() for word in re.split(r"[._-]+", local) if word)[:100] or NAMELESS


def register(
    work: Work, *, email: str | None, name: str, role: str = "user", password_hash: str | None = None
) -> int:
    """A new user; his id.

    Raises Forbidden, Conflict("user.taken") when the address is known, Conflict("owner.taken"). Announces
    user.registered.
    """
    work.require(Act.REGISTER_USER)
    key = None if email is None else addresses.fold(email)
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


def find_by_email(work: Work, email: str) -> int | None:
    """The id of the user with this address, whatever its letter case and padding."""
    found: Any = work.one(_BY_EMAIL, key=addresses.fold(email))
    return None if found is None else int(found[0])


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
