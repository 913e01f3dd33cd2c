"""Who a key admits: looked up by digest, and remembered for a moment."""

from time import monotonic
from typing import Final

from app.adapters.database import NO_PORTAL, Database
from app.domain.users import api_keys
from app.domain.users.api_keys import Principal

CACHE_TTL_SECONDS: Final = 1.0
"""How long a key that was ended by another process may still be admitted on PostgreSQL. On SQLite, which tells of each
write by another process, and for what this process ended, it is forgotten at once."""
MAX_CACHED_KEYS: Final = 10_000


class ApiKeyAuthenticator:
    """Verifies keys. `secret` makes the digests; `former` are secrets of installations that keys were brought from."""

    def __init__(self, database: Database, secret: bytes, former: tuple[bytes, ...] = ()) -> None:
        self._database = database
        self._secrets = (secret, *former)
        self._remembered: dict[str, tuple[float, int, Principal]] = {}
        self._generation = 0
        """How often `forget` was called."""
        self.pending_last_used: dict[int, None] = {}
        """Keys used since somebody last asked; their last use is stored behind the requests."""

    async def authenticate(self, token: str) -> Principal | None:
        """Whom the token admits, or None."""
        digest = api_keys.digest(token, self._secrets[0])
        now, version = monotonic(), self._database.write_version()
        remembered = self._remembered.get(digest) if version is not None else None
        if remembered is not None and remembered[0] > now and remembered[1] == version:
            self.pending_last_used[remembered[2].key_id] = None
            return remembered[2]
        endings = self._generation
        digests = [digest, *(api_keys.digest(token, former) for former in self._secrets[1:])]
        principal = await self._database.read(lambda work: api_keys.verify(work, digests), NO_PORTAL)
        if principal is not None:
            self.pending_last_used[principal.key_id] = None
            # What was looked up before a key was ended may be heard after it.
            if version is not None and endings == self._generation:
                if len(self._remembered) >= MAX_CACHED_KEYS:
                    self._remembered.clear()
                self._remembered[digest] = (now + CACHE_TTL_SECONDS, version, principal)
        return principal

    def invalidate(self) -> None:
        """A key, a user or a role changed: look everybody up again."""
        self._generation += 1
        self._remembered.clear()
