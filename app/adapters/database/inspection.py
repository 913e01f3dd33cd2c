"""What a database is, seen without touching it: empty, of this program, older or newer, or somebody else's."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from shlex import quote as shell
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from sqlalchemy import column, select, table

from app.adapters.database import NO_PORTAL, Database, create_database
from app.adapters.database.revisions import REVISIONS, NewerDatabase
from app.domain.errors import ServiceUnavailable
from app.domain.models import Base
from app.domain.sql.statement import POSTGRESQL, Statement

_OURS: Final = frozenset(Base.metadata.tables)
_VERSIONS: Final = "alembic_version"
CONNECT_TIMEOUT_SECONDS: Final = 5.0
_REMEDIES: Final = {
    sqlite3.SQLITE_BUSY: "end the other process that holds it",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "see to its disk",
    # Debian's sqlite3 has a .recover that fails on every file, so there is no line to paste.
    sqlite3.SQLITE_CORRUPT: "stop the server and restore a backup; without one, save what can be read with .recover of "
    "sqlite.org's sqlite3",
    sqlite3.SQLITE_NOTADB: "restore a backup, or move it away to begin anew",
}
_HERE: Final = ("", "localhost", "127.0.0.1", "::1")
POSTGRESQL_PORT: Final = 5432
_OWN: Final = "check that it is a file this user may write"


class ForeignSchema(Exception):
    """The database holds tables that are not Earshot's; nothing was changed."""


class DatabaseUnusable(ServiceUnavailable):
    """The database can't be used. `state` says how it is, `remedy` what to do, and the text both in one line."""

    def __init__(self, state: str, remedy: str) -> None:
        self.state = " ".join(state.split())
        super().__init__(f"{self.state}: {remedy}")
        self.remedy = remedy


async def read_revision(url: str, *, password: str | None = None) -> str | None:
    """The revision that the database at `url` is at; None when it is empty or, for SQLite, not there yet.

    Raises Unusable, ForeignSchema and NewerDatabase, each with one line that says what to do.
    """
    if url.startswith("sqlite:///"):
        tables, found = _of_file(Path(url.removeprefix("sqlite:///")))
    else:
        tables, found = await _of_server(url, password)
    if found is None:
        # Names that are ours first: they are what would clash.
        strange = sorted(_OURS & tables) or sorted(tables - {_VERSIONS})
        if strange:
            raise ForeignSchema(
                f"the database has a table {strange[0]!r} that is not Earshot's: "
                "name an empty database in EARSHOT_DATABASE_URL"
            )
        return None
    if found not in REVISIONS:
        raise NewerDatabase(found)
    return found


_HELD: Final = Statement(select(column("version_num")).select_from(table(_VERSIONS)), across_portals=True)


async def live_revision(database: Database) -> str | None:
    """The revision that an open database is at just now; None when it has lost its tables. Raises Unavailable."""
    missing: tuple[type[Exception], ...] = (sqlite3.OperationalError,)
    if database.engine == POSTGRESQL:
        import asyncpg

        missing = (asyncpg.UndefinedTableError,)
    try:
        found = await database.read(lambda work: work.fetch_one(_HELD), NO_PORTAL)
    except missing:
        return None
    return None if found is None else str(found[0])


def has_fts5() -> bool:
    """Whether this Python's SQLite has the full-text search that the search for duplicates is made of."""
    with closing(sqlite3.connect(":memory:")) as connection:
        modules = connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchall()
    return bool(modules)


def _of_file(path: Path) -> tuple[set[str], str | None]:
    if not has_fts5():
        raise DatabaseUnusable(
            f"this Python's SQLite {sqlite3.sqlite_version} is built without FTS5",
            "use a Python whose SQLite has it, such as python.org's or Debian's, or PostgreSQL",
        )
    try:
        if not path.exists():
            return set(), None
    except OSError as error:
        raise DatabaseUnusable(f"SQLite can't open {path} ({error.strerror})", _OWN) from None
    try:
        # `mode=rw`: never make a file by looking for one.
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=5)) as connection:
            rows = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            ).fetchall()
            tables = {str(name) for (name,) in rows}
            row = connection.execute(f"SELECT version_num FROM {_VERSIONS}").fetchone() if _VERSIONS in tables else None  # noqa: S608
    except sqlite3.OperationalError as error:
        raise DatabaseUnusable(f"SQLite can't open {path} ({error})", suggest_fix(error)) from None
    except sqlite3.DatabaseError as error:
        raise DatabaseUnusable(f"{path} is no SQLite database or is damaged ({error})", suggest_fix(error)) from None
    return tables, None if row is None else str(row[0])


def suggest_fix(error: sqlite3.Error) -> str:
    """What an operator can do about a file that SQLite can't use."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _REMEDIES.get(code, _OWN)


def check_integrity(url: str) -> None:
    """Read the whole of SQLite's file. Raises Unusable with the first damage that SQLite finds."""
    path = Path(url.removeprefix("sqlite:///"))
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        raise DatabaseUnusable(f"SQLite can't read {path} ({error})", suggest_fix(error)) from None
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise DatabaseUnusable(f"{path} is damaged ({found})", _REMEDIES[sqlite3.SQLITE_CORRUPT])


async def _of_server(url: str, password: str | None) -> tuple[set[str], str | None]:
    # Opened once the plain way, so that what can't be reached is said in the same words everywhere.
    try:
        database = create_database(url, password=password, least=1, most=1)
    except ValueError as error:
        raise DatabaseUnusable(str(error), "set EARSHOT_DATABASE_URL right") from None
    # Only now: who has not installed it has been told so.
    import asyncpg

    try:
        await database.open()
    except ServiceUnavailable as error:
        raise _unreached(url, database, error.__cause__) from None
    await database.close()
    given: dict[str, Any] = {} if password is None else {"password": password}
    try:
        connection = await asyncpg.connect(
            url, timeout=CONNECT_TIMEOUT_SECONDS, command_timeout=CONNECT_TIMEOUT_SECONDS, **given
        )
        try:
            rows = await connection.fetch(_TABLES)
            tables = {str(row[0]) for row in rows}
            found = await connection.fetchval(f"SELECT version_num FROM {_VERSIONS}") if _VERSIONS in tables else None  # noqa: S608
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _unreached(url, database, error) from None
    return tables, found


_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"


def _unreached(url: str, database: Database, why: BaseException | None) -> DatabaseUnusable:
    """What to do about a server that does not let us in, by what it said; the words may be in any language."""
    import asyncpg

    state = f"{database.describe()} can't be reached: {why}"
    parts = urlsplit(url)
    name, role = (unquote(part or "") for part in (parts.path.lstrip("/"), parts.username))
    if isinstance(why, TimeoutError):
        return DatabaseUnusable(
            f"{database.describe()} can't be reached: no answer in time",
            "see that it runs and does not hang, that no firewall is between, and that EARSHOT_DATABASE_URL names it",
        )
    if isinstance(why, asyncpg.InvalidCatalogNameError):
        owner = f"--owner={shell(role)} " if role else ""
        return DatabaseUnusable(state, f"{_as_administrator('createdb', parts)}{owner}{shell(name or _quoted(why))}")
    if isinstance(why, asyncpg.InvalidPasswordError):
        return DatabaseUnusable(
            state,
            "put the password right in EARSHOT_DATABASE_URL or EARSHOT_DATABASE_PASSWORD_FILE; "
            f"if the role is not there yet: {_as_administrator('createuser', parts)}--pwprompt "
            f"{shell(role or _quoted(why))}",
        )
    if isinstance(why, asyncpg.InvalidAuthorizationSpecificationError):
        return DatabaseUnusable(
            state,
            f"if the role is not there yet: {_as_administrator('createuser', parts)}--pwprompt "
            f"{shell(role or _quoted(why))}; else let it in with a line in pg_hba.conf",
        )
    return DatabaseUnusable(state, "see that it runs and that EARSHOT_DATABASE_URL names it")


def _as_administrator(program: str, parts: SplitResult) -> str:
    """A call of one of PostgreSQL's own programs on the same server, as its administrator.

    On this machine that is the system's user postgres, who is let in by the socket without a password: Debian's
    servers ask for one over TCP, and the administrator has none.
    """
    host = parts.hostname or "".join(parse_qs(parts.query).get("host", []))
    here = host in _HERE or host.startswith("/")
    told = [f"--host={shell(host)}"] if host and host not in _HERE else []
    told += [f"--port={parts.port}"] if parts.port and not (here and parts.port == POSTGRESQL_PORT) else []
    if here:
        return " ".join(["sudo -u postgres", program, *told, ""])
    return " ".join([program, *told, "--username=postgres", ""])


def _quoted(error: BaseException) -> str:
    """The name that the server quotes, where the address leaves it to the driver."""
    found = re.search(r'["«“„](.+)["»”“]', str(error))
    return found[1].strip() if found else "NAME"
