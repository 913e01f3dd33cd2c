"""What a database is, seen without touching it: empty, of this program, older or newer, or somebody else's."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import column, select, table

from app.adapters.database import NOWHERE, Database, database_for
from app.adapters.database.lineage import NewerDatabase, revisions
from app.domain.model import Base
from app.domain.refusals import Unavailable
from app.domain.statements import POSTGRESQL, Statement

_OURS: Final = frozenset(Base.metadata.tables)
_VERSIONS: Final = "alembic_version"
_REMEDIES: Final = {
    sqlite3.SQLITE_BUSY: "end the other process that holds it",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "see to its disk",
    sqlite3.SQLITE_CORRUPT: "restore a backup, or move it away to begin anew",
}


class StrangeDatabase(Exception):
    """The database holds tables that are not Earshot's; nothing was changed."""


async def revision(url: str, *, password: str | None = None) -> str | None:
    """The revision that the database at `url` is at; None when it is empty or, for SQLite, not there yet.

    Raises Unavailable, StrangeDatabase and NewerDatabase, each with one line that says what to do.
    """
    if url.startswith("sqlite:///"):
        tables, found = _of_file(Path(url.removeprefix("sqlite:///")))
    else:
        tables, found = await _of_server(url, password)
    if found is None:
        # Names that are ours first: they are what would clash.
        strange = sorted(_OURS & tables) or sorted(tables - {_VERSIONS})
        if strange:
            raise StrangeDatabase(
                f"the database has a table {strange[0]!r} that is not Earshot's: "
                "name an empty database in EARSHOT_DATABASE_URL"
            )
        return None
    if found not in revisions():
        raise NewerDatabase(found)
    return found


_HELD: Final = Statement(select(column("version_num")).select_from(table(_VERSIONS)), across_portals=True)


async def held(database: Database) -> str | None:
    """The revision that an open database is at just now; None when it has lost its tables. Raises Unavailable."""
    missing: tuple[type[Exception], ...] = (sqlite3.OperationalError,)
    if database.engine == POSTGRESQL:
        import asyncpg

        missing = (asyncpg.UndefinedTableError,)
    try:
        found = await database.reading(lambda work: work.one(_HELD), NOWHERE)
    except missing:
        return None
    return None if found is None else str(found[0])


def _of_file(path: Path) -> tuple[set[str], str | None]:
    try:
        if not path.exists():
            return set(), None
    except OSError as error:
        raise Unavailable(
            f"SQLite can't open {path} ({error.strerror}): check that it is a file this user may write"
        ) from None
    try:
        # `mode=rw`: never make a file by looking for one.
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=5)) as connection:
            rows = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            ).fetchall()
            tables = {str(name) for (name,) in rows}
            row = connection.execute(f"SELECT version_num FROM {_VERSIONS}").fetchone() if _VERSIONS in tables else None  # noqa: S608
    except sqlite3.OperationalError as error:
        raise Unavailable(f"SQLite can't open {path} ({error}): {remedy(error)}") from None
    except sqlite3.DatabaseError as error:
        raise Unavailable(
            f"{path} is no SQLite database or is damaged ({error}): restore a backup, or move it away to begin anew"
        ) from None
    return tables, None if row is None else str(row[0])


def remedy(error: sqlite3.Error) -> str:
    """What an operator can do about a file that SQLite can't use."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _REMEDIES.get(code, "check that it is a file this user may write")


def soundness(url: str) -> str:
    """What SQLite says of the file's insides: `ok`, or the first damage that it finds. Reads the whole file."""
    path = Path(url.removeprefix("sqlite:///"))
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as connection:
            return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)


async def _of_server(url: str, password: str | None) -> tuple[set[str], str | None]:
    # Opened once the plain way, so that what can't be reached is said in the same words everywhere.
    try:
        database = database_for(url, password=password, least=1, most=1)
    except ValueError as error:
        raise Unavailable(str(error)) from None
    await database.open()
    await database.close()
    import asyncpg

    given: dict[str, Any] = {} if password is None else {"password": password}
    connection = await asyncpg.connect(url, timeout=5, **given)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))")
        tables = {str(row[0]) for row in rows}
        found = await connection.fetchval(f"SELECT version_num FROM {_VERSIONS}") if _VERSIONS in tables else None  # noqa: S608
    finally:
        await connection.close()
    return tables, found
