"""The revisions of the schema that this program knows.

They are constants, since importing Alembic takes a tenth of a second and some megabytes, and a start that finds its
database up to date has no other use for it. tests/migrations/test_migrations.py compares them with Alembic's.
"""

from pathlib import Path
from typing import Final

from app.adapters.problem import Problem

REVISIONS: Final = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
)
HEAD: Final = REVISIONS[-1]

_PACKAGED: Final = Path(__file__).parents[2] / "migrations"
_CHECKED_OUT: Final = Path(__file__).parents[3] / "migrations"


class NewerDatabase(Problem):
    """The database was written by a newer Earshot; nothing was changed."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database is of a newer Earshot (revision {revision}; this one knows {HEAD})",
            "start that version, or restore a backup",
        )


def migrations_dir() -> Path:
    """The directory of the migrations, in the installed package or in a checkout."""
    return _PACKAGED if _PACKAGED.exists() else _CHECKED_OUT
