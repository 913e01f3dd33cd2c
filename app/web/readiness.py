"""Whether this process can work: what it stands on is looked at when asked, but never more often than is good."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from app.adapters.database import Database
from app.adapters.database.inspection import live_revision
from app.adapters.database.revisions import HEAD
from app.adapters.storage.base import FileStorage, StorageUnavailable, generate_name, probe_storage
from app.domain.errors import ServiceUnavailable

T = TypeVar("T")

PROBE_TIMEOUT_SECONDS: Final = 3.0
"""The longest that anybody waits to be told."""
CACHE_TTL_SECONDS: Final = 1.0
"""How long an answer of the database or of Redis is told again."""
STORAGE_FRESH_SECONDS: Final = 10.0
"""The same of the storage, which is written to in order to know."""


class Pingable(Protocol):
    """What may be asked whether it answers."""

    async def is_reachable(self) -> bool | None:
        """True, False, or None when there is nothing to ask."""
        ...


class ReadinessState(NamedTuple):
    """How what the process stands on is. None is "not used" of Redis, "nobody can tell" of the revision."""

    ready: bool
    ending: bool
    database: bool
    revision: bool | None
    """Whether the database is at the revision that this program works with."""
    storage: bool
    redis: bool | None
    """Without it requests are counted by each process for itself: worse, but no reason to send nobody here."""


class Readiness:
    """Asked by many, it looks once; see `State`."""

    def __init__(self, database: Database, redis: Pingable, files: FileStorage) -> None:
        self._database = database
        self._files = files
        self._name = generate_name()
        """Always the same file is stored and removed, so that a folder of uploads is not strewn with empty ones."""
        self._ending = False
        self._of_database: CachedProbe[str | None] = CachedProbe(self._revision, fresh=CACHE_TTL_SECONDS, late=_AWAY)
        self._of_redis: CachedProbe[bool | None] = CachedProbe(redis.is_reachable, fresh=CACHE_TTL_SECONDS, late=False)
        self._of_storage: CachedProbe[bool] = CachedProbe(self._stores, fresh=STORAGE_FRESH_SECONDS, late=False)

    def end(self) -> None:
        """From now on this process says that it is not ready: it is about to end."""
        self._ending = True

    async def state(self) -> ReadinessState:
        """How all is; within PATIENCE_SECONDS, whatever hangs."""
        revision, redis, storage = await asyncio.gather(self._of_database(), self._of_redis(), self._of_storage())
        answers = revision != _AWAY
        right = revision == HEAD if answers else None
        return ReadinessState(
            ready=answers and right is True and storage and not self._ending,
            ending=self._ending,
            database=answers,
            revision=right,
            storage=storage,
            redis=redis,
        )

    async def _revision(self) -> str | None:
        try:
            return await live_revision(self._database)
        except ServiceUnavailable:
            return _AWAY

    async def _stores(self) -> bool:
        try:
            await probe_storage(self._files, self._name)
        except StorageUnavailable:
            return False
        return True


_AWAY: Final = "away"
"""Told instead of a revision."""


class CachedProbe(Generic[T]):
    """A look at one thing. Who asks while it is under way waits for it; who asks soon after is told the same.

    One that takes too long counts as `late`, and no other is begun while it hangs.
    """

    def __init__(self, look: Callable[[], Awaitable[T]], *, fresh: float, late: T) -> None:
        self._look = look
        self._fresh = fresh
        self._found = self._late = late
        self._fresh_until = 0.0
        self._patient_until = 0.0
        self._under_way: asyncio.Task[None] | None = None

    async def __call__(self) -> T:
        if self._under_way is None:
            if monotonic() < self._fresh_until:
                return self._found
            self._patient_until = monotonic() + PROBE_TIMEOUT_SECONDS
            self._under_way = asyncio.create_task(self._run())
        looking = self._under_way
        await asyncio.wait({looking}, timeout=max(0.0, self._patient_until - monotonic()))
        if not looking.done():
            return self._late
        looking.result()
        return self._found

    async def _run(self) -> None:
        try:
            self._found = await self._look()
            # What was amiss is soon looked at again, so that nobody is kept away longer than needed.
            self._fresh_until = monotonic() + (CACHE_TTL_SECONDS if self._found == self._late else self._fresh)
        finally:
            self._under_way = None
