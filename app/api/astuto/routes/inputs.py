"""Parameters that several of Astuto's routes share."""

from collections.abc import Mapping
from typing import Any, Final

from app.api.astuto import params
from app.api.astuto.params import MISSING
from app.domain.errors import FieldError
from app.domain.permissions import Permission
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset
from app.domain.users import users

MIN_TITLE: Final = 4
MAX_TITLE: Final = 128


def path_id(segment: str) -> int:
    """The id in a path; 0, which no row has, when there is none. Section 1.7."""
    return params.path_id(segment) or 0


def id_filter(values: Mapping[str, Any], name: str) -> list[int] | None:
    """The ids of a filter; None for no filter, empty for one that matches nothing. Section 1.8."""
    ids = params.parse_id_filter(values.get(name, MISSING))
    return None if ids is None else list(ids)


def parse_impersonated_id(values: Mapping[str, Any]) -> int | None:
    """The user to impersonate: None when the parameter is blank, 0, which no user has, when it is not one id.

    docs/contracts/astuto.md, section 1.14.
    """
    value = params.value_or_none(values.get("impersonated_user_id", MISSING))
    if params.is_blank(value):
        return None
    return params.to_lookup_id(value) or 0


def resolve_acting_user(work: UnitOfWork, values: Mapping[str, Any]) -> int:
    """The id of the impersonated user, checked to exist, or of the key's user. Raises Forbidden(IMPERSONATE)."""
    user_id = users.resolve_impersonation(work, parse_impersonated_id(values))
    assert user_id is not None
    return user_id


def acting_user_id(work: UnitOfWork, values: Mapping[str, Any]) -> int:
    """As `resolve_acting_user`, without the check, for operations that look the user up themselves."""
    user_id = parse_impersonated_id(values)
    if user_id is None:
        return principal_user_id(work)
    # Checked here as well, before any other parameter: without the right, no error of the input may be reported.
    work.authorize(Permission.IMPERSONATE)
    return user_id


def principal_user_id(work: UnitOfWork) -> int:
    """The id of the key's user."""
    assert work.actor.user_id is not None
    return work.actor.user_id


def validate_title(title: str) -> list[FieldError]:
    """The errors of a post's title. docs/contracts/astuto.md, section 1.5."""
    errors = [FieldError("title", "blank")] if params.is_blank(title) else []
    if len(title) < MIN_TITLE:
        errors.append(FieldError("title", "too_short", {"minimum": MIN_TITLE}))
    elif len(title) > MAX_TITLE:
        errors.append(FieldError("title", "too_long", {"maximum": MAX_TITLE}))
    return errors


def str_or(value: object, default: str | None) -> str | None:
    """The text of a parameter; `default` for a missing one, an array or an object."""
    text = params.to_str(value)
    return default if text is MISSING else text


def str_or_unset(value: object) -> str | Unset | None:
    """The text of a parameter; UNSET for a missing one, an array or an object."""
    text = params.to_str(value)
    return UNSET if text is MISSING else text
