"""Checks of parameters that several of Astuto's routes share."""

from app.api.astuto.conversions import is_blank
from app.domain.errors import FieldError
from app.domain.permissions import Permission
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users


def resolve_acting_user(work: UnitOfWork, impersonated_id: int | None) -> int:
    """The id of the impersonated user, checked to exist, or of the key's user. Raises Forbidden(IMPERSONATE)."""
    user_id = users.resolve_impersonation(work, impersonated_id)
    assert user_id is not None
    return user_id


def acting_user_id(work: UnitOfWork, impersonated_id: int | None) -> int:
    """As `resolve_acting_user`, without the check, for operations that look the user up themselves."""
    if impersonated_id is None:
        return resolve_acting_user(work, None)
    # Checked here as well, before any other parameter: a user without the permission must get no error of the input.
    work.authorize(Permission.IMPERSONATE)
    return impersonated_id


def validate_text(field: str, text: str, minimum: int, maximum: int) -> list[FieldError]:
    """The errors of a title or name. docs/contracts/astuto.md, section 1.5."""
    field_errors = [FieldError(field, "blank")] if is_blank(text) else []
    if len(text) < minimum:
        field_errors.append(FieldError(field, "too_short", {"minimum": minimum}))
    elif len(text) > maximum:
        field_errors.append(FieldError(field, "too_long", {"maximum": maximum}))
    return field_errors
