"""What users change about themselves: name, language and picture."""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, not_, select, update

from app.domain.errors import FieldError, ValidationFailed
from app.domain.models import Portal, User
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, parameters, row_in_portal
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset
from app.domain.users import accounts

_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})?")
"""A language, and perhaps a script or region. Pages in a language without translation are in English."""

_COLUMNS = (User.email, User.name, User.role, User.locale, User.picture, User.avatar_url, User.created_at)
_this = (row_in_portal(User), User.deleted_at.is_(None))
_PROFILE: Final = Statement(select(*_COLUMNS).where(*_this))
_LOCK: Final = Statement(select(User.name, User.locale, User.picture).where(*_this).with_for_update(key_share=True))
_EDIT: Final = Statement(update(User).where(row_in_portal(User)).values(**parameters("name", "locale"), updated_at=NOW))
_SET_PICTURE: Final = Statement(
    update(User).where(row_in_portal(User)).values(picture=bindparam("picture"), updated_at=NOW)
)
_BY_PICTURE: Final = Statement(
    select(not_(Portal.is_private))
    .join(User, User.portal_id == Portal.id)
    .where(Portal.id == PORTAL_ID, User.picture == bindparam("name"))
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a user sees of the own account. `picture` is the name of a stored file and goes before `avatar_url`."""

    email: str | None
    name: str
    role: str
    locale: str | None
    picture: str | None
    avatar_url: str | None
    created_at: Timestamp


def get(work: UnitOfWork, user_id: int) -> Profile:
    """The profile of the user. Raises Forbidden, NotFound("user") also for a deleted one."""
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    return Profile(*work.require_row(_PROFILE, "user", user_id, id=user_id))


def edit(work: UnitOfWork, user_id: int, *, name: str | Unset = UNSET, locale: str | Unset | None = UNSET) -> None:
    """Change the name or the language; a language of None is that of the portal.

    Raises Forbidden, NotFound("user") also for a deleted one, ValidationFailed: name as `accounts.check_name`, locale
    invalid.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    old = work.require_row(_LOCK, "user", user_id, id=user_id)
    new_name = old["name"] if name is UNSET else accounts.check_name(name)
    new_locale = old["locale"] if locale is UNSET else locale
    if locale is not UNSET and locale is not None and _LOCALE.fullmatch(locale) is None:
        raise ValidationFailed([FieldError("locale", "invalid")])
    if (new_name, new_locale) != (old["name"], old["locale"]):
        work.execute(_EDIT, id=user_id, name=new_name, locale=new_locale)


def set_picture(work: UnitOfWork, user_id: int, picture: str | None) -> list[str]:
    """Set the picture, the name of a stored image, or remove it; return the replaced file, to be deleted afterwards.

    Raises Forbidden, NotFound("user") also for a deleted one.
    """
    work.authorize(Permission.MANAGE_ACCOUNT, of_user=user_id)
    old = work.require_row(_LOCK, "user", user_id, id=user_id)["picture"]
    if old == picture:
        return []
    work.execute(_SET_PICTURE, id=user_id, picture=picture)
    return [] if old is None else [old]


def find_picture(work: UnitOfWork, name: str) -> bool | None:
    """Whether visitors may see the picture with this name; None if no user of the portal has it."""
    is_public = work.fetch_value(_BY_PICTURE, name=name)
    return None if is_public is None else bool(is_public)
