"""Inspects a database without changing it: empty, of this program, older, newer, or of another program."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from shlex import quote as shell
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from sqlalchemy import column, select, table, text

from app.adapters.database import NO_PORTAL, Database, create_database
from app.adapters.database.revisions import REVISIONS, NewerDatabase
from app.domain.errors import ServiceUnavailable
from app.domain.models import Base
from app.domain.sql.statement import POSTGRESQL, Statement
from app.domain.unit_of_work import UnitOfWork

_OWN_TABLES: Final = frozenset(Base.metadata.tables)
_VERSION_TABLE: Final = "alembic_version"
_SELECT_REVISION: Final = "SELECT version_num FROM alembic_version"
READ_TIMEOUT_SECONDS: Final = 5.0
_REMEDIES: Final = {
    sqlite3.SQLITE_BUSY: "end the other process that holds it",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "check its disk",
    # The .recover of Debian's sqlite3 fails on every file, so the remedy contains no complete command.
    sqlite3.SQLITE_CORRUPT: "stop the server and restore a backup; without one, save what can be read with .recover of "
    "sqlite.org's sqlite3",
    sqlite3.SQLITE_NOTADB: "restore a backup, or move it away to begin anew",
}
_LOCAL_HOSTS: Final = ("", "localhost", "127.0.0.1", "::1")
POSTGRESQL_PORT: Final = 5432
_CHECK_FILE: Final = "check that it is a file this user may write"


class ForeignSchema(Exception):
    """The database holds tables that are not Earshot's; nothing was changed."""


class DatabaseUnusable(ServiceUnavailable):
    """The database can't be used: `state` and `remedy`, and both as the message in one line."""

    def __init__(self, state: str, remedy: str) -> None:
        self.state = " ".join(state.split())
        super().__init__(f"{self.state}: {remedy}")
        self.remedy = remedy


async def read_revision(url: str, *, password: str | None = None) -> str | None:
    """The revision of the database at `url`; None if it is empty or, for SQLite, does not exist yet.

    Raises DatabaseUnusable, ForeignSchema and NewerDatabase, each with one line that names the remedy.
    """
    if url.startswith("sqlite:///"):
        tables, revision = _inspect_file(Path(url.removeprefix("sqlite:///")))
    else:
        tables, revision = await _inspect_server(url, password)
    if revision is None:
        # Report a table with one of Earshot's names first, because it would conflict with the migration.
        foreign = sorted(_OWN_TABLES & tables) or sorted(tables - {_VERSION_TABLE})
        if foreign:
            raise ForeignSchema(
                f"the database has a table {foreign[0]!r} that is not Earshot's: "
                "name an empty database in EARSHOT_DATABASE_URL"
            )
        return None
    if revision not in REVISIONS:
        raise NewerDatabase(revision)
    return revision


_REVISION: Final = Statement(select(column("version_num")).select_from(table(_VERSION_TABLE)), across_portals=True)


async def live_revision(database: Database) -> str | None:
    """The current revision of an open database; None if its tables are gone. Raises ServiceUnavailable."""
    missing: tuple[type[Exception], ...] = (sqlite3.OperationalError,)
    if database.engine == POSTGRESQL:
        import asyncpg

        missing = (asyncpg.UndefinedTableError,)
    try:
        row = await database.read(lambda work: work.fetch_one(_REVISION), NO_PORTAL)
    except missing:
        return None
    return None if row is None else str(row[0])


def has_fts5() -> bool:
    """Whether this Python's SQLite has the full-text search that the search for duplicates is made of."""
    with closing(sqlite3.connect(":memory:")) as connection:
        modules = connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchall()
    return bool(modules)


def _inspect_file(path: Path) -> tuple[set[str], str | None]:
    if not has_fts5():
        raise DatabaseUnusable(
            f"this Python's SQLite {sqlite3.sqlite_version} is built without FTS5",
            "use a Python whose SQLite has it, such as python.org's or Debian's, or PostgreSQL",
        )
    try:
        if not path.exists():
            return set(), None
    except OSError as error:
        raise DatabaseUnusable(f"SQLite can't open {path} ({error.strerror})", _CHECK_FILE) from None
    try:
        # `mode=rw` does not create the file.
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=5)) as connection:
            rows = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            ).fetchall()
            tables = {str(name) for (name,) in rows}
            row = connection.execute(_SELECT_REVISION).fetchone() if _VERSION_TABLE in tables else None
    except sqlite3.OperationalError as error:
        raise DatabaseUnusable(f"SQLite can't open {path} ({error})", suggest_fix(error)) from None
    except sqlite3.DatabaseError as error:
        raise DatabaseUnusable(f"{path} is no SQLite database or is damaged ({error})", suggest_fix(error)) from None
    return tables, None if row is None else str(row[0])


def suggest_fix(error: sqlite3.Error) -> str:
    """The remedy for a file that SQLite can't use."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _REMEDIES.get(code, _CHECK_FILE)


def check_integrity(url: str) -> None:
    """Read the whole of SQLite's file. Raises DatabaseUnusable with the first damage."""
    path = Path(url.removeprefix("sqlite:///"))
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as connection:
            result = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        raise DatabaseUnusable(f"SQLite can't read {path} ({error})", suggest_fix(error)) from None
    except sqlite3.DatabaseError as error:
        result = str(error)
    if result != "ok":
        raise DatabaseUnusable(f"{path} is damaged ({result})", _REMEDIES[sqlite3.SQLITE_CORRUPT])


async def _inspect_server(url: str, password: str | None) -> tuple[set[str], str | None]:
    try:
        database = create_database(url, password=password, most=1)
    except ValueError as error:
        raise DatabaseUnusable(str(error), "set EARSHOT_DATABASE_URL right") from None
    # Only now: if it is not installed, create_database has raised.
    import asyncpg

    # Opened as the server does, so that an unreachable database gets the same message everywhere.
    try:
        await database.open()
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                return await database.read(_read_tables_and_revision, NO_PORTAL)
        finally:
            await database.close()
    except ServiceUnavailable as error:
        raise _describe_failure(url, database, error.__cause__) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _describe_failure(url, database, error) from None


_TABLES: Final = Statement(
    text("SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"), across_portals=True
)


def _read_tables_and_revision(work: UnitOfWork) -> tuple[set[str], str | None]:
    tables = {str(name) for (name,) in work.fetch_all(_TABLES)}
    return tables, work.fetch_value(_REVISION) if _VERSION_TABLE in tables else None


def _describe_failure(url: str, database: Database, cause: BaseException | None) -> DatabaseUnusable:
    """The state and the remedy by the class of the error, since its message may be in any language."""
    import asyncpg

    state = f"{database.describe()} can't be reached: {cause}"
    parts = urlsplit(url)
    name, role = (unquote(part or "") for part in (parts.path.lstrip("/"), parts.username))
    if isinstance(cause, TimeoutError):
        return DatabaseUnusable(
            f"{database.describe()} can't be reached: no answer in time",
            "see that it runs and does not hang, that no firewall is between, and that EARSHOT_DATABASE_URL names it",
        )
    if isinstance(cause, asyncpg.InvalidCatalogNameError):
        owner = f"--owner={shell(role)} " if role else ""
        return DatabaseUnusable(
            state, f"{_admin_command('createdb', parts)}{owner}{shell(name or _quoted_name(cause))}"
        )
    command = f"{_admin_command('createuser', parts)}--pwprompt {shell(role or _quoted_name(cause))}"
    create_role = f"if the role is not there yet: {command}"
    if isinstance(cause, asyncpg.InvalidPasswordError):
        fix = "put the password right in EARSHOT_DATABASE_URL or EARSHOT_DATABASE_PASSWORD_FILE"
        return DatabaseUnusable(state, f"{fix}; {create_role}")
    if isinstance(cause, asyncpg.InvalidAuthorizationSpecificationError):
        return DatabaseUnusable(state, f"{create_role}; else let it in with a line in pg_hba.conf")
    return DatabaseUnusable(state, "see that it runs and that EARSHOT_DATABASE_URL names it")


def _admin_command(program: str, parts: SplitResult) -> str:
    """The command line of one of PostgreSQL's programs on the same server, as its administrator.

    On this machine it runs as the system user postgres, which needs no password at the socket. Over TCP, Debian's
    servers demand one, and the administrator has none.
    """
    host = parts.hostname or "".join(parse_qs(parts.query).get("host", []))
    is_local = host in _LOCAL_HOSTS or host.startswith("/")
    options = [f"--host={shell(host)}"] if host and host not in _LOCAL_HOSTS else []
    options += [f"--port={parts.port}"] if parts.port and not (is_local and parts.port == POSTGRESQL_PORT) else []
    if is_local:
        return " ".join(["sudo -u postgres", program, *options, ""])
    return " ".join([program, *options, "--username=postgres", ""])


def _quoted_name(error: BaseException | None) -> str:
    """The name quoted in the server's message, for a URL without the name, which the driver then chooses."""
    match = re.search(r'["«“„](.+)["»”“]', str(error))
    return match[1].strip() if match else "NAME"
