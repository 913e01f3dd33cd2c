"""PostgreSQL over asyncpg: plain acts run across a bridge of greenlets, so no thread is spent and nothing blocks.

asyncpg's pool makes connections, bounds their number and ends idle ones. But each time that one is given back the pool
starts a task, which costs more than a statement; so those in use go from hand to hand here, past the pool.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

import asyncpg

from app.adapters.database import Act, Clock, Standing, T
from app.adapters.database.greenlet_bridge import Bridge, await_in_act
from app.domain.errors import Clash, InDoubt, ReferenceMissing, Unavailable, Unstorable
from app.domain.sql.statement import POSTGRESQL, Statement
from app.domain.unit_of_work import Row, Work

log = logging.getLogger("earshot.postgresql")

WAIT_SECONDS: Final = 2.0
"""The longest wait for a free connection; then the request is told that the service is unavailable."""
KEEP_SECONDS: Final = 60.0
"""How often all connections at hand go back to the pool, which ends those that nobody needs any more."""
STATEMENT_SECONDS: Final = 30.0
MOST_ATTEMPTS: Final = 3
"""How often an act is run when the database undoes it for another reason than a deadlock, or the connection is lost."""
YIELD_SECONDS: Final = 0.1
"""How long an act that the database undid for a deadlock leaves its locks to the others before it is run again."""
MOST_LOOKS: Final = 6
"""How often it is run after a deadlock, or when what it points to went away: a post points to five things, and each
may go on its own."""

_IN_DOUBT: Final = InDoubt("the connection was lost while committing")
"""Nobody can tell whether the change stands, so it must not be tried a second time."""

_AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)
"""What a second run of the same act may well survive: the database itself has undone the first."""


class _NeverSent(Exception):
    """The connection was found dead before the statement went out, so nothing has happened on it."""


_LOST: Final = (OSError, asyncpg.ConnectionDoesNotExistError, asyncpg.ConnectionFailureError, _NeverSent)
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
    """Runs prepared statements inside the greenlet bridge; see `app.domain.unit_of_work.Connection`."""

    __slots__ = ("_raw",)

    engine: str = POSTGRESQL

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> Sequence[Row]:
        prepared = statement.prepared(POSTGRESQL)
        try:
            return await_in_act(self._raw.fetch(prepared.text, *prepared.arguments(values)))
        except _REFUSED as error:
            raise _refused(error) from error
        except _MISUSED as error:
            raise _dead(self._raw, error) from error

    def run(self, statement: Statement, values: Mapping[str, Any]) -> int:
        prepared = statement.prepared(POSTGRESQL)
        try:
            tag = await_in_act(self._raw.execute(prepared.text, *prepared.arguments(values)))
        except _REFUSED as error:
            raise _refused(error) from error
        except _MISUSED as error:
            raise _dead(self._raw, error) from error
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
        self._bridge = Bridge()
        self._pool: Any = None
        self._at_hand: list[Any] = []
        """Connections that are free and not in the pool: the last one given back is the first to go out."""
        self._long_acts = asyncio.Semaphore(max(1, most * 3 // 4))
        """Of acts that may take long, or wait for rows that another transaction holds; the rest is for short reads."""
        self._waiting = 0
        """How many wait for the pool; while somebody does, what is given back goes there."""
        self._letting_go: asyncio.TimerHandle | None = None
        self._parting: asyncio.Task[None] | None = None

    def version(self) -> int:
        return 0

    def describe(self) -> str:
        parts = urlsplit(self._url)
        return f"PostgreSQL, {parts.hostname or 'local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def measured(self) -> Mapping[str, float]:
        pool = self._pool
        opened, idle = (pool.get_size(), pool.get_idle_size()) if pool is not None else (0, 0)
        return {
            "connections_max": self._most,
            "connections_open": opened,
            "connections_in_use": opened - idle - sum(not _is_closed(raw) for raw in self._at_hand),
            "connections_waiting": self._waiting,
        }

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
        if self._letting_go is not None:
            self._letting_go.cancel()
        if self._pool is not None:
            if self._parting is not None:
                await self._parting
            await self._let_go()
            await self._pool.close()

    async def reading(
        self,
        act: Act[T],
        standing: Standing,
        *,
        slow: bool = False,
        snapshot: bool = False,
        max_text: int | None = None,
    ) -> T:
        async def once(raw: Any) -> T:
            if snapshot:
                await _say(raw, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                try:
                    return await self._bridge.run(act, self._work(raw, standing))
                finally:
                    if not _is_closed(raw):
                        await asyncio.shield(_say(raw, "ROLLBACK"))
            # A single statement is its own snapshot and needs no transaction.
            return await self._bridge.run(act, self._work(raw, standing))

        return cast(T, await (self._in_share(once) if slow else self._with_connection(once)))

    async def writing(self, act: Act[T], standing: Standing, *, slow: bool = False, at_once: bool = False) -> T:
        async def once(raw: Any) -> T:
            if at_once:
                try:
                    return await self._bridge.run(act, self._work(raw, standing))
                except _NeverSent:
                    raise
                except _LOST as error:
                    raise _IN_DOUBT from error
            await _say(raw, "BEGIN")
            try:
                outcome = await self._bridge.run(act, self._work(raw, standing))
            except BaseException:
                if not _is_closed(raw):
                    await asyncio.shield(_say(raw, "ROLLBACK"))
                raise
            try:
                await _say(raw, "COMMIT")
            except _NeverSent:
                raise
            except _LOST as error:
                raise _IN_DOUBT from error
            return outcome

        return cast(T, await self._in_share(once))

    def _work(self, raw: Any, standing: Standing) -> Work:
        return Work(
            PostgresConnection(raw),
            portal_id=standing.portal_id,
            actor=standing.actor,
            now=self._clock(),
            base_url=standing.base_url,
        )

    async def _in_share(self, once: Any) -> Any:
        """As `_with_connection`, for an act of which only so many may run at once."""
        acts = self._long_acts
        if acts.locked():
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await acts.acquire()
            except TimeoutError as error:
                raise Unavailable(f"{self.describe()} has too many acts that take long") from error
        else:
            await acts.acquire()
        try:
            return await self._with_connection(once)
        finally:
            acts.release()

    async def _with_connection(self, once: Any) -> Any:
        for attempt in range(1, MOST_LOOKS + 1):
            try:
                raw = await self._checked_out()
                try:
                    outcome = await once(raw)
                except BaseException:
                    # The pool looks at what state it is in.
                    await self._released(raw)
                    raise
            except TimeoutError as error:
                # Nobody gave a connection back, or a statement took too long: trying again would only add to it.
                raise Unavailable(f"{self.describe()} does not answer in time") from error
            except (*_AGAIN, *_LOST) as error:
                deadlock = isinstance(error, asyncpg.DeadlockDetectedError)
                if attempt >= (MOST_LOOKS if deadlock else MOST_ATTEMPTS):
                    raise Unavailable(f"{self.describe()} does not answer: {type(error).__name__}") from error
                if deadlock:
                    # Whoever waited for this one goes first, instead of finding its locks taken anew.
                    await asyncio.sleep(YIELD_SECONDS)
            except ReferenceMissing:
                # What the act had just looked up went away meanwhile; the next look finds it gone and says so.
                if attempt == MOST_LOOKS:
                    raise
            except _AWAY as error:
                raise Unavailable(f"{self.describe()} does not answer: {type(error).__name__}") from error
            else:
                # Out of reach of what runs acts again: this one stands, however its connection fares.
                await self._give_back(raw)
                return outcome
        raise AssertionError("unreachable")

    async def _checked_out(self) -> Any:
        while self._at_hand:
            raw = self._at_hand.pop()
            if not _is_closed(raw):
                return raw
            await self._released(raw)
        self._waiting += 1
        try:
            return await self._pool.acquire(timeout=WAIT_SECONDS)
        finally:
            self._waiting -= 1

    async def _give_back(self, raw: Any) -> None:
        if self._waiting or _is_closed(raw) or raw.is_in_transaction():
            await self._released(raw)
            return
        self._at_hand.append(raw)
        if self._letting_go is None:
            self._letting_go = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._let_go_now)

    def _let_go_now(self) -> None:
        self._letting_go = None
        self._parting = asyncio.create_task(self._let_go())

    async def _let_go(self) -> None:
        while self._at_hand:
            await self._released(self._at_hand.pop())

    async def _released(self, raw: Any) -> None:
        """Give a connection back to the pool, which ends it if it is of no more use."""
        try:
            await self._pool.release(raw)
        except (*_LOST, asyncpg.PostgresError) as error:
            log.warning("a connection to PostgreSQL was lost when it was given back: %s", type(error).__name__)


def _is_closed(raw: Any) -> bool:
    try:
        closed: bool = raw.is_closed()
    except asyncpg.InterfaceError:
        # It died while it was out, and the pool has written it off.
        return True
    return closed


_MISUSED: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver says of a connection that died unnoticed: that it was used wrongly."""


def _dead(raw: Any, error: Exception) -> Exception:
    if isinstance(error, asyncpg.InternalClientError):
        # Either the server's farewell was read before the statement went out and its hanging up was not yet noticed, or
        # it came in the midst of an answer. Such a connection is of no more use.
        if not _is_closed(raw):
            raw.terminate()
        sent = not str(error).startswith("cannot switch to state")
        return asyncpg.ConnectionDoesNotExistError(str(error)) if sent else _NeverSent(str(error))
    return _NeverSent(str(error)) if _is_closed(raw) else error


async def _say(raw: Any, command: str) -> None:
    try:
        await raw.execute(command)
    except _MISUSED as error:
        raise _dead(raw, error) from error


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
