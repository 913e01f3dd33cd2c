"""The result of one check."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

from app.adapters.problem import Problem

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one part of the installation, and the remedy when it has a problem."""

    what: str
    well: bool
    state: str
    remedy: str | None = None
    fixed: bool = False
    """Whether this run fixed a problem; `state` says what was changed."""


def check(what: str) -> Callable[[Callable[P, str]], Callable[P, Finding]]:
    """Decorate a check of this part, which returns the state of the part or raises Problem."""

    def decorate(function: Callable[P, str]) -> Callable[P, Finding]:
        @wraps(function)
        def find(*args: P.args, **kwargs: P.kwargs) -> Finding:
            try:
                return Finding(what, True, function(*args, **kwargs))
            except Problem as problem:
                return Finding(what, False, problem.state, problem.remedy)

        return find

    return decorate
