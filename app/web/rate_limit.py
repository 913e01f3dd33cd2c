"""The rate limit of pages, files and documents: slowapi's Limiter, counting each client's address.

The two APIs have rate limits of their own, see `app.adapters.rate_limiter`.
"""

import math
from functools import cached_property
from threading import Lock
from time import time
from types import SimpleNamespace
from typing import Any, Final

from limits.storage import MemoryStorage, Storage
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.adapters.rate_limiter import REDIS_TIMEOUT_SECONDS

SCOPE: Final = "pages"
"""One counter for all pages, so that a crawler does not get one allowance per post."""
FORM_SCOPE: Final = "forms"
FORM_LIMIT: Final = "20/5minutes"
"""The rate limit of forms, which are also counted as pages."""
MAX_ADDRESSES: Final = 10_000
"""Addresses counted in memory at once, in some 3 MiB. `limits` looks at all of them to delete ended windows."""

NO_TIMER: Final[Any] = SimpleNamespace(is_alive=lambda: True)
"""In place of the timer of MemoryStorage, whose thread raises KeyError when a request deletes the same window."""


REDIS_OPTIONS: Final[Any] = {
    "key_prefix": "earshot",
    "socket_timeout": REDIS_TIMEOUT_SECONDS,
    "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
}


def redis_uri(redis_url: str) -> str:
    """The URL of Redis as `limits` has it."""
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url


class PageRateLimit:
    """A dependency of routes. It is synchronous, so FastAPI runs it in a thread: slowapi waits for Redis."""

    def __init__(self, rate_limit: str | None, *, redis_url: str | None, scope: str = SCOPE) -> None:
        """`rate_limit` is such as `300/5minutes`; None is no limit. All requests of a scope have one counter."""
        self._rate_limit, self._redis_url, self._scope = rate_limit, redis_url, scope
        self._lock = Lock()

    @cached_property
    def _limiter(self) -> "_Limiter":
        # Not before the first request for a page: the storage starts a thread. Worker processes are forked before it,
        # and a process that never had a thread allocates memory faster, which is a tenth of a list.
        return _Limiter(self._rate_limit, self._redis_url, self._scope)

    @property
    def storage(self) -> Storage:
        """Where the requests are counted."""
        with self._lock:
            return self._limiter.limiter.storage

    def __call__(self, request: Request) -> None:
        """Count the request. Raises HTTPException 429."""
        storage = self.storage
        # slowapi would count a request in one scope only.
        request.state._rate_limiting_complete = False
        if isinstance(storage, MemoryStorage):
            storage.timer = NO_TIMER
            if len(storage.storage) >= MAX_ADDRESSES:
                # Only a client with thousands of addresses causes this, and no limit by address binds such a client.
                storage.reset()
        try:
            try:
                self._limiter.count(request=request)
            except self._limiter.storage_errors:
                # slowapi switches to memory for the first request that Redis fails; this one failed at the same time.
                self._limiter.count(request=request)
        except RateLimitExceeded:
            raise HTTPException(429, headers={"Retry-After": str(self._seconds_left(request))}) from None

    def _seconds_left(self, request: Request) -> int:
        rate_limit, names = request.state.view_rate_limit
        counter = self._limiter.limiter
        try:
            return max(1, math.ceil(counter.get_window_stats(rate_limit, *names).reset_time - time()))
        except counter.storage.base_exceptions:
            # Redis became unavailable after it counted the request.
            return int(rate_limit.get_expiry())


class _Limiter(Limiter):
    """slowapi's Limiter with one counter for all requests of a scope."""

    def __init__(self, rate_limit: str | None, redis_url: str | None, scope: str) -> None:
        storage: dict[str, Any] = {"storage_uri": "memory://"}
        if redis_url is not None:
            storage = {
                "storage_uri": redis_uri(redis_url),
                "storage_options": REDIS_OPTIONS,
                # While Redis is unreachable each process counts by itself.
                "in_memory_fallback_enabled": True,
            }
        super().__init__(key_func=_client_ip, enabled=rate_limit is not None, **storage)
        self.storage_errors = self.limiter.storage.base_exceptions

        @self.shared_limit(rate_limit or "1/second", scope)
        def count(request: Request) -> None:
            """Do nothing: the decorator counts the request."""

        self.count = count

    def get_app_config(self, key: str, default_value: Any = None) -> Any:
        # slowapi would read its own settings from `.env` and the environment.
        return default_value


def _client_ip(request: Request) -> str:
    return str(request.scope["earshot.request"].client_ip)
