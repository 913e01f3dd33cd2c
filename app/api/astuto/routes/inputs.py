"""Inputs that several of Astuto's chapters share."""

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
    """The number that a path names; 0, which nothing has, when it names none. Section 1.7."""
    return params.path_id(segment) or 0


def id_filter(asked: Mapping[str, Any], name: str) -> list[int] | None:
    """The ids that a filter names; None for no filter, empty for one that nothing passes. Section 1.8."""
    ids = params.parse_id_filter(asked.get(name, MISSING))
    return None if ids is None else list(ids)


def parse_impersonated_id(asked: Mapping[str, Any]) -> int | None:
    """The user in whose name to act: None when the parameter is blank, 0 (nobody) when it can't be one id.

    docs/contracts/astuto.md, section 1.14.
    """
    value = params.filled_or_none(asked.get("impersonated_user_id", MISSING))
    if params.is_blank(value):
        return None
    return params.to_lookup_id(value) or 0


def resolve_acting_user(work: UnitOfWork, params: Mapping[str, Any]) -> int:
    """The user in whose name the request acts, who exists. Raises Forbidden(IMPERSONATE)."""
    user_id = users.resolve_impersonation(work, parse_impersonated_id(params))
    assert user_id is not None
    return user_id


def acting_user_id(work: UnitOfWork, params: Mapping[str, Any]) -> int:
    """As `resolve_acting_user`, but whether he exists is left to the rule, which looks him up anyway."""
    user_id = parse_impersonated_id(params)
    if user_id is None:
        return principal_user_id(work)
    # Checked here as well, before any other parameter: without the right, no error of the input may be reported.
    work.authorize(Permission.IMPERSONATE)
    return user_id


def principal_user_id(work: UnitOfWork) -> int:
    """The user whose key was presented."""
    assert work.actor.user_id is not None
    return work.actor.user_id


def title_problems(title: str) -> list[FieldError]:
    """What is wrong with a post's title here. docs/contracts/astuto.md, section 1.5."""
    problems = [FieldError("title", "blank")] if params.is_blank(title) else []
    if len(title) < MIN_TITLE:
        problems.append(FieldError("title", "too_short", {"minimum": MIN_TITLE}))
    elif len(title) > MAX_TITLE:
        problems.append(FieldError("title", "too_long", {"maximum": MAX_TITLE}))
    return problems


def str_or(value: object, instead: str | None) -> str | None:
    """The text of a parameter; `instead` of an absent one, an array or an object."""
    text = params.to_str(value)
    return instead if text is MISSING else text


def str_or_unset(value: object) -> str | Unset | None:
    """The text of a parameter; UNSET for an absent one, an array or an object."""
    text = params.to_str(value)
    return UNSET if text is MISSING else text
