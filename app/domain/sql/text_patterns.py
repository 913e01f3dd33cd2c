"""Whether a text contains another one in any letter case, in every language, with the same result on both engines.

SQLite's LIKE and `lower()` know only the letters of ASCII, and those of PostgreSQL what the locale of the database
knows. So the pattern itself lists both cases of each letter: `[dD][aA][yY]`. SQLite's GLOB reads it, and PostgreSQL
reads the same text as a regular expression.
"""

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

from app.domain.sql.statement import POSTGRESQL, SQLITE

MAX_PATTERN_TEXT: Final = 256
"""Characters of a text that count. No column that is searched so has more than 255, so a longer text is in none."""

_SPECIAL: Final = frozenset("*?[|+{}().$")
"""Characters that mean themselves only in brackets: to GLOB, or in a regular expression."""


def make_pattern(text: str) -> str:
    """The pattern for `contains_pattern` that matches this text in any letter case, wildcards as plain characters."""
    return "".join(map(_match_character, text[:MAX_PATTERN_TEXT]))


@lru_cache(maxsize=4096)
def _match_character(character: str) -> str:
    upper, lower = character.upper(), character.lower()
    # Two capitals may have one small letter, such as the letter K and the Kelvin sign.
    cases = {each for each in (character, upper, lower, upper.lower(), lower.upper()) if len(each) == 1}
    if len(cases) > 1 or character in _SPECIAL:
        return f"[{''.join(sorted(cases))}]"
    return character


class contains_pattern(ColumnElement[bool]):
    """The column contains a text that matches the parameter `name`, which `make_pattern` makes."""

    inherit_cache = True

    def __init__(self, column: Any, name: str) -> None:
        self.column = column.__clause_element__()
        self.pattern: ColumnElement[str] = bindparam(name, type_=Text())


@compiles(contains_pattern, SQLITE)
def _contains_pattern_sqlite(element: contains_pattern, compiler: SQLCompiler, **kw: Any) -> str:
    column, pattern = compiler.process(element.column, **kw), compiler.process(element.pattern, **kw)
    return f"{column} GLOB ('*' || {pattern} || '*')"


@compiles(contains_pattern, POSTGRESQL)
def _contains_pattern_postgresql(element: contains_pattern, compiler: SQLCompiler, **kw: Any) -> str:
    column, pattern = compiler.process(element.column, **kw), compiler.process(element.pattern, **kw)
    # These two can't be in brackets on both engines.
    return f"{column} ~ replace(replace({pattern}, '\\', '\\\\'), '^', '\\^')"
