"""API keys: read from the Authorization header, looked up by digest, and cached for a second."""

import re
from time import monotonic
from typing import Final

from app.adapters.database import NO_PORTAL, Clock, Database, utc_now
from app.domain.errors import ServiceUnavailable
from app.domain.users import key_formats, key_verification
from app.domain.users.key_verification import Principal

CACHE_TTL_SECONDS: Final = 1.0
"""How long a key that another process revoked may still be valid on PostgreSQL. A key that this process revoked is
invalid at once, and on SQLite, where `write_version` changes with each write of another process, any key."""
MAX_CACHED_KEYS: Final = 10_000
MAX_REASONS_PER_SECOND: Final = 50
"""Rejected keys of which a process looks up the reason. Rate limits bound each address; this bounds all of them."""
UNEXPLAINED: Final = "invalid_key"

_PLAIN_HEADER: Final = re.compile(rb"(?:Bearer|Token) ([0-9A-Za-z_|]+)")
_SCHEME: Final = re.compile(rb"(?:Bearer|Token)\s+")
_AFTER_TOKEN: Final = re.compile(rb"[,;\t]")


def parse_token(authorization: bytes | str | None) -> str | None:
    """The API key in an Authorization header, or None.

    Accepts what Astuto's dialect, the more tolerant one, accepts (section 1.2): both schemes, quotes, `token=`, spaces.
    """
    if not authorization:
        return None
    header = authorization.encode("latin-1", "replace") if isinstance(authorization, str) else authorization
    plain = _PLAIN_HEADER.fullmatch(header)
    if plain:
        return plain[1].decode("ascii")
    header = header.strip()
    scheme = _SCHEME.match(header)
    if scheme is None:
        return None
    first = _AFTER_TOKEN.split(header[scheme.end() :], maxsplit=1)[0].rstrip()
    token = first.removeprefix(b"token=").removeprefix(b'"').removesuffix(b'"')
    return token.decode("latin-1") or None


class ApiKeyAuthenticator:
    """Verifies keys. `secret` makes the digests; `former` are secrets of installations that keys were imported from."""

    def __init__(
        self, database: Database, secret: bytes, former: tuple[bytes, ...] = (), *, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._clock = clock
        self._secrets = (secret, *former)
        self._cache: dict[str, tuple[float, int, Principal]] = {}
        """By digest: when the entry expires, the database's write version, and the principal."""
        self._generation = 0
        """The number of calls of `invalidate`."""
        self._reasons_left = 0
        self._reasons_reset_at = 0.0
        self.pending_last_used: dict[int, None] = {}
        """Ids of keys that were used since their last use was stored; a background job stores it."""

    @property
    def secret(self) -> bytes:
        """What the digests of new keys are made with."""
        return self._secrets[0]

    async def authenticate(self, token: str) -> Principal | None:
        """The principal of the token; None for a token that is not valid."""
        digest = key_formats.digest(token, self._secrets[0])
        now, version = monotonic(), self._database.write_version()
        entry = self._cache.get(digest) if version is not None else None
        if entry is not None and entry[0] > now and entry[1] == version:
            cached = entry[2]
            # The clock is read for keys that expire only: most do not.
            if cached.expires_at is None or not cached.is_expired(self._clock()):
                self.pending_last_used[cached.key_id] = None
                return cached
        generation = self._generation
        digests = [digest, *(key_formats.digest(token, former) for former in self._secrets[1:])]
        principal = await self._database.read(lambda work: key_verification.verify(work, digests), NO_PORTAL)
        if principal is not None:
            self.pending_last_used[principal.key_id] = None
            # A key that was read before `invalidate` may be revoked by now, so it is not cached.
            if version is not None and generation == self._generation:
                if len(self._cache) >= MAX_CACHED_KEYS:
                    self._cache.clear()
                self._cache[digest] = (now + CACHE_TTL_SECONDS, version, principal)
        return principal

    async def refusal_reason(self, token: str, host: str) -> str:
        """Why `authenticate` returned None for the token, as a word for the log.

        That is `invalid_key` if it can't be looked up: the database doesn't answer, or MAX_REASONS_PER_SECOND tokens
        were looked up within this second.
        """
        now = monotonic()
        if now >= self._reasons_reset_at:
            self._reasons_reset_at, self._reasons_left = now + 1.0, MAX_REASONS_PER_SECOND
        if not self._reasons_left:
            return UNEXPLAINED
        self._reasons_left -= 1
        digests = [key_formats.digest(token, secret) for secret in self._secrets]
        try:
            return await self._database.read(
                lambda work: key_verification.refusal_reason(work, digests, host), NO_PORTAL
            )
        except ServiceUnavailable:
            # The key was looked up before, so the response is 401 nevertheless.
            return UNEXPLAINED

    def invalidate(self) -> None:
        """Empty the cache, because a key, a user or a role changed."""
        self._generation += 1
        self._cache.clear()
