"""Counting requests in fixed windows: in this process's memory, or in Redis when several processes serve."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol

log = logging.getLogger("earshot.limits")

MAX_COUNTERS: Final = 100_000
REDIS_TIMEOUT_SECONDS: Final = 2.0
"""The longest that a request waits for Redis before it is counted in memory."""
REDIS_RETRY_SECONDS: Final = 1.0
"""How long Redis is left alone after it failed."""

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
        found = _LIMIT.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no limit")
        pace = cls(int(found[1]), int(found[2] or 1) * _SECONDS[found[3]])
        if pace.limit > MAX_REQUESTS or pace.seconds > _SECONDS["day"]:
            raise ValueError(f"{text!r} is out of bounds")
        return pace


class WindowCount(NamedTuple):
    """How many requests a window has seen, this one included, and when it ends (seconds since the epoch)."""

    hits: int
    ends_at: float


class RateLimiter(Protocol):
    """Counts hits of named counters; each window begins with its first hit."""

    fallbacks: int
    """How often a request was counted in memory because Redis did not answer."""

    async def hit(self, names: Sequence[tuple[str, int]], now: float) -> list[WindowCount]:
        """Count one request in each of (name, window in seconds), in one round trip."""
        ...

    async def is_reachable(self) -> bool | None:
        """Whether Redis answers; None where none is used."""
        ...

    async def close(self) -> None: ...


class MemoryRateLimiter:
    """Counters of one process. Bounded: when full, those whose window has ended go first."""

    def __init__(self, most: int = MAX_COUNTERS) -> None:
        self._most = most
        self._counters: dict[str, tuple[int, float]] = {}
        self.fallbacks = 0

    async def hit(self, names: Sequence[tuple[str, int]], now: float) -> list[WindowCount]:
        return [self.hit_sync(name, seconds, now) for name, seconds in names]

    def hit_sync(self, name: str, seconds: int, now: float) -> WindowCount:
        """Count one request; never waits."""
        hits, ends_at = self._counters.get(name, (0, 0.0))
        if now >= ends_at:
            hits, ends_at = 0, now + seconds
            if len(self._counters) >= self._most:
                self._evict(now, name)
        hits += 1
        self._counters[name] = (hits, ends_at)
        return WindowCount(hits, ends_at)

    def peek(self, name: str, now: float) -> WindowCount:
        """What the running window has seen, without counting."""
        hits, ends_at = self._counters.get(name, (0, now))
        return WindowCount(hits, ends_at) if ends_at > now else WindowCount(0, now)

    def _evict(self, now: float, wanted: str) -> None:
        """Drop what has ended; if that is not enough, a tenth of the counters of the wanted one's own kind.

        Whoever invents a hundred thousand keys so pushes out invented keys, not the count of his own address; and
        those with the fewest requests go first, not the count of a key that he really has.
        """
        self._counters = {name: kept for name, kept in self._counters.items() if kept[1] > now}
        if len(self._counters) < self._most:
            return
        kind = wanted.partition(":")[0]
        alike = [name for name in self._counters if name.partition(":")[0] == kind]
        if len(alike) <= self._most // 100:
            # Too few to be what fills the place; looking for room at every request would cost more than it saves.
            alike = list(self._counters)
        alike.sort(key=self._counters.__getitem__)
        for name in alike[: max(1, self._most // 10)]:
            del self._counters[name]

    async def is_reachable(self) -> bool | None:
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
    """Counters shared by all processes. While Redis is away each process counts for itself, and says so."""

    def __init__(self, url: str) -> None:
        """Raises ValueError for an address with options that the client does not take."""
        from redis.asyncio import BlockingConnectionPool, Redis

        try:
            pool: Any = BlockingConnectionPool.from_url(
                url,
                max_connections=20,
                timeout=REDIS_TIMEOUT_SECONDS,
                socket_timeout=REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
            )
            # Only a connection refuses an unknown option. Making one connects to nothing.
            pool.make_connection()
        except (TypeError, ValueError, _redis_error()):
            raise ValueError("what follows its ? is no option of the client of Redis") from None
        # A client made from a pool closes it; one that is merely given a pool leaves its connections open.
        self._redis: Any = Redis.from_pool(pool)
        self._script: Any = self._redis.register_script(_SCRIPT)
        self._memory = MemoryRateLimiter()
        self._away = False
        self._away_until = 0.0
        self._look: asyncio.Task[None] | None = None
        self.fallbacks = 0

    async def hit(self, names: Sequence[tuple[str, int]], now: float) -> list[WindowCount]:
        if not self._away:
            try:
                # Around all of it: waiting for a free connection, connecting and being answered.
                async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                    return await self._shared(names, now)
            except (OSError, TimeoutError, _redis_error()) as error:
                self._mark_down(error)
        elif self._look is None and monotonic() >= self._away_until:
            # Beside the requests: a Redis that hangs would hold up whichever of them went to look.
            self._look = asyncio.create_task(self._probe())
        self.fallbacks += 1
        return await self._memory.hit(names, now)

    def _mark_down(self, error: Exception) -> None:
        self._away_until = monotonic() + REDIS_RETRY_SECONDS
        if not self._away:
            self._away = True
            log.warning("Redis does not answer (%s); counting in this process", type(error).__name__)

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                await self.ping()
        except (OSError, TimeoutError, _redis_error()) as error:
            self._mark_down(error)
        else:
            self._away = False
            log.info("Redis answers again; counting there")
        finally:
            self._look = None

    async def _shared(self, names: Sequence[tuple[str, int]], now: float) -> list[WindowCount]:
        answered: Awaitable[list[int]] = self._script(
            keys=["earshot:" + name for name, _ in names], args=[seconds * 1000 for _, seconds in names]
        )
        flat = await answered
        return [WindowCount(flat[i], now + flat[i + 1] / 1000) for i in range(0, len(flat), 2)]

    async def ping(self) -> None:
        """Raises when Redis does not answer."""
        await self._redis.ping()

    async def is_reachable(self) -> bool | None:
        try:
            await self.ping()
        except (OSError, TimeoutError, _redis_error()):
            return False
        return True

    async def close(self) -> None:
        if self._look is not None:
            self._look.cancel()
        await self._redis.aclose()


def _redis_error() -> type[Exception]:
    from redis.exceptions import RedisError

    return RedisError
