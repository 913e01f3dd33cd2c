"""The names of the settings as variables of the environment and of the file `.env`."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "EARSHOT_"


def variable_name(field: str) -> str:
    """The variable of a setting."""
    return f"{PREFIX}{field.upper()}"


def is_in_environment(field: str, *, even_if_empty: bool) -> bool:
    """Whether the environment has the variable of a setting, in upper or lower case."""
    name = variable_name(field)
    return any(each.upper() == name and (value or even_if_empty) for each, value in os.environ.items())


def find_unknown(names: Iterable[str], fields: Iterable[str]) -> list[str]:
    """Those of the environment's variables and of the other `names` that look like settings, but are none."""
    known = {variable_name(field) for field in fields}
    return sorted(
        name for name in {*os.environ, *names} if name.upper().startswith(PREFIX) and name.upper() not in known
    )


def find_similar(name: str, fields: Iterable[str]) -> str | None:
    """The variable that an unknown name may be a misspelling of."""
    matches = get_close_matches(name.upper().removeprefix(PREFIX), [each.upper() for each in fields], n=1, cutoff=0.7)
    return variable_name(matches[0]) if matches else None
