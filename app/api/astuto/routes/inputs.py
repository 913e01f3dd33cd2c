"""Inputs that several of Astuto's chapters share."""

from collections.abc import Mapping
from typing import Any, Final

from app.api.astuto import params
from app.api.astuto.params import ABSENT
from app.domain.errors import Problem
from app.domain.permissions import Act
from app.domain.unit_of_work import Work
from app.domain.unset import KEEP, Kept
from app.domain.users import users

MIN_TITLE: Final = 4
MAX_TITLE: Final = 128


def path_id(segment: str) -> int:
    """The number that a path names; 0, which nothing has, when it names none. Section 1.7."""
    return params.leading_integer(segment) or 0


def any_of(asked: Mapping[str, Any], name: str) -> list[int] | None:
    """The ids that a filter names; None for no filter, empty for one that nothing passes. Section 1.8."""
    ids = params.any_of(asked.get(name, ABSENT))
    return None if ids is None else list(ids)


def impersonated(asked: Mapping[str, Any]) -> int | None:
    """The user in whose name to act: None when the parameter is blank, 0 (nobody) when it can't be one id.

    docs/contracts/astuto.md, section 1.14.
    """
    value = params.only(asked.get("impersonated_user_id", ABSENT))
    if params.blank(value):
        return None
    return params.lookup(value) or 0


def acting_user(work: Work, asked: Mapping[str, Any]) -> int:
    """The user in whose name the request acts, who exists. Raises Forbidden(IMPERSONATE)."""
    user_id = users.acting_as(work, impersonated(asked))
    assert user_id is not None
    return user_id


def named_user(work: Work, asked: Mapping[str, Any]) -> int:
    """As `acting_user`, but whether he exists is left to the rule, which looks him up anyway."""
    user_id = impersonated(asked)
    if user_id is None:
        return key_user(work)
    work.require(Act.IMPERSONATE)
    return user_id


def key_user(work: Work) -> int:
    """The user whose key was presented."""
    assert work.actor.user_id is not None
    return work.actor.user_id


def title_problems(title: str) -> list[Problem]:
    """What is wrong with a post's title here. docs/contracts/astuto.md, section 1.5."""
    problems = [Problem("title", "blank")] if params.blank(title) else []
    if len(title) < MIN_TITLE:
        problems.append(Problem("title", "too_short", {"minimum": MIN_TITLE}))
    elif len(title) > MAX_TITLE:
        problems.append(Problem("title", "too_long", {"maximum": MAX_TITLE}))
    return problems


def text_or(value: object, instead: str | None) -> str | None:
    """The text of a parameter; `instead` of an absent one, an array or an object."""
    text = params.text(value)
    return instead if text is ABSENT else text


def text_or_keep(value: object) -> str | Kept | None:
    """The text of a parameter; KEEP for an absent one, an array or an object."""
    text = params.text(value)
    return KEEP if text is ABSENT else text
