"""Inputs that several of Astuto's chapters share."""

from collections.abc import Mapping
from typing import Any

from app.api.astuto import manners
from app.api.astuto.manners import ABSENT
from app.domain.refusals import Problem
from app.domain.work import Work


def impersonated(asked: Mapping[str, Any]) -> int | None:
    """The user in whose name to act: None when the parameter is blank, 0 (nobody) when it can't be an id.

    docs/contracts/astuto.md, section 1.14.
    """
    value = asked.get("impersonated_user_id", ABSENT)
    if manners.blank(value):
        return None
    return manners.lookup(value) or 0


MIN_TITLE, MAX_TITLE = 4, 128


def title_problems(title: str) -> list[Problem]:
    """What is wrong with a post's title here. docs/contracts/astuto.md, section 1.5."""
    problems = [Problem("title", "blank")] if manners.blank(title) else []
    if len(title) < MIN_TITLE:
        problems.append(Problem("title", "too_short", {"minimum": MIN_TITLE}))
    elif len(title) > MAX_TITLE:
        problems.append(Problem("title", "too_long", {"maximum": MAX_TITLE}))
    return problems


def text_or(value: object, instead: str | None) -> str | None:
    """The text of a parameter; `instead` of an absent one, an array or an object."""
    text = manners.text(value)
    return instead if text is ABSENT else text


def key_user(work: Work) -> int:
    """The user whose key was presented."""
    assert work.actor.user_id is not None
    return work.actor.user_id
