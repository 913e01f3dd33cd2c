"""Passwords: hashed with argon2id in threads, since one hash takes more time than a hundred requests.

The hash of an imported user may be bcrypt's; it is verified as it is, and then replaced.
"""

import re
import warnings
from functools import cache
from typing import Any, Final, NamedTuple

from app.adapters.thread_pool import BoundedThreadPool

MAX_WORKERS: Final = 2
"""Each hash takes 64 MiB of memory."""
MAX_QUEUED: Final = 64
"""Later calls are rejected: the last of these waits some four seconds."""
MAX_PASSWORD_BYTES: Final = 4096
"""A longer text is never a password; hashing it would let any client cause that work."""
BCRYPT_BYTES: Final = 72
"""bcrypt reads no more, and the library rejects longer passwords instead of truncating them."""

_VERIFIABLE: Final = re.compile(
    r"\$2[aby]\$(?:0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}"
    r"|\$argon2(?:id|i|d)\$v=19\$m=[1-9]\d{0,5},t=[1-9]\d?,p=[1-9]\d?\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)
"""The hashes that are verified. Higher costs would occupy a thread for minutes, or take gigabytes."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


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


def hash_password(password: str) -> str:
    """The hash of a password. Takes about a tenth of a second."""
    return str(_context().hash(password))


def is_verifiable(stored: str) -> bool:
    """Whether this is a well-formed hash of bcrypt or argon2 that passwords can be verified against.

    It verifies one password, so it takes the time of the hash's own cost.
    """
    if not _VERIFIABLE.fullmatch(stored):
        return False
    try:
        with warnings.catch_warnings():
            # The library corrects some bits of a malformed bcrypt hash, and warns; then no password may match it.
            warnings.simplefilter("error")
            _context().verify("", stored)
    except (ValueError, Warning):
        return False
    return True


def verify_and_rehash(password: str, stored: str | None) -> Verification:
    """Verify a password against the stored hash; None is a user without a password, or no user at all.

    An invalid password or hash is a wrong password. A hash is computed in any case, so that "no user" takes as long
    as "wrong password". An imported bcrypt hash takes the time of its own cost.
    """
    # No password has half a surrogate pair, or a NUL, since libraries differ in how they treat one.
    secret = b"\0" if _SURROGATE.search(password) else password.encode()
    is_possible = len(secret) <= MAX_PASSWORD_BYTES and b"\0" not in secret
    if stored is None or not is_possible or not _VERIFIABLE.fullmatch(stored):
        _context().dummy_verify()
        return Verification(False, None)
    try:
        is_valid = bool(_context().verify(secret[:BCRYPT_BYTES] if stored.startswith("$2") else secret, stored))
    except ValueError:
        is_valid = False
    return Verification(is_valid, hash_password(password) if is_valid and _context().needs_update(stored) else None)


class PasswordHasher(BoundedThreadPool):
    """Threads for hashing and verifying."""

    def __init__(self) -> None:
        super().__init__("passwords", max_workers=MAX_WORKERS, max_queued=MAX_QUEUED)

    async def hash_password(self, password: str) -> str:
        """As the function `hash_password`. Raises ServiceUnavailable if the queue is full."""
        return await self.run(hash_password, password)

    async def verify(self, password: str, stored: str | None) -> Verification:
        """As the function `verify_and_rehash`. Raises ServiceUnavailable if the queue is full."""
        return await self.run(verify_and_rehash, password, stored)
