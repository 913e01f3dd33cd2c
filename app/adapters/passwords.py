"""Passwords: hashed with argon2id in threads of their own, for one hash costs more time than a hundred requests.

A hash that came with a user from elsewhere may be bcrypt's; it is checked as it stands, and made anew after that.
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
"""Each hash takes 64 MiB while it is made."""
MAX_QUEUED: Final = 64
"""Who comes later is sent away: the last of these waits some four seconds."""
MAX_PASSWORD_BYTES: Final = 4096
"""No longer text is anybody's password: hashing it would be work that a stranger can order."""
BCRYPT_BYTES: Final = 72
"""bcrypt never read any further, and the library refuses what is longer instead of cutting it."""

# What may be checked at all. Costs beyond these bounds would occupy a thread for minutes, or take gigabytes.
_BCRYPT: Final = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
_ARGON2: Final = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=[1-9]\d{0,5},t=[1-9]\d?,p=[1-9]\d?\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}"
)

P = ParamSpec("P")
T = TypeVar("T")


class Verification(NamedTuple):
    """What became of checking a password."""

    is_valid: bool
    new_hash: str | None
    """What should be stored from now on, when what is stored is not what would be made today."""


@cache
def _context() -> Any:
    # Seldom needed, and slow to import.
    from passlib.context import CryptContext

    return CryptContext(schemes=["argon2", "bcrypt"], deprecated=["bcrypt"])


@cache
def _dummy_hash() -> str:
    """What is checked where there is nothing to check, so that an answer's time tells nothing."""
    return hash_password(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """What is stored of a password. Takes about a tenth of a second."""
    return str(_context().hash(password))


def _secret(password: str) -> bytes | None:
    """The password as it is hashed; None for what can be nobody's."""
    try:
        secret = password.encode()
    except UnicodeEncodeError:
        return None
    # Nobody's password has a NUL, and libraries differ in what they make of one.
    return None if len(secret) > MAX_PASSWORD_BYTES or b"\0" in secret else secret


def verify(password: str, stored: str) -> bool:
    """Whether this is the password that was stored. No text and no hash, however broken, is an error."""
    secret = _secret(password)
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
    """Check a password against what is stored; None is a user without a password, or no user at all.

    Whatever is found, a hash is made, so that "nobody" takes as long as "wrong". An imported bcrypt hash takes the
    time that its own cost asks for.
    """
    nobodys = _dummy_hash()
    known = stored is not None and bool(_ARGON2.fullmatch(stored) or _BCRYPT.fullmatch(stored))
    if stored is None or not known or _secret(password) is None:
        verify("nobody", nobodys)
        return Verification(False, None)
    if not verify(password, stored):
        return Verification(False, None)
    return Verification(True, hash_password(password) if _context().needs_update(stored) else None)


class PasswordHasher:
    """Hashes and checks beside the event loop, a few at a time, with a few waiting."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_WORKERS, "passwords")
        self._under_way = 0

    async def hash_password(self, password: str) -> str:
        """As the function `hashed`. Raises Unavailable when too many wait."""
        return await self._run(hash_password, password)

    async def verify_and_rehash(self, password: str, stored: str | None) -> Verification:
        """As the function `checked`. Raises Unavailable when too many wait."""
        return await self._run(verify_and_rehash, password, stored)

    def close(self) -> None:
        """Finish what runs."""
        self._threads.shutdown()

    async def _run(self, operation: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        if self._under_way >= MAX_WORKERS + MAX_QUEUED:
            raise ServiceUnavailable("too many passwords that are being hashed")
        self._under_way += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, lambda: operation(*given, **named))
        # Whoever hangs up meanwhile leaves his hash behind: it counts until it is done.
        running.add_done_callback(self._done)
        return await asyncio.shield(running)

    def _done(self, _: Any) -> None:
        self._under_way -= 1
