"""How often one address may ask for what browsers reach. slowapi's Limiter counts, by an explicit decorator per route.

The two interfaces for programs are counted at their doors, not here.
"""

import functools
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import anyio.to_thread
from limits import RateLimitItem
from limits.storage import Storage
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Clock
from app.adapters.rate_limiter import REDIS_TIMEOUT_SECONDS, MemoryRateLimiter

Endpoint = Callable[..., Awaitable[Response]]
Refusal = Callable[[int], Response]

SCOPE: Final = "pages"
"""All pages are counted together, so that a crawler does not get one allowance per post."""


class BoundedStorage(Storage):
    """Lets slowapi count in the same bounded memory as the doors do; its own grows without end."""

    STORAGE_SCHEME = ["earshot"]  # noqa: RUF012  the base class declares it so

    def __init__(self, uri: str | None = None, *, clock: Clock, **options: Any) -> None:
        super().__init__(uri, **options)
        self._clock = clock
        self._counters = MemoryRateLimiter()

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._counters.hit_sync(key, expiry, self._clock().timestamp()).hits

    def get(self, key: str) -> int:
        return self._counters.peek(key, self._clock().timestamp()).hits

    def get_expiry(self, key: str) -> float:
        return self._counters.peek(key, self._clock().timestamp()).ends_at

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        raise NotImplementedError

    def clear(self, key: str) -> None:
        raise NotImplementedError


class PageRateLimit:
    """Counts requests to pages per address: `@guard` above an endpoint that takes `request`, below its route."""

    def __init__(self, pace: str | None, *, redis_url: str | None, clock: Clock, refusal: Refusal) -> None:
        self._pace = pace or "1/second"
        self._clock = clock
        self._refusal = refusal
        self._far = redis_url is not None
        self._away: tuple[type[Exception], ...] = ()
        where: dict[str, Any] = {"storage_uri": "earshot://", "storage_options": {"clock": clock}}
        if redis_url is not None:
            from redis.exceptions import RedisError

            self._away = (RedisError, OSError)
            where = {
                "storage_uri": f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url,
                "storage_options": {
                    "key_prefix": "earshot",
                    "socket_timeout": REDIS_TIMEOUT_SECONDS,
                    "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
                },
                # Redis away: each process counts for itself.
                "in_memory_fallback_enabled": True,
            }
        self._limiter = _Limiter(key_func=_peer, enabled=pace is not None, headers_enabled=False, **where)
        self._limiter.logger.addFilter(_is_news)

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, refused to an address that asks too often."""

        def count(request: Request) -> None:
            """Nothing but what the decorator does."""

        # slowapi keeps limits by module and name, so each endpoint needs its own.
        count.__module__, count.__name__ = endpoint.__module__, endpoint.__name__
        counted = self._limiter.shared_limit(self._pace, SCOPE)(count)

        def refused_for(request: Request) -> int | None:
            try:
                counted(request=request)
            except RateLimitExceeded:
                return self._seconds_left(*request.state.view_rate_limit)
            return None

        @functools.wraps(endpoint)
        async def guarded(request: Request, **given: Any) -> Response:
            # slowapi asks Redis without await, which must not hold up everybody else.
            wait = await anyio.to_thread.run_sync(refused_for, request) if self._far else refused_for(request)
            return await endpoint(request=request, **given) if wait is None else self._refusal(wait)

        return guarded

    def _seconds_left(self, item: RateLimitItem, names: Sequence[str]) -> int:
        try:
            ends_at = self._limiter.limiter.get_window_stats(item, *names)[0]
        except self._away:
            return item.get_expiry()
        return max(1, math.ceil(ends_at - self._clock().timestamp()))


class _Limiter(Limiter):
    """slowapi's Limiter, told everything by Earshot's settings: it would read its own from .env and the environment."""

    def get_app_config(self, key: str, default_value: Any = None) -> Any:
        return default_value


def _is_news(record: logging.LogRecord) -> bool:
    """Not each refused request: whoever asks too often would fill the log as well."""
    return not str(record.msg).startswith("ratelimit ")


def _peer(request: Request) -> str:
    return str(request.scope["earshot.request"].client_ip)
