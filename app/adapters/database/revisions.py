"""The revisions that this program knows, read from the names that the migrations give themselves.

Alembic would tell, too, but importing it takes a tenth of a second and some megabytes, and a start that finds its
database up to date has no other use for it.
"""

import re
from functools import cache
from pathlib import Path
from typing import Final

_PACKAGED: Final = Path(__file__).parents[2] / "migrations"
_CHECKED_OUT: Final = Path(__file__).parents[3] / "migrations"
_REVISION: Final = re.compile(r'^revision(?:: str)? = "(\w+)"', re.MULTILINE)
_BELOW: Final = re.compile(r'^down_revision(?:: [^=]+)? = "(\w+)"', re.MULTILINE)


class NewerDatabase(Exception):
    """The database was written by a newer Earshot; nothing was changed."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the database is of a newer Earshot (revision {found}; this one knows {head()}): "
            "start that version, or restore a backup"
        )


def migrations_dir() -> Path:
    """Where the migrations lie, in the installed package or in a checkout."""
    return _PACKAGED if _PACKAGED.exists() else _CHECKED_OUT


@cache
def _told() -> tuple[frozenset[str], str]:
    known, below = set(), set()
    for version in (migrations_dir() / "versions").glob("*.py"):
        text = version.read_text(encoding="utf-8")
        known.update(_REVISION.findall(text))
        below.update(_BELOW.findall(text))
    (latest,) = known - below
    return frozenset(known), latest


def revisions() -> frozenset[str]:
    """Every revision that this program knows."""
    return _told()[0]


def head() -> str:
    """The revision that this program works with."""
    return _told()[1]
