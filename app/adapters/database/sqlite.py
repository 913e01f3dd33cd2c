"""SQLite: reads and short writes run in the event loop itself, on the connection that writes.

A vote takes some sixty microseconds; handing it to a thread and back costs more than running it. So the event loop
writes as long as no other process holds the lock. If one does, or if an operation is long, the operation waits in the
writer's thread. A process has one writer, which runs operations in the order of their arrival.

A commit invalidates the page cache of every other connection, but not of the one that wrote. So the event loop reads on
the writer's connection, too, as long as no thread uses it; else on a read-only connection.

A checkpoint (copying the log into the file) makes single writes slow, so a serving process turns automatic checkpoints
off and runs them in a thread.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final

import orjson
from sqlalchemy import Index, PrimaryKeyConstraint, UniqueConstraint

from app.adapters.database import Clock, Operation, PortalContext, T
from app.adapters.database.unusable import DatabaseUnusable, suggest_fix
from app.adapters.database.wal_checkpointer import RESTART_WAL_BYTES, WalCheckpointer
from app.adapters.database.write_queue import WriteQueue
from app.domain.errors import ForeignKeyViolation, UniqueViolation, ValueOutOfRange
from app.domain.models import Base
from app.domain.sql.statement import SQLITE, CompiledStatement, Statement
from app.domain.sql.text_limits import TextsTooLong
from app.domain.sql.timestamps import to_sqlite
from app.domain.unit_of_work import Row

sqlite3.register_adapter(datetime, to_sqlite)
sqlite3.register_adapter(list, lambda values: orjson.dumps(values).decode())

BUSY_TIMEOUT_SECONDS: Final = 5.0
MAX_WAL_BYTES: Final = 4 * RESTART_WAL_BYTES
"""A log that grew longer during a read is truncated when it restarts."""

VERSION_TTL_SECONDS: Final = 0.002
"""How long the version of the last write is not read again, which would be a transaction of its own each time."""
MAX_LOOP_TEXT_BYTES: Final = 64 * 1024
"""An operation that reads a longer text runs in a thread."""
_TEXT_LENGTH: Final = sqlite3.SQLITE_LIMIT_LENGTH
_MAX_LENGTH: Final = 2**31 - 1
"""The limit of a text if a read sets none; SQLite lowers it to its own maximum."""

_PRAGMAS: Final = (
    "journal_mode = wal",
    "synchronous = normal",
    "foreign_keys = on",
    "cache_size = -8192",
    "mmap_size = 268435456",
    "temp_store = memory",
    f"journal_size_limit = {MAX_WAL_BYTES}",
)

_UNIQUE: Final = {
    ", ".join(f"{table.name}.{column.name}" for column in unique.columns): str(unique.name)
    for table in Base.metadata.tables.values()
    for unique in (*table.constraints, *table.indexes)
    if isinstance(unique, UniqueConstraint | PrimaryKeyConstraint) or (isinstance(unique, Index) and unique.unique)
}


def connect(path: Path) -> sqlite3.Connection:
    """A connection with Earshot's settings: WAL, foreign keys, explicit transactions."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


class SqliteConnection:
    """Runs prepared statements on one connection; see `app.domain.unit_of_work.Connection`."""

    __slots__ = ("_now", "_now_text", "raw")

    engine: str = SQLITE

    def __init__(self, raw: sqlite3.Connection) -> None:
        self.raw = raw
        self._now: datetime | None = None
        self._now_text = ""

    def fetch_all(self, statement: Statement, values: dict[str, Any]) -> Sequence[Row]:
        try:
            return self._run(statement.compiled(SQLITE), values).fetchall()
        except _DRIVER_ERRORS as error:
            raise _to_domain_error(error) from error

    def execute(self, statement: Statement, values: dict[str, Any]) -> int:
        try:
            return self._run(statement.compiled(SQLITE), values).rowcount
        except _DRIVER_ERRORS as error:
            raise _to_domain_error(error) from error

    def compute(self, function: Callable[[], T]) -> T:
        return function()

    def _run(self, prepared: CompiledStatement, values: dict[str, Any]) -> sqlite3.Cursor:
        if prepared.uses_now:
            # A UnitOfWork has one timestamp, and a create binds it six times; the driver would format it each time.
            if values["now"] is not self._now:
                self._now = values["now"]
                self._now_text = to_sqlite(values["now"])
            values["now"] = self._now_text
        return self.raw.execute(prepared.text, prepared.arguments(values))


class ReadOnlySqliteConnection(SqliteConnection):
    """A connection for operations that must not write, although it could."""

    __slots__ = ("_max_text",)

    def __init__(self, raw: sqlite3.Connection) -> None:
        super().__init__(raw)
        self._max_text = 0

    def limit_text(self, max_bytes: int) -> None:
        """Limit the length of texts that are read or written until the next call."""
        if max_bytes != self._max_text:
            # Two calls for each read would cost as much as reading a short row.
            self.raw.setlimit(_TEXT_LENGTH, max_bytes)
            self._max_text = max_bytes

    def fetch_all(self, statement: Statement, values: dict[str, Any]) -> Sequence[Row]:
        if not statement.compiled(SQLITE).is_read:
            raise WriteInReadOperation(str(statement.source))
        return super().fetch_all(statement, values)

    def execute(self, statement: Statement, values: dict[str, Any]) -> int:
        raise WriteInReadOperation(str(statement.source))


class WriteInReadOperation(Exception):
    """An operation that was run by `read` tried to write, which is a bug in the operation."""


class SqliteDatabase:
    """One SQLite file; see `app.adapters.database.Database`."""

    engine: str = SQLITE

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._writer_reads: ReadOnlySqliteConnection
        """The writer's connection, for reads in the event loop while no thread uses it."""
        self._reader: ReadOnlySqliteConnection
        self._writer: SqliteConnection
        self.write_queue = WriteQueue()
        self._writer_thread = ThreadPoolExecutor(1, "sqlite-writer")
        self._reader_threads = ThreadPoolExecutor(2, "sqlite-reader")
        self._in_thread = threading.local()
        self._thread_connections: list[sqlite3.Connection] = []
        self._checkpointer: asyncio.Task[None] | None = None
        self._version = 0
        self._version_expires_at = 0.0
        self._file: int | None = None
        """A descriptor of the file, for fsync. It is closed last, since closing releases all locks of this process."""

    def write_version(self) -> int | None:
        if self.write_queue.held:
            return None
        now = monotonic()
        if now < self._version_expires_at:
            return self._version
        try:
            row: tuple[int] = self._writer.raw.execute("PRAGMA data_version").fetchone()
        except sqlite3.DatabaseError:
            return None
        self._version, self._version_expires_at = row[0], now + VERSION_TTL_SECONDS
        return self._version

    def describe(self) -> str:
        return f"SQLite, {self.path}"

    def stats(self) -> Mapping[str, float]:
        try:
            return {"wal_bytes": Path(f"{self.path}-wal").stat().st_size}
        except OSError:
            return {"wal_bytes": 0}

    async def open(self) -> None:
        try:
            # Opening waits, since another process may be recovering the log of a killed server.
            self._writer = SqliteConnection(connect(self.path))
            self._writer.raw.execute("PRAGMA busy_timeout = 0")
            self._writer_reads = ReadOnlySqliteConnection(self._writer.raw)
            self._reader = ReadOnlySqliteConnection(connect(self.path))
            self._reader.raw.execute("PRAGMA query_only = on")
        except sqlite3.Error as error:
            raise DatabaseUnusable(f"SQLite can't open {self.path} ({error})", suggest_fix(error)) from error

    def start_background_work(self) -> None:
        """Copy the log into the file in a thread from now on, instead of now and then during a commit."""
        self._writer.raw.execute("PRAGMA wal_autocheckpoint = 0")
        self._file = os.open(self.path, os.O_RDONLY)
        checkpointer = WalCheckpointer(lambda: connect(self.path), self._file, self.write_queue)
        self._checkpointer = asyncio.create_task(checkpointer.run())

    async def close(self) -> None:
        if self._checkpointer is not None:
            self._checkpointer.cancel()
            with suppress(asyncio.CancelledError):
                await self._checkpointer
        async with self.write_queue.exclusive(patient=True):
            self._writer_thread.shutdown()
            self._reader_threads.shutdown()
            for connection in (*self._thread_connections, self._reader.raw, self._writer.raw):
                connection.close()
            if self._file is not None:
                os.close(self._file)
                self._file = None

    async def read(
        self,
        operation: Operation[T],
        context: PortalContext,
        *,
        in_thread: bool = False,
        snapshot: bool = False,
        max_text: int | None = None,
    ) -> T:
        if not in_thread:
            connection = self._reader if self.write_queue.held else self._writer_reads
            # A long text must not be read in the event loop.
            connection.limit_text(max_text or MAX_LOOP_TEXT_BYTES)
            try:
                if snapshot:
                    return self._read_snapshot(connection, operation, context)
                return operation(context.begin(connection, self._clock()))
            except TextsTooLong:
                if max_text is not None:
                    raise
            except sqlite3.DatabaseError as error:
                raise _to_unavailable(error) from error
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader_threads, self._read_in_thread, operation, context, max_text)

    async def write(
        self,
        operation: Operation[T],
        context: PortalContext,
        *,
        in_thread: bool = False,
        single_statement: bool = False,
    ) -> T:
        deadline = monotonic() + BUSY_TIMEOUT_SECONDS
        if not in_thread:
            try:
                if self.write_queue.is_idle:
                    return self._write(operation, context)
                return await self.write_queue.run(lambda: self._write(operation, context))
            except _Busy:
                pass
        async with self.write_queue.exclusive():
            loop = asyncio.get_running_loop()
            writing = loop.run_in_executor(self._writer_thread, self._write_waiting, operation, context, deadline)
            try:
                return await asyncio.shield(writing)
            finally:
                # Even if this is cancelled twice, the connection is not free until the thread has finished.
                while not writing.done():
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait([writing])

    def _read_in_thread(self, operation: Operation[T], context: PortalContext, max_text: int | None) -> T:
        connection: ReadOnlySqliteConnection | None = getattr(self._in_thread, "connection", None)
        if connection is None:
            connection = self._in_thread.connection = ReadOnlySqliteConnection(connect(self.path))
            connection.raw.execute("PRAGMA query_only = on")
            self._thread_connections.append(connection.raw)
        connection.limit_text(max_text or _MAX_LENGTH)
        return self._read_snapshot(connection, operation, context)

    def _read_snapshot(self, connection: SqliteConnection, operation: Operation[T], context: PortalContext) -> T:
        try:
            connection.raw.execute("BEGIN")
            try:
                return operation(context.begin(connection, self._clock()))
            finally:
                # After some disk errors SQLite has ended the transaction itself.
                if connection.raw.in_transaction:
                    connection.raw.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            raise _to_unavailable(error) from error

    def _write(self, operation: Operation[T], context: PortalContext) -> T:
        execute = self._writer.raw.execute
        # The last read on this connection may have set a limit.
        self._writer_reads.limit_text(_MAX_LENGTH)
        try:
            execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise _Busy from error
            raise _to_unavailable(error) from error
        try:
            outcome = operation(context.begin(self._writer, self._clock()))
            execute("COMMIT")
        except BaseException as error:
            if self._writer.raw.in_transaction:
                execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError):
                raise _to_unavailable(error) from error
            raise
        return outcome

    def _write_waiting(self, operation: Operation[T], context: PortalContext, deadline: float) -> T:
        raw = self._writer.raw
        # The timeout counts from the arrival of the operation, which has already waited for the operations before it.
        raw.execute(f"PRAGMA busy_timeout = {max(0, int((deadline - monotonic()) * 1000))}")
        try:
            return self._write(operation, context)
        except _Busy as locked:
            raise DatabaseUnusable(
                "another process holds the database's lock", suggest_fix(locked.__cause__)
            ) from locked
        finally:
            raw.execute("PRAGMA busy_timeout = 0")


class _Busy(Exception):
    """Another process is writing."""


_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
    }
)
"""Errors of the file or the disk. Any other database error is a bug."""


def _to_unavailable(error: sqlite3.DatabaseError) -> Exception:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _UNAVAILABLE:
        return error
    return DatabaseUnusable(f"SQLite can't use its file ({error})", suggest_fix(error))


_DRIVER_ERRORS: Final = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)


def _to_domain_error(error: Exception) -> Exception:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_TOOBIG:
        return TextsTooLong()
    if not isinstance(error, sqlite3.IntegrityError):
        return ValueOutOfRange(str(error))
    if error.sqlite_errorname == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return ForeignKeyViolation(str(error))
    columns = str(error).partition("constraint failed: ")[2]
    return UniqueViolation(_UNIQUE.get(columns, columns))
