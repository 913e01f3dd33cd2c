"""Limits the wrong passwords of each account, whatever addresses they come from."""

import hashlib
import math
from collections.abc import Sequence
from functools import cached_property
from time import time
from typing import Final

import anyio.to_thread
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from app.web.rate_limit import NO_TIMER, REDIS_OPTIONS, make_room, redis_uri

ACCOUNT_LIMIT: Final = "10/15minutes"
_SCOPE: Final = "passwords"


class AccountLimit:
    """Counts the passwords that were entered for an address since the last right one.

    An address without a user is counted in the same way, so that the response does not show whether there is one.
    A browser that the account is known to have used has a count of its own, so that nobody else can lock its owner out.
    """

    def __init__(self, rate_limit: str | None, *, redis_url: str | None) -> None:
        """None is no limit. Without Redis, and while it is unreachable, each process counts by itself."""
        self._rate_limit: RateLimitItem | None = None if rate_limit is None else parse(rate_limit)
        self._redis_url = redis_url

    async def count(self, portal_id: int, email: str, *, browser: str) -> int | None:
        """Count one password; None, or the seconds after which the next one may be entered.

        `browser` is the name of a known browser, or empty for any other.
        """
        if self._rate_limit is None:
            return None
        name = _name(portal_id, email, browser)
        return await anyio.to_thread.run_sync(_count, self._limiters, self._rate_limit, name)

    async def forget(self, portal_id: int, email: str, *, browser: str) -> None:
        """Start again from zero, after the right password."""
        if self._rate_limit is not None:
            name = _name(portal_id, email, browser)
            await anyio.to_thread.run_sync(_forget, self._limiters, self._rate_limit, name)

    @cached_property
    def _limiters(self) -> list[FixedWindowRateLimiter]:
        """That of Redis, if there is one, and that of this process."""
        # Not before the first password: the storage in memory starts a thread. Worker processes are forked before.
        memory = FixedWindowRateLimiter(MemoryStorage())
        if self._redis_url is None:
            return [memory]
        return [FixedWindowRateLimiter(RedisStorage(redis_uri(self._redis_url), **REDIS_OPTIONS)), memory]


def _count(limiters: Sequence[FixedWindowRateLimiter], rate_limit: RateLimitItem, name: str) -> int | None:
    for limiter in limiters[:-1]:
        try:
            return _hit(limiter, rate_limit, name)
        except limiter.storage.base_exceptions:
            continue
    memory = limiters[-1].storage
    if isinstance(memory, MemoryStorage):
        memory.timer = NO_TIMER
        make_room(memory)
    return _hit(limiters[-1], rate_limit, name)


def _forget(limiters: Sequence[FixedWindowRateLimiter], rate_limit: RateLimitItem, name: str) -> None:
    for limiter in limiters:
        try:
            limiter.clear(rate_limit, _SCOPE, name)
        except limiter.storage.base_exceptions:
            continue


def _hit(limiter: FixedWindowRateLimiter, rate_limit: RateLimitItem, name: str) -> int | None:
    if limiter.hit(rate_limit, _SCOPE, name):
        return None
    return max(1, math.ceil(limiter.get_window_stats(rate_limit, _SCOPE, name).reset_time - time()))


def _name(portal_id: int, email: str, browser: str) -> str:
    # The digest has any address in a few characters, and Redis none in clear.
    return f"{portal_id}:{hashlib.sha256(email.encode('utf-8', 'surrogatepass')).hexdigest()}:{browser}"
