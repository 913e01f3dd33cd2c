"""PostgreSQL over asyncpg: plain operations run in greenlets, so they need no thread and do not block the event loop.

asyncpg's pool opens connections, limits their number and closes idle ones. But for each release the pool starts a task,
which costs more than a statement; so connections in use are reused here, without a return to the pool.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

import asyncpg

from app.adapters.database import Clock, Operation, PortalContext, T
from app.adapters.database.greenlet_bridge import GreenletRunner, await_in_greenlet
from app.adapters.database.unusable import DatabaseUnusable, read_only_error
from app.domain.errors import CommitUncertain, ForeignKeyViolation, UniqueViolation, ValueOutOfRange
from app.domain.sql.statement import POSTGRESQL, Statement
from app.domain.unit_of_work import Row

log = logging.getLogger("earshot.postgresql")

POOL_TIMEOUT_SECONDS: Final = 2.0
"""The longest wait for a free connection; after it ServiceUnavailable is raised."""
IDLE_TIMEOUT_SECONDS: Final = 60.0
"""How often all idle connections are released to the pool, which closes those that are not needed."""
STATEMENT_TIMEOUT_SECONDS: Final = 30.0
MAX_ATTEMPTS: Final = 3
"""How often an operation runs if the database rolls it back, except for a deadlock, or the connection is lost."""
DEADLOCK_BACKOFF_SECONDS: Final = 0.1
"""The pause before an operation is retried after a deadlock, so that the others get its locks."""
MAX_FK_RETRIES: Final = 6
"""How often an operation runs after deadlocks, or after a row that it refers to was deleted: a post refers to five
rows, each of which may be deleted separately."""

_COMMIT_UNCERTAIN: Final = CommitUncertain("the connection was lost while committing")
"""It is unknown whether the change was committed, so it must not be retried."""

_RETRYABLE: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)
"""Errors after which the same operation may succeed: the database has rolled it back."""


_CHECK_SERVER: Final = "see that it runs and that EARSHOT_DATABASE_URL names it; its log may say more"


class _NeverSent(Exception):
    """The connection was closed before the statement was sent, so nothing was executed."""


_LOST_WHEN_SENT: Final = (OSError, asyncpg.ConnectionDoesNotExistError, asyncpg.ConnectionFailureError)
_CONNECTION_LOST: Final = (*_LOST_WHEN_SENT, _NeverSent)
"""The connection is lost. Before a commit was sent, the operation may be retried on another one."""

_UNAVAILABLE: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)


class PostgresConnection:
    """Runs prepared statements inside a GreenletRunner; see `app.domain.unit_of_work.Connection`."""

    __slots__ = ("_raw",)

    engine: str = POSTGRESQL

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def fetch_all(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Row]:
        rows: Sequence[Row] = self._await(self._raw.fetch, statement, values)
        return rows

    def execute(self, statement: Statement, values: Mapping[str, Any]) -> int:
        return int(self._await(self._raw.execute, statement, values).rpartition(" ")[2])

    def compute(self, function: Callable[[], T]) -> T:
        return await_in_greenlet(asyncio.to_thread(function))

    def _await(self, method: Callable[..., Awaitable[Any]], statement: Statement, values: Mapping[str, Any]) -> Any:
        prepared = statement.compiled(POSTGRESQL)
        try:
            return await_in_greenlet(method(prepared.text, *prepared.arguments(values)))
        except _DRIVER_ERRORS as error:
            raise _to_domain_error(error) from error
        except _MISUSED as error:
            raise _classify_dead(self._raw, error) from error


class PostgresDatabase:
    """One PostgreSQL database; see `app.adapters.database.Database`."""

    engine: str = POSTGRESQL

    def __init__(self, url: str, *, password: str | None, clock: Clock, most: int = 16) -> None:
        self._url = url
        self._password = password
        self._clock = clock
        self._max_connections = most
        self._greenlets = GreenletRunner()
        self._pool: Any = None
        self._idle: list[Any] = []
        """Free connections outside the pool: the one released last is reused first."""
        self._long_operations = asyncio.Semaphore(max(1, most * 3 // 4))
        """Connections for operations that may take long or wait for locks; the others are reserved for short reads."""
        self._waiting = 0
        """The number of operations that wait for the pool; while there are any, connections are released to it."""
        self._release_task: asyncio.Task[None] | None = None

    def write_version(self) -> int:
        return 0

    def describe(self) -> str:
        parts = urlsplit(self._url)
        return f"PostgreSQL, {parts.hostname or 'local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def _to_unusable(self, error: Exception) -> DatabaseUnusable:
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            return read_only_error(self.describe())
        return DatabaseUnusable(f"{self.describe()} does not answer ({type(error).__name__})", _CHECK_SERVER)

    def stats(self) -> Mapping[str, float]:
        pool = self._pool
        opened, idle = (pool.get_size(), pool.get_idle_size()) if pool is not None else (0, 0)
        return {
            "connections_max": self._max_connections,
            "connections_open": opened,
            "connections_in_use": opened - idle - sum(not _is_closed(raw) for raw in self._idle),
            "connections_waiting": self._waiting,
        }

    async def open(self) -> None:
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                password=self._password,
                min_size=1,
                max_size=self._max_connections,
                reset=_reset_connection,
                statement_cache_size=1024,
                max_cached_statement_lifetime=0,
                max_inactive_connection_lifetime=300,
                command_timeout=STATEMENT_TIMEOUT_SECONDS,
                timeout=5,
                server_settings={"application_name": "earshot", "timezone": "UTC"},
            )
        except (*_UNAVAILABLE, asyncpg.PostgresError, ValueError) as error:
            raise DatabaseUnusable(f"{self.describe()} can't be reached: {error}", _CHECK_SERVER) from error

    def start_background_work(self) -> None:
        """Release idle connections now and then."""
        self._release_task = asyncio.create_task(self._release_regularly())

    async def close(self) -> None:
        if self._release_task is not None:
            self._release_task.cancel()
        if self._pool is not None:
            await self._release_idle()
            await self._pool.close()

    async def read(
        self,
        operation: Operation[T],
        context: PortalContext,
        *,
        in_thread: bool = False,
        snapshot: bool = False,
        max_text: int | None = None,
    ) -> T:
        async def once(raw: Any) -> T:
            if snapshot:
                await _execute(raw, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                try:
                    return await self._run(operation, context, raw)
                finally:
                    if not _is_closed(raw):
                        await asyncio.shield(_execute(raw, "ROLLBACK"))
            # A single statement is its own snapshot and needs no transaction.
            return await self._run(operation, context, raw)

        return cast(T, await (self._with_long_slot(once) if in_thread else self._with_connection(once)))

    async def write(
        self,
        operation: Operation[T],
        context: PortalContext,
        *,
        in_thread: bool = False,
        single_statement: bool = False,
    ) -> T:
        async def once(raw: Any) -> T:
            if single_statement:
                try:
                    return await self._run(operation, context, raw)
                except _LOST_WHEN_SENT as error:
                    raise _COMMIT_UNCERTAIN from error
            await _execute(raw, "BEGIN")
            try:
                outcome = await self._run(operation, context, raw)
            except BaseException:
                if not _is_closed(raw):
                    await asyncio.shield(_execute(raw, "ROLLBACK"))
                raise
            try:
                await _execute(raw, "COMMIT")
            except _LOST_WHEN_SENT as error:
                raise _COMMIT_UNCERTAIN from error
            return outcome

        return cast(T, await self._with_long_slot(once))

    def _run(self, operation: Operation[T], context: PortalContext, raw: Any) -> Awaitable[T]:
        return self._greenlets.run(operation, context.begin(PostgresConnection(raw), self._clock()))

    async def _with_long_slot(self, once: Any) -> Any:
        """As `_with_connection`, for operations whose concurrency is limited."""
        slots = self._long_operations
        if slots.locked():
            try:
                async with asyncio.timeout(POOL_TIMEOUT_SECONDS):
                    await slots.acquire()
            except TimeoutError as error:
                raise DatabaseUnusable(
                    f"{self.describe()} has too many long operations",
                    "try again later; if it happens often, raise EARSHOT_DATABASE_CONNECTIONS",
                ) from error
        else:
            await slots.acquire()
        try:
            return await self._with_connection(once)
        finally:
            slots.release()

    async def _with_connection(self, once: Any) -> Any:
        for attempt in range(1, MAX_FK_RETRIES + 1):
            try:
                raw = await self._acquire()
                try:
                    outcome = await once(raw)
                except BaseException:
                    # The pool checks the connection's state.
                    await self._release(raw)
                    raise
            except TimeoutError as error:
                # No connection became free, or a statement took too long: a retry would only add to the load.
                raise DatabaseUnusable(f"{self.describe()} does not answer in time", _CHECK_SERVER) from error
            except (*_RETRYABLE, *_CONNECTION_LOST) as error:
                deadlock = isinstance(error, asyncpg.DeadlockDetectedError)
                if attempt >= (MAX_FK_RETRIES if deadlock else MAX_ATTEMPTS):
                    raise self._to_unusable(error) from error
                if deadlock:
                    # The other operation goes first, instead of waiting for the same locks again.
                    await asyncio.sleep(DEADLOCK_BACKOFF_SECONDS)
            except ForeignKeyViolation:
                # A row that the operation had just read was deleted meanwhile; the next run raises NotFound.
                if attempt == MAX_FK_RETRIES:
                    raise
            except _UNAVAILABLE as error:
                raise self._to_unusable(error) from error
            else:
                # Outside of the retry: the operation is committed, whatever happens to its connection.
                await self._return(raw)
                return outcome
        raise AssertionError("unreachable")

    async def _acquire(self) -> Any:
        while self._idle:
            raw = self._idle.pop()
            if not _is_closed(raw):
                return raw
            await self._release(raw)
        self._waiting += 1
        try:
            return await self._pool.acquire(timeout=POOL_TIMEOUT_SECONDS)
        finally:
            self._waiting -= 1

    async def _return(self, raw: Any) -> None:
        if self._waiting or _is_closed(raw) or raw.is_in_transaction():
            await self._release(raw)
            return
        self._idle.append(raw)

    async def _release_regularly(self) -> None:
        while True:
            await asyncio.sleep(IDLE_TIMEOUT_SECONDS)
            await self._release_idle()

    async def _release_idle(self) -> None:
        while self._idle:
            await self._release(self._idle.pop())

    async def _release(self, raw: Any) -> None:
        """Release a connection to the pool, which closes it if it is unusable."""
        try:
            await self._pool.release(raw)
        except (*_CONNECTION_LOST, asyncpg.PostgresError) as error:
            log.warning("a connection to PostgreSQL was lost while it was released: %s", type(error).__name__)


def _is_closed(raw: Any) -> bool:
    try:
        closed: bool = raw.is_closed()
    except asyncpg.InterfaceError:
        # It was closed while in use, and the pool has dropped it.
        return True
    return closed


_MISUSED: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises for a connection that was closed unnoticed."""


def _classify_dead(raw: Any, error: Exception) -> Exception:
    if isinstance(error, asyncpg.InternalClientError):
        # Either the server's termination message was read before the statement was sent, and the disconnect not yet
        # noticed, or it arrived in the middle of a result. Such a connection is unusable.
        if not _is_closed(raw):
            raw.terminate()
        sent = not str(error).startswith("cannot switch to state")
        return asyncpg.ConnectionDoesNotExistError(str(error)) if sent else _NeverSent(str(error))
    return _NeverSent(str(error)) if _is_closed(raw) else error


async def _execute(raw: Any, command: str) -> None:
    try:
        await raw.execute(command)
    except _MISUSED as error:
        raise _classify_dead(raw, error) from error


async def _reset_connection(raw: Any) -> None:
    """Replaces asyncpg's reset, which costs a round trip: no operation leaves settings or locks behind."""
    if raw.is_in_transaction():
        await raw.execute("ROLLBACK")


_DRIVER_ERRORS: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.UntranslatableCharacterError,
)


def _to_domain_error(error: asyncpg.PostgresError) -> Exception:
    if not isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return ValueOutOfRange(str(error))
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return ForeignKeyViolation(str(error.constraint_name))
    return UniqueViolation(str(error.constraint_name))
