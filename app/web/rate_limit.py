"""The rate limits of pages, files, documents and forms: slowapi's Limiter, counting addresses and browsers.

The two APIs have rate limits of their own, see `app.adapters.rate_limiter`.
"""

import hashlib
import math
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from threading import Lock
from time import time
from types import SimpleNamespace
from typing import Any, Final

import anyio.to_thread
from limits.storage import MemoryStorage, Storage
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.adapters.rate_limiter import REDIS_TIMEOUT_SECONDS
from app.http.proxies import find_client_network
from app.web.cookies import SESSION, Cookies

SCOPE: Final = "pages"
"""One counter for all pages, so that a crawler does not get one allowance per post."""
FORM_SCOPE: Final = "forms"
FORM_LIMIT: Final = "20/5minutes"
"""The rate limit of forms that lead to a session, such as those of sign-in. They are also counted as pages."""
ACTION_SCOPE: Final = "actions"
ACTION_ADDRESS_SCOPE: Final = "actions of an address"
MAX_ADDRESSES: Final = 10_000
"""Counters in memory at once, in some 3 MiB. `limits` looks at all of them to delete ended windows."""

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


def make_room(storage: MemoryStorage) -> None:
    """Delete the oldest counter if there are MAX_ADDRESSES, so that nobody resets the counters of all others."""
    if len(storage.storage) < MAX_ADDRESSES:
        return
    with suppress(StopIteration, RuntimeError):
        # An ended window is counted from its beginning, and so is the newest again: this is the order of the windows.
        storage.clear(next(iter(storage.storage)))


def find_address(request: Request) -> str:
    """The address of the client, or its network: see `find_client_network`."""
    return find_client_network(str(request.scope["earshot.request"].client_ip))


class PageRateLimit:
    """A dependency of routes."""

    def __init__(
        self,
        rate_limit: str | None,
        *,
        redis_url: str | None,
        scope: str = SCOPE,
        find_client: Callable[[Request], str] = find_address,
    ) -> None:
        """`rate_limit` is such as `300/5minutes`; None is no limit. All requests of a scope have one counter.

        `find_client` returns the name of the counter of a client.
        """
        self._rate_limit, self._redis_url, self._scope, self._find_client = rate_limit, redis_url, scope, find_client
        self._lock = Lock()

    @cached_property
    def _limiter(self) -> "_Limiter":
        # Not before the first request for a page: the storage starts a thread. Worker processes are forked before it,
        # and a process that never had a thread allocates memory faster, which is a tenth of a list.
        return _Limiter(self._rate_limit, self._redis_url, self._scope, self._find_client)

    @property
    def storage(self) -> Storage:
        """Where the requests are counted."""
        with self._lock:
            return self._limiter.limiter.storage

    async def count_reading(self, request: Request) -> None:
        """As calling it, for routers all of whose forms have a rate limit of their own."""
        if request.method != "POST":
            await self(request)

    async def __call__(self, request: Request) -> None:
        """Count the request. Raises HTTPException 429."""
        if self._redis_url is None:
            self.count(request)
        else:
            await anyio.to_thread.run_sync(self.count, request)

    def count(self, request: Request) -> None:
        """As calling it, for threads: with Redis it waits for the network."""
        storage = self.storage
        # slowapi would count a request in one scope only.
        request.state._rate_limiting_complete = False
        if isinstance(storage, MemoryStorage):
            storage.timer = NO_TIMER
            make_room(storage)
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


class ActionRateLimit(PageRateLimit):
    """The rate limit of what people do on pages: they vote, write, follow, and change their profile.

    Each browser has a limit. That of an address is higher, because an office or a mobile network has one address.
    """

    def __init__(
        self, rate_limit: str | None, address_limit: str | None, cookies: Cookies, *, redis_url: str | None
    ) -> None:
        super().__init__(rate_limit, redis_url=redis_url, scope=ACTION_SCOPE, find_client=self._find_browser)
        self._cookies = cookies
        self._of_address = PageRateLimit(address_limit, redis_url=redis_url, scope=ACTION_ADDRESS_SCOPE)

    def count(self, request: Request) -> None:
        """Count the request for the address and the browser. Raises HTTPException 429."""
        # The address goes first: whoever sends each request with another cookie makes only so many counters.
        self._of_address.count(request)
        super().count(request)

    def _find_browser(self, request: Request) -> str:
        """A name for the session or the device of a browser; the address of one without a cookie."""
        token = self._cookies.read_token(request, SESSION) or self._cookies.read_device(request)
        return hashlib.sha256(token.encode()).hexdigest() if token else find_address(request)


class _Limiter(Limiter):
    """slowapi's Limiter with one counter for all requests of a scope."""

    def __init__(
        self, rate_limit: str | None, redis_url: str | None, scope: str, find_client: Callable[[Request], str]
    ) -> None:
        storage: dict[str, Any] = {"storage_uri": "memory://"}
        if redis_url is not None:
            storage = {
                "storage_uri": redis_uri(redis_url),
                "storage_options": REDIS_OPTIONS,
                # While Redis is unreachable each process counts by itself.
                "in_memory_fallback_enabled": True,
            }
        super().__init__(key_func=find_client, enabled=rate_limit is not None, **storage)
        self.storage_errors = self.limiter.storage.base_exceptions

        @self.shared_limit(rate_limit or "1/second", scope)
        def count(request: Request) -> None:
            """Do nothing: the decorator counts the request."""

        self.count = count

    def get_app_config(self, key: str, default_value: Any = None) -> Any:
        # slowapi would read its own settings from `.env` and the environment.
        return default_value
