"""Migrates a database to the program's revision, and rejects one that is newer than the program."""

from collections.abc import Callable
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.adapters.database.revisions import REVISIONS, NewerDatabase, migrations_dir
from app.adapters.database.unusable import DatabaseUnusable

_ADVISORY_LOCK_KEY: Final = 0x4561_7273


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_dir()))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Of two servers that start at once the second waits, and then has nothing to migrate.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK_KEY})
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in REVISIONS:
        raise NewerDatabase(current)
    command.upgrade(_config(connection), "head")


async def migrate(url: str, *, password: str | None = None) -> None:
    """Upgrade the database at `url` to `HEAD`. Raises NewerDatabase, ServiceUnavailable."""
    await with_connection(url, _upgrade, password=password)


async def downgrade(url: str, *, revision: str, password: str | None = None) -> None:
    """Downgrade the database at `url` to `revision`."""
    await with_connection(url, lambda connection: command.downgrade(_config(connection), revision), password=password)


async def with_connection(url: str, operation: Callable[[Connection], Any], *, password: str | None = None) -> Any:
    """Run a function on a plain SQLAlchemy connection, in one transaction: for migrations and their tests only."""
    if url.startswith("sqlite:///"):
        # The driver itself would commit before each CREATE TABLE; a migration must be one transaction.
        options = {"isolation_level": None, "timeout": 10}
        engine = create_engine(url, poolclass=pool.NullPool, connect_args=options)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        try:
            with engine.begin() as connection:
                return operation(connection)
        finally:
            engine.dispose()
    import asyncpg

    async_engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=pool.NullPool,
        async_creator=lambda: asyncpg.connect(url, timeout=5, password=password),
    )
    try:
        async with async_engine.begin() as async_connection:
            return await async_connection.run_sync(operation)
    except OSError as error:
        raise DatabaseUnusable(
            f"PostgreSQL can't be reached: {error}", "see that it runs and that EARSHOT_DATABASE_URL names it"
        ) from error
    finally:
        await async_engine.dispose()
