"""Rules of single sign-on: the customer's own server says who a user is, and the user is created or updated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import bindparam, select, update

from app.domain.errors import Conflict
from app.domain.events import Event
from app.domain.models import Portal, User
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, insert_row, parameters, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import address_confirmation, sign_in_changes, sign_in_requests, users
from app.domain.users.attributes import SIGN_ON_ATTRIBUTES

_IDENTITY: Final = ("uid", "email", "email_key", "name")
_USER = select(
    User.id,
    User.role,
    User.blocked_at,
    User.email_confirmed_at,
    *(getattr(User, name) for name in (*_IDENTITY, *SIGN_ON_ATTRIBUTES)),
).with_for_update(key_share=True)
_BY_UID: Final = Statement(_USER.where(User.portal_id == PORTAL_ID, User.uid == bindparam("uid")))
_BY_EMAIL: Final = Statement(_USER.where(User.portal_id == PORTAL_ID, User.email_key == bindparam("email")))
_INSERT: Final = Statement(
    insert_row(User, "uuid", *_IDENTITY, *SIGN_ON_ATTRIBUTES).on_conflict_do_nothing().returning(User.id)
)
_UPDATE: Final = Statement(
    update(User).where(row_in_portal(User)).values(**parameters(*_IDENTITY, *SIGN_ON_ATTRIBUTES), updated_at=NOW)
)
_SECRET: Final = Statement(select(Portal.sso_secret).where(Portal.id == PORTAL_ID))
_SET_SECRET: Final = Statement(
    update(Portal).where(Portal.id == PORTAL_ID).values(sso_secret=bindparam("secret"), updated_at=NOW)
)


@dataclass(frozen=True, slots=True)
class SignOn:
    """Who signs on, as the customer's server says. The address is normalized; `attributes` are SIGN_ON_ATTRIBUTES."""

    email: str
    uid: str | None
    name: str | None
    attributes: Mapping[str, str | float]


@dataclass(frozen=True, slots=True)
class SignedOnUser:
    """The user who has signed on."""

    id: int
    name: str


def sign_on(work: UnitOfWork, who: SignOn) -> SignedOnUser:
    """Create or update the user, who is found by uid, then by address.

    What was not sent stays. The address is confirmed, because the customer's server knows whose it is; whoever else has
    signed up with it loses the account. Nobody of the team signs on in this way, because whoever knows the secret could
    act as one.
    Raises Forbidden, Conflict: "sign_on.team" for a moderator or above, "sign_on.blocked", "sign_on.email_taken" if
    another user has the new address. Records user.registered for a new user, user.email_changed for a new address, and
    as `address_confirmation.confirm`.
    """
    work.authorize(Permission.MANAGE_USERS)
    row = _find(work, who)
    if row is None:
        user_id = _create(work, who)
        if user_id is not None:
            work.record(Event("user.registered", subject_id=user_id, user_id=user_id))
            address_confirmation.confirm(work, user_id, is_own_sign_up=False)
            return SignedOnUser(user_id, _name(who))
        # Created by another transaction since then.
        row = _find(work, who)
        if row is None:
            raise Conflict("sign_on.email_taken")
    if row["role"] != "user":
        raise Conflict("sign_on.team")
    if row["blocked_at"] is not None:
        raise Conflict("sign_on.blocked")
    _update(work, row, who)
    return SignedOnUser(row["id"], who.name or row["name"])


def use_proof(work: UnitOfWork, proof: str, *, user_id: int, expires_at: datetime) -> None:
    """Store that a token has signed the user in, which `sign_on` has locked. It can't do so again.

    `proof` is what is signed in the token, which is valid until `expires_at`. Raises Forbidden,
    Conflict("sign_on.used").
    """
    work.authorize(Permission.OPERATE)
    if not sign_in_requests.use_proof(work, proof, user_id=user_id, expires_at=expires_at):
        raise Conflict("sign_on.used")


def get_secret(work: UnitOfWork) -> str | None:
    """The portal's secret of single sign-on as it is stored, encrypted; None if sign-on is off."""
    secret: str | None = work.fetch_value(_SECRET)
    return secret


def set_secret(work: UnitOfWork, encrypted: str | None) -> None:
    """Replace the secret, so that tokens signed with the former one are not valid; None turns sign-on off.

    Raises Forbidden.
    """
    work.authorize(Permission.OPERATE)
    work.execute(_SET_SECRET, secret=encrypted)


def _find(work: UnitOfWork, who: SignOn) -> Row | None:
    by_uid = None if who.uid is None else work.fetch_one(_BY_UID, uid=who.uid)
    return by_uid or work.fetch_one(_BY_EMAIL, email=who.email)


def _create(work: UnitOfWork, who: SignOn) -> int | None:
    """The id of the new user, or None if the address or uid is taken."""
    user_id: int | None = work.fetch_value(
        _INSERT,
        uuid=str(uuid4()),
        uid=who.uid,
        email=who.email,
        email_key=who.email,
        name=_name(who),
        **{name: who.attributes.get(name) for name in SIGN_ON_ATTRIBUTES},
    )
    return user_id


def _name(who: SignOn) -> str:
    """The name of a new user."""
    return who.name or users.display_name_from(who.email)


def _update(work: UnitOfWork, row: Row, who: SignOn) -> None:
    sent: dict[str, Any] = {"email": who.email, "email_key": who.email, **who.attributes}
    sent |= {name: value for name, value in (("uid", who.uid), ("name", who.name)) if value is not None}
    is_new_address = who.email != row["email"]
    if any(row[name] != value for name, value in sent.items()):
        values = {name: sent.get(name, row[name]) for name in (*_IDENTITY, *SIGN_ON_ATTRIBUTES)}
        taken = Conflict("sign_on.email_taken")
        with work.map_unique_violation(uq_users_portal_id_email_key=taken, uq_users_uid=taken):
            work.execute(_UPDATE, id=row["id"], **values)
    if is_new_address:
        sign_in_changes.record_email_change(work, row["id"], old=row["email"], new=who.email)
    if is_new_address or row["email_confirmed_at"] is None:
        address_confirmation.confirm(work, row["id"], is_own_sign_up=False)
