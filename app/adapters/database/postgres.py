"""PostgreSQL over asyncpg: plain acts run in SQLAlchemy's greenlet bridge, so no thread is spent and nothing blocks."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy.util import await_only, greenlet_spawn

from app.adapters.database import Act, Clock, Standing, T
from app.domain.refusals import Clash, InDoubt, ReferenceMissing, Unavailable, Unstorable
from app.domain.statements import POSTGRESQL, Statement
from app.domain.work import Row, Work

WAIT_SECONDS: Final = 2.0
"""The longest wait for a free connection; then the request is told that the service is unavailable."""
STATEMENT_SECONDS: Final = 30.0
MOST_ATTEMPTS: Final = 3
"""How often an act is run when the database undoes it, or the connection is lost."""
MOST_LOOKS: Final = 6
"""How often it is run when what it points to went away: a post points to five things, and each may go on its own."""

_IN_DOUBT: Final = InDoubt("the connection was lost while committing")
"""Nobody can tell whether the change stands, so it must not be tried a second time."""

_AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)
"""What a second run of the same act may well survive: the database itself has undone the first."""

_LOST: Final = (OSError, asyncpg.ConnectionDoesNotExistError, asyncpg.ConnectionFailureError)
"""The connection is gone. Before a commit was sent, the act may be run again on another."""

_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)


class PostgresConnection:
    """Runs prepared statements inside the greenlet bridge; see `app.domain.work.Connection`."""

    __slots__ = ("_raw",)

    engine: str = POSTGRESQL

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Row]:
        prepared = statement.prepared(POSTGRESQL)
        try:
            return await_only(self._raw.fetch(prepared.text, *prepared.arguments(values)))
        except _REFUSED as error:
            raise _refused(error) from error

    def run(self, statement: Statement, values: Mapping[str, Any]) -> int:
        prepared = statement.prepared(POSTGRESQL)
        try:
            tag = await_only(self._raw.execute(prepared.text, *prepared.arguments(values)))
        except _REFUSED as error:
            raise _refused(error) from error
        return int(tag.rpartition(" ")[2])


class PostgresDatabase:
    """One PostgreSQL database; see `app.adapters.database.Database`."""

    engine: str = POSTGRESQL

    def __init__(self, url: str, *, password: str | None, clock: Clock, most: int = 16, least: int = 1) -> None:
        self._url = url
        self._password = password
        self._clock = clock
        self._most = most
        self._least = least
        self._pool: Any = None

    def version(self) -> int:
        return 0

    def describe(self) -> str:
        parts = urlsplit(self._url)
        return f"PostgreSQL, {parts.hostname or 'local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"

    async def open(self) -> None:
        given = {} if self._password is None else {"password": self._password}
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=self._least,
                max_size=self._most,
                reset=_tidy,
                statement_cache_size=1024,
                max_cached_statement_lifetime=0,
                max_inactive_connection_lifetime=300,
                command_timeout=STATEMENT_SECONDS,
                timeout=5,
                server_settings={"application_name": "earshot", "timezone": "UTC"},
                **given,
            )
        except (*_AWAY, asyncpg.PostgresError, ValueError) as error:
            raise Unavailable(f"{self.describe()} can't be reached: {error}") from error

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def reading(self, act: Act[T], standing: Standing, *, slow: bool = False, snapshot: bool = False) -> T:
        async def once(raw: Any) -> T:
            if snapshot:
                async with raw.transaction(isolation="repeatable_read", readonly=True):
                    return await greenlet_spawn(act, self._work(raw, standing))
            # A single statement is its own snapshot and needs no transaction.
            return await greenlet_spawn(act, self._work(raw, standing))

        return cast(T, await self._with_connection(once))

    async def writing(self, act: Act[T], standing: Standing, *, slow: bool = False, at_once: bool = False) -> T:
        async def once(raw: Any) -> T:
            if at_once:
                try:
                    return await greenlet_spawn(act, self._work(raw, standing))
                except _LOST as error:
                    raise _IN_DOUBT from error
            await raw.execute("BEGIN")
            try:
                outcome = await greenlet_spawn(act, self._work(raw, standing))
            except BaseException:
                if not raw.is_closed():
                    await asyncio.shield(raw.execute("ROLLBACK"))
                raise
            try:
                await raw.execute("COMMIT")
            except _LOST as error:
                raise _IN_DOUBT from error
            return outcome

        return cast(T, await self._with_connection(once))

    def _work(self, raw: Any, standing: Standing) -> Work:
        return Work(
            PostgresConnection(raw),
            portal_id=standing.portal_id,
            actor=standing.actor,
            now=self._clock(),
            base_url=standing.base_url,
        )

    async def _with_connection(self, once: Any) -> Any:
        for attempt in range(1, MOST_LOOKS + 1):
            try:
                raw = await self._checked_out()
                try:
                    return await once(raw)
                finally:
                    await self._pool.release(raw)
            except TimeoutError as error:
                # Nobody gave a connection back, or a statement took too long: trying again would only add to it.
                raise Unavailable(f"{self.describe()} does not answer in time") from error
            except (*_AGAIN, *_LOST) as error:
                if attempt >= MOST_ATTEMPTS:
                    raise Unavailable(f"{self.describe()} does not answer: {type(error).__name__}") from error
            except ReferenceMissing:
                # What the act had just looked up went away meanwhile; the next look finds it gone and says so.
                if attempt == MOST_LOOKS:
                    raise
            except _AWAY as error:
                raise Unavailable(f"{self.describe()} does not answer: {type(error).__name__}") from error
        raise AssertionError("unreachable")

    async def _checked_out(self) -> Any:
        if self._pool.get_idle_size():
            # Nothing to wait for, so no timer is set up.
            return await self._pool.acquire()
        return await self._pool.acquire(timeout=WAIT_SECONDS)


async def _tidy(raw: Any) -> None:
    """Instead of asyncpg's own reset, which costs a round trip: nothing here leaves settings or locks behind."""
    if raw.is_in_transaction():
        await raw.execute("ROLLBACK")


_REFUSED: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.UntranslatableCharacterError,
)


def _refused(error: asyncpg.PostgresError) -> Exception:
    if not isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return Unstorable(str(error))
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return ReferenceMissing(str(error.constraint_name))
    return Clash(str(error.constraint_name))
