"""Who a key admits. Looked up by digest at every request; on PostgreSQL remembered for a moment."""

from time import monotonic
from typing import Final

from app.adapters.database import NOWHERE, Database
from app.domain import keys
from app.domain.keys import Admission
from app.domain.statements import POSTGRESQL

REMEMBER_SECONDS: Final = 1.0
"""How long a key that was ended by another process may still be admitted. This process forgets at once."""
MOST: Final = 10_000


class Admissions:
    """Verifies keys. `secret` makes the digests; `former` are secrets of installations that keys were brought from."""

    def __init__(self, database: Database, secret: bytes, former: tuple[bytes, ...] = ()) -> None:
        self._database = database
        self._secrets = (secret, *former)
        # A look-up in SQLite costs less than remembering it is worth.
        self._remembers = database.engine == POSTGRESQL
        self._remembered: dict[str, tuple[float, Admission]] = {}
        self.used: dict[int, None] = {}
        """Keys used since somebody last asked; their last use is stored behind the requests."""

    async def of(self, token: str) -> Admission | None:
        """Whom the token admits, or None."""
        digest = keys.digest(token, self._secrets[0])
        if self._remembers:
            remembered = self._remembered.get(digest)
            if remembered is not None and remembered[0] > monotonic():
                return remembered[1]
        digests = [digest, *(keys.digest(token, former) for former in self._secrets[1:])]
        admission = await self._database.reading(lambda work: keys.verify(work, digests), NOWHERE)
        if admission is not None:
            self.used[admission.key_id] = None
            if self._remembers:
                if len(self._remembered) >= MOST:
                    self._remembered.clear()
                self._remembered[digest] = (monotonic() + REMEMBER_SECONDS, admission)
        return admission

    def forget(self) -> None:
        """A key, a user or a role changed: look everybody up again."""
        self._remembered.clear()
