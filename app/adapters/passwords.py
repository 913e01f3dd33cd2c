"""Passwords: hashed with argon2id in threads of their own, for one hash costs more time than a hundred requests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final

MOST_AT_ONCE: Final = 2
"""Each hash takes 64 MiB while it is made."""


@cache
def _context() -> Any:
    # Seldom needed, and slow to import.
    from passlib.context import CryptContext

    return CryptContext(schemes=["argon2"])


def hashed(password: str) -> str:
    """What is stored of a password. Takes about a tenth of a second."""
    return str(_context().hash(password))


def matches(password: str, stored: str) -> bool:
    """Whether this is the password that was stored."""
    return bool(_context().verify(password, stored))


class PasswordHasher:
    """Hashes beside the event loop, a few at a time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "passwords")

    async def hashed(self, password: str) -> str:
        """As the function `hashed`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, hashed, password)

    def close(self) -> None:
        """Finish what runs."""
        self._threads.shutdown()
