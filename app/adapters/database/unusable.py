"""The error of a database that can't be used, with its remedy."""

import sqlite3
from typing import Final

from app.adapters.problem import Problem
from app.domain.errors import ServiceUnavailable

_REMEDIES: Final = {
    sqlite3.SQLITE_BUSY: "end the other process that holds it",
    sqlite3.SQLITE_LOCKED: "end the other process that holds it",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "check its disk, and that it has free space",
    # The .recover of Debian's sqlite3 fails on every file, so the remedy contains no complete command.
    sqlite3.SQLITE_CORRUPT: "stop the server and restore a backup; without one, save what can be read with .recover of "
    "sqlite.org's sqlite3",
    sqlite3.SQLITE_NOTADB: "restore a backup, or move it away to begin anew",
    sqlite3.SQLITE_READONLY: "make this user the owner of the file and its folder, and remove their write protection",
}
_CHECK_FILE: Final = "check that it is a file, and that this user may write to it and to its folder"
REMEDY_FOR_DAMAGE: Final = _REMEDIES[sqlite3.SQLITE_CORRUPT]


class DatabaseUnusable(Problem, ServiceUnavailable):
    """The database can't be used, now or before it is repaired."""


def read_only_error(description: str) -> DatabaseUnusable:
    """The error of a PostgreSQL server whose transactions are read-only."""
    return DatabaseUnusable(
        f"{description} accepts no changes",
        "name the primary server in EARSHOT_DATABASE_URL, or turn default_transaction_read_only off",
    )


def suggest_fix(error: BaseException | None) -> str:
    """The remedy for a file that SQLite can't use."""
    return _REMEDIES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _CHECK_FILE)
