"""Passwords: hashed with argon2id in threads, since one hash takes more time than a hundred requests.

The hash of an imported user may be bcrypt's; it is verified as it is, and then replaced.
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

from app.domain.errors import ServiceUnavailable

MAX_WORKERS: Final = 2
"""Each hash takes 64 MiB of memory."""
MAX_QUEUED: Final = 64
"""Later calls are rejected: the last of these waits some four seconds."""
MAX_PASSWORD_BYTES: Final = 4096
"""A longer text is never a password; hashing it would let any client cause that work."""
BCRYPT_BYTES: Final = 72
"""bcrypt reads no more, and the library rejects longer passwords instead of truncating them."""

# The hashes that are verified. Higher costs would occupy a thread for minutes, or take gigabytes.
_BCRYPT: Final = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
_ARGON2: Final = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=[1-9]\d{0,5},t=[1-9]\d?,p=[1-9]\d?\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)

P = ParamSpec("P")
T = TypeVar("T")


class Verification(NamedTuple):
    """The result of verifying a password."""

    is_valid: bool
    new_hash: str | None
    """The hash to store instead, if the stored one has outdated parameters."""


@cache
def _context() -> Any:
    # Rarely needed, and slow to import.
    from passlib.context import CryptContext

    return CryptContext(schemes=["argon2", "bcrypt"], deprecated=["bcrypt"])


@cache
def _dummy_hash() -> str:
    """Verified if there is no stored hash, so that the duration reveals nothing."""
    return hash_password(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """The hash of a password. Takes about a tenth of a second."""
    return str(_context().hash(password))


def _encode(password: str) -> bytes | None:
    """The bytes that are hashed; None for a text that can't be a password."""
    try:
        secret = password.encode()
    except UnicodeEncodeError:
        return None
    # No password has a NUL, since libraries differ in how they treat one.
    return None if len(secret) > MAX_PASSWORD_BYTES or b"\0" in secret else secret


def verify(password: str, stored: str) -> bool:
    """Whether the password matches the stored hash. An invalid text or hash returns False."""
    secret = _encode(password)
    if secret is None:
        return False
    if _BCRYPT.fullmatch(stored):
        secret = secret[:BCRYPT_BYTES]
    elif not _ARGON2.fullmatch(stored):
        return False
    try:
        return bool(_context().verify(secret, stored))
    except ValueError:
        return False


def verify_and_rehash(password: str, stored: str | None) -> Verification:
    """Verify a password against the stored hash; None is a user without a password, or no user at all.

    A hash is computed in any case, so that "no user" takes as long as "wrong password". An imported bcrypt hash takes
    the time of its own cost.
    """
    dummy = _dummy_hash()
    is_hash = stored is not None and bool(_ARGON2.fullmatch(stored) or _BCRYPT.fullmatch(stored))
    if stored is None or not is_hash or _encode(password) is None:
        verify("nobody", dummy)
        return Verification(False, None)
    if not verify(password, stored):
        return Verification(False, None)
    return Verification(True, hash_password(password) if _context().needs_update(stored) else None)


class PasswordHasher:
    """Hashes and verifies in threads, with a bounded queue."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_WORKERS, "passwords")
        self._pending = 0

    async def hash_password(self, password: str) -> str:
        """As the function `hash_password`. Raises ServiceUnavailable if the queue is full."""
        return await self._run(hash_password, password)

    async def verify_and_rehash(self, password: str, stored: str | None) -> Verification:
        """As the function `verify_and_rehash`. Raises ServiceUnavailable if the queue is full."""
        return await self._run(verify_and_rehash, password, stored)

    def close(self) -> None:
        """Wait for running operations."""
        self._threads.shutdown()

    async def _run(self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._pending >= MAX_WORKERS + MAX_QUEUED:
            raise ServiceUnavailable("too many passwords that are being hashed")
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, lambda: operation(*args, **kwargs))
        # After a disconnect the hash is still computed: it counts until it is done.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, _: Any) -> None:
        self._pending -= 1
