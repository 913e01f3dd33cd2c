"""Whether this process can serve requests: probes the database, Redis and the storage, and caches the results."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Generic, NamedTuple, TypeVar

from app.adapters.database import Database
from app.adapters.database.inspection import live_revision
from app.adapters.database.revisions import HEAD
from app.adapters.rate_limiter import RateLimiter
from app.adapters.storage.base import FileStorage, StorageUnavailable, generate_name, probe_storage
from app.domain.errors import ServiceUnavailable

T = TypeVar("T")

PROBE_TIMEOUT_SECONDS: Final = 3.0
"""The longest that a readiness check waits for a probe."""
CACHE_TTL_SECONDS: Final = 1.0
"""How long a result for the database or Redis is cached."""
STORAGE_CACHE_TTL_SECONDS: Final = 10.0
"""The same for the storage, whose probe writes a file."""


class ReadinessState(NamedTuple):
    """The state of the process and its services. None: Redis is not used, or the revision is unknown."""

    ready: bool
    ending: bool
    database: bool
    revision: bool | None
    """Whether the database is at this program's revision."""
    storage: bool
    redis: bool | None
    """Without Redis each process counts requests by itself: worse, but no reason to be not ready."""


class Readiness:
    """Probes the services of the process; concurrent checks share one probe."""

    def __init__(self, database: Database, rate_limiter: RateLimiter, files: FileStorage) -> None:
        self._database = database
        self._files = files
        self._probe_name = generate_name()
        """The probe always writes and deletes the same file, so that it leaves at most one behind."""
        self._is_draining = False
        self._revision_probe = CachedProbe[bool | None](self._probe_revision, on_timeout=None)
        self._redis_probe = CachedProbe[bool | None](rate_limiter.is_reachable, on_timeout=False)
        self._storage_probe = CachedProbe[bool](self._probe_storage, on_timeout=False, ttl=STORAGE_CACHE_TTL_SECONDS)

    def begin_draining(self) -> None:
        """Report not ready from now on: the process is about to stop."""
        self._is_draining = True

    async def state(self) -> ReadinessState:
        """The current state, within PROBE_TIMEOUT_SECONDS even if a service hangs."""
        is_current, redis, storage = await asyncio.gather(
            self._revision_probe(), self._redis_probe(), self._storage_probe()
        )
        return ReadinessState(
            ready=is_current is True and storage and not self._is_draining,
            ending=self._is_draining,
            database=is_current is not None,
            revision=is_current,
            storage=storage,
            redis=redis,
        )

    async def _probe_revision(self) -> bool | None:
        """Whether the database is at this program's revision; None if it does not answer."""
        try:
            return await live_revision(self._database) == HEAD
        except ServiceUnavailable:
            return None

    async def _probe_storage(self) -> bool:
        try:
            await probe_storage(self._files, self._probe_name)
        except StorageUnavailable:
            return False
        return True


class CachedProbe(Generic[T]):
    """A probe whose result is cached for `ttl` seconds; concurrent calls wait for the same run.

    After PROBE_TIMEOUT_SECONDS the result is `on_timeout`, and no other run starts while the first one hangs.
    """

    def __init__(self, probe: Callable[[], Awaitable[T]], *, on_timeout: T, ttl: float = CACHE_TTL_SECONDS) -> None:
        self._probe = probe
        self._ttl = ttl
        self._result = self._on_timeout = on_timeout
        self._cached_until = 0.0
        self._deadline = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __call__(self) -> T:
        if self._task is None:
            if monotonic() < self._cached_until:
                return self._result
            self._deadline = monotonic() + PROBE_TIMEOUT_SECONDS
            self._task = asyncio.create_task(self._run())
        task = self._task
        await asyncio.wait({task}, timeout=max(0.0, self._deadline - monotonic()))
        if not task.done():
            return self._on_timeout
        task.result()
        return self._result

    async def _run(self) -> None:
        try:
            self._result = await self._probe()
            # A failure is probed again soon, so that the process is not reported as not ready for longer than needed.
            self._cached_until = monotonic() + (CACHE_TTL_SECONDS if self._result == self._on_timeout else self._ttl)
        finally:
            self._task = None
