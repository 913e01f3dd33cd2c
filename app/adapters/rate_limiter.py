"""Rate limits in fixed windows, counted in this process's memory, or in Redis when several processes serve."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple, TypeAlias

from app.adapters.problem import InvalidValue

log = logging.getLogger("earshot.limits")

MAX_COUNTERS: Final = 100_000
"""The maximum number of counters in one process; they take some 20 MiB."""
REDIS_TIMEOUT_SECONDS: Final = 2.0
"""The longest that a request waits for Redis before it is counted in memory."""
REDIS_RETRY_SECONDS: Final = 1.0
"""The pause after a failure, before Redis is tried again."""

MAX_REQUESTS: Final = 10**9
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LIMIT: Final = re.compile(rf"([1-9][0-9]{{0,9}})/([1-9][0-9]{{0,4}})?({'|'.join(_SECONDS)})s?")


class RateLimit(NamedTuple):
    """`limit` requests in `seconds`."""

    limit: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "RateLimit | None":
        """Read `60/minute`, `100/5minutes`; `off` is no limit. A window is at most a day. Raises ValueError."""
        if text.strip().lower() == "off":
            return None
        match = _LIMIT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no limit")
        rate_limit = cls(int(match[1]), int(match[2] or 1) * _SECONDS[match[3]])
        if rate_limit.limit > MAX_REQUESTS or rate_limit.seconds > _SECONDS["day"]:
            raise ValueError(f"{text!r} is out of bounds")
        return rate_limit


class WindowCount(NamedTuple):
    """The number of requests in a window, this one included, and its end in seconds since the epoch."""

    hits: int
    ends_at: float


class MemoryRateLimiter:
    """The counters of one process, bounded in number: see `_evict`. A window begins with its first request."""

    def __init__(self, max_counters: int = MAX_COUNTERS) -> None:
        self._max_counters = max_counters
        self._counters: dict[str, tuple[int, float]] = {}
        self.fallbacks = 0
        """The number of requests counted in memory because Redis did not answer."""

    @property
    def size(self) -> int:
        """The number of counters in memory."""
        return len(self._counters)

    async def hit(self, names: Sequence[tuple[str, int]], now: float) -> list[WindowCount]:
        """Count one request in each of (name, window in seconds)."""
        return [self.hit_sync(name, seconds, now) for name, seconds in names]

    def hit_sync(self, name: str, seconds: int, now: float) -> WindowCount:
        """Count one request; never waits."""
        hits, ends_at = self._counters.get(name, (0, 0.0))
        if now >= ends_at:
            hits, ends_at = 0, now + seconds
            if len(self._counters) >= self._max_counters:
                self._evict(now)
        hits += 1
        self._counters[name] = (hits, ends_at)
        return WindowCount(hits, ends_at)

    def _evict(self, now: float) -> None:
        """Delete the counters of ended windows. If none has ended, delete a tenth of all counters.

        Counters with the fewest requests are deleted first, and of these the newest. So a client that sends a hundred
        thousand invented keys removes counters of such keys only, not that of its address or of a key in use.
        """
        self._counters = {name: count for name, count in self._counters.items() if count[1] > now}
        if len(self._counters) < self._max_counters:
            return
        newest_first = list(reversed(self._counters))
        newest_first.sort(key=lambda name: self._counters[name][0])
        for name in newest_first[: max(1, self._max_counters // 10)]:
            del self._counters[name]

    async def is_reachable(self) -> bool | None:
        """Whether Redis answers; None if no Redis is used."""
        return None

    async def close(self) -> None:
        self._counters.clear()


# Both of a request's counters in one round trip; a counter lives as long as its window.
_SCRIPT: Final = """
local answer = {}
for i, name in ipairs(KEYS) do
  local hits = redis.call('INCR', name)
  if hits == 1 then redis.call('PEXPIRE', name, ARGV[i]) end
  local left = redis.call('PTTL', name)
  if left < 0 then redis.call('PEXPIRE', name, ARGV[i]); left = tonumber(ARGV[i]) end
  answer[#answer + 1] = hits
  answer[#answer + 1] = left
end
return answer
"""


class RedisRateLimiter:
    """Counters shared by all processes. While Redis is unreachable each process counts by itself and logs it once."""

    def __init__(self, url: str, *, timeout_seconds: float = REDIS_TIMEOUT_SECONDS) -> None:
        """Raises InvalidValue for a URL with options that the client does not know."""
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.exceptions import RedisError

        try:
            pool: Any = BlockingConnectionPool.from_url(
                url,
                max_connections=20,
                timeout=timeout_seconds,
                socket_timeout=timeout_seconds,
                socket_connect_timeout=timeout_seconds,
            )
            # Only a connection rejects an unknown option. Making one does not connect.
            pool.make_connection()
        except (TypeError, ValueError, RedisError):
            raise InvalidValue(
                "its query has an option that the Redis client does not have",
                "correct or remove what follows the question mark",
            ) from None
        # A client made by `from_pool` closes the pool; one with `connection_pool=` leaves its connections open.
        self._redis: Any = Redis.from_pool(pool)
        self._timeout_seconds = timeout_seconds
        self._script: Any = self._redis.register_script(_SCRIPT)
        self._errors = (OSError, TimeoutError, RedisError)
        self._memory = MemoryRateLimiter()
        self._is_down = False
        self._retry_at = 0.0
        self._probe_task: asyncio.Task[None] | None = None
        self.fallbacks = 0

    async def hit(self, names: Sequence[tuple[str, int]], now: float) -> list[WindowCount]:
        if not self._is_down:
            try:
                # Covers all of it: waiting for a free connection, connecting, and the response.
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._hit_shared(names, now)
            except self._errors as error:
                self._mark_down(error)
        elif self._probe_task is None and monotonic() >= self._retry_at:
            # In a task of its own, since a Redis that hangs would delay the request that probed it.
            self._probe_task = asyncio.create_task(self._probe())
        self.fallbacks += 1
        return await self._memory.hit(names, now)

    def _mark_down(self, error: Exception) -> None:
        self._retry_at = monotonic() + REDIS_RETRY_SECONDS
        if not self._is_down:
            self._is_down = True
            log.warning("Redis does not answer (%s); counting in this process", type(error).__name__)

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self.ping()
        except self._errors as error:
            self._mark_down(error)
        else:
            self._is_down = False
            log.info("Redis answers again; counting there")
        finally:
            self._probe_task = None

    async def _hit_shared(self, names: Sequence[tuple[str, int]], now: float) -> list[WindowCount]:
        response: Awaitable[list[int]] = self._script(
            keys=["earshot:" + name for name, _ in names], args=[seconds * 1000 for _, seconds in names]
        )
        numbers = await response
        return [WindowCount(numbers[i], now + numbers[i + 1] / 1000) for i in range(0, len(numbers), 2)]

    async def ping(self) -> None:
        """Raises if Redis does not answer."""
        await self._redis.ping()

    async def is_reachable(self) -> bool | None:
        try:
            await self.ping()
        except self._errors:
            return False
        return True

    async def close(self) -> None:
        if self._probe_task is not None:
            self._probe_task.cancel()
        await self._redis.aclose()


RateLimiter: TypeAlias = MemoryRateLimiter | RedisRateLimiter
