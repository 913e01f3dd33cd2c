"""Inspects a database without changing it: empty, of this program, older, newer, or of another program."""

import asyncio
import re
import sqlite3
import ssl
from contextlib import closing
from functools import partial
from pathlib import Path
from shlex import quote as shell
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from sqlalchemy import column, select, table, text

from app.adapters.database import NO_PORTAL, Database, create_database
from app.adapters.database.revisions import REVISIONS, NewerDatabase
from app.adapters.database.unusable import REMEDY_FOR_DAMAGE, DatabaseUnusable, read_only_error, suggest_fix
from app.adapters.problem import Problem
from app.domain.errors import ServiceUnavailable
from app.domain.models import Base
from app.domain.sql.statement import POSTGRESQL, Statement
from app.domain.unit_of_work import UnitOfWork

_OWN_TABLES: Final = frozenset(Base.metadata.tables)
_VERSION_TABLE: Final = "alembic_version"
_SELECT_REVISION: Final = "SELECT version_num FROM alembic_version"
READ_TIMEOUT_SECONDS: Final = 5.0
_TLS_FILES: Final = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})
_LOCAL_HOSTS: Final = ("", "localhost", "127.0.0.1", "::1")
POSTGRESQL_PORT: Final = 5432


class ForeignSchema(Problem):
    """The database holds tables that are not Earshot's; nothing was changed."""


async def read_revision(url: str, *, password: str | None = None) -> str | None:
    """The revision of the database at `url`; None if it is empty or, for SQLite, does not exist yet.

    Raises DatabaseUnusable, ForeignSchema and NewerDatabase.
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
                f"the database has a table {foreign[0]!r} that is not Earshot's",
                "name an empty database in EARSHOT_DATABASE_URL",
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
        raise DatabaseUnusable(f"SQLite can't open {path} ({error.strerror})", suggest_fix(None)) from None
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
        raise DatabaseUnusable(f"{path} is damaged ({result})", REMEDY_FOR_DAMAGE)


async def _inspect_server(url: str, password: str | None) -> tuple[set[str], str | None]:
    database = create_database(url, password=password, most=1)
    # Only now: if it is not installed, create_database has raised.
    import asyncpg

    # Opened as the server does, so that an unreachable database gets the same message everywhere.
    try:
        await database.open()
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                return await database.read(
                    partial(_read_tables_and_revision, description=database.describe()), NO_PORTAL
                )
        finally:
            await database.close()
    except ServiceUnavailable as error:
        if error.__cause__ is None:
            raise
        raise _describe_failure(url, database, error.__cause__) from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _describe_failure(url, database, error) from None


_TABLES: Final = Statement(
    text("SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"), across_portals=True
)


_RIGHTS: Final = Statement(
    text(
        "SELECT current_schema(), current_user, current_database(), current_setting('transaction_read_only'),"
        " current_schema() IS NOT NULL AND has_schema_privilege(current_schema(), 'CREATE')"
    ),
    across_portals=True,
)


def _read_tables_and_revision(work: UnitOfWork, *, description: str) -> tuple[set[str], str | None]:
    tables = {str(name) for (name,) in work.fetch_all(_TABLES)}
    revision = work.fetch_value(_REVISION) if _VERSION_TABLE in tables else None
    if not tables:
        _require_rights(work, description)
    return tables, revision


def _require_rights(work: UnitOfWork, description: str) -> None:
    """Check that tables can be created in an empty database. Raises DatabaseUnusable."""
    row = work.fetch_one(_RIGHTS)
    assert row is not None
    schema, role, name, is_read_only, may_create = row
    if is_read_only == "on":
        raise read_only_error(description)
    if schema is None:
        raise DatabaseUnusable(
            f"{description} has no schema for new tables",
            f"create the schema that search_path names, or: ALTER DATABASE {_quote_identifier(name)} RESET search_path",
        )
    if not may_create:
        raise DatabaseUnusable(
            f"{description} does not let the role {role} create tables in the schema {schema}",
            "make the role the owner of the database, as PostgreSQL's administrator: "
            f"ALTER DATABASE {_quote_identifier(name)} OWNER TO {_quote_identifier(role)}",
        )


def _quote_identifier(name: str) -> str:
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


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
    file = _find_unreadable_tls_file(parts)
    if isinstance(cause, OSError) and file is not None:
        return DatabaseUnusable(
            f"{database.describe()} can't be reached: {file}", "correct the path or its permissions"
        )
    return DatabaseUnusable(state, _suggest_server_fix(cause))


def _suggest_server_fix(cause: BaseException | None) -> str:
    """The remedy for a server that rejects connections for other reasons than the database and the role."""
    import asyncpg

    invalid_option = (
        *(ValueError, asyncpg.UndefinedObjectError),
        *(asyncpg.InvalidParameterValueError, asyncpg.CantChangeRuntimeParamError),
    )
    if isinstance(cause, asyncpg.TooManyConnectionsError):
        return "raise max_connections of the server, or lower EARSHOT_DATABASE_CONNECTIONS"
    if isinstance(cause, asyncpg.CannotConnectNowError):
        return "wait until it has started, and see its log"
    if isinstance(cause, ssl.SSLError) or (isinstance(cause, ConnectionError) and "SSL" in str(cause)):
        return "see that it accepts TLS, and correct sslmode, sslrootcert, sslcert and sslkey in EARSHOT_DATABASE_URL"
    if isinstance(cause, invalid_option):
        return "correct or remove this option after the question mark of EARSHOT_DATABASE_URL"
    return "see that it runs and that EARSHOT_DATABASE_URL names it"


def _find_unreadable_tls_file(parts: SplitResult) -> str | None:
    """The first option of the URL whose file can't be read, and the reason. The driver's error does not name it."""
    for name, values in parse_qs(parts.query).items():
        if name in _TLS_FILES:
            try:
                with Path(values[0]).expanduser().open("rb"):
                    pass
            except OSError as error:
                return f"{name}={values[0]} can't be read ({error.strerror})"
    return None


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
