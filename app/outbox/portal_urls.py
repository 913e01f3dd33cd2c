"""The base URL of a portal's links in mail and webhook calls, which have no request to take it from."""

from time import monotonic
from typing import Final

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.domain.outbox import events
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from app.public_url import PublicUrl

CACHE_TTL_SECONDS: Final = 60.0
MAX_CACHED: Final = 10_000


class PortalUrls:
    """Finds base URLs: the public URL of the server; else that of the portal's newest event; else `fallback`."""

    def __init__(self, database: Database, public: PublicUrl, *, fallback: str) -> None:
        self._database = database
        self._public = public
        self.fallback = fallback
        self._cache: dict[int, tuple[str, float]] = {}

    def context(self, portal_id: int, host: str | None) -> PortalContext:
        """The context of the operator in a portal, with its public URL if the server has one.

        `host` is that of the portal if there are several portals.
        """
        url = self._public.url
        return PortalContext(portal_id, OPERATOR, url if url is None or host is None else self._public.on(host))

    async def find(self, portal_id: int) -> str:
        """The base URL of a portal, without a slash at the end. It may be a minute old. Raises ServiceUnavailable."""
        url, expires_at = self._cache.get(portal_id, ("", 0.0))
        if monotonic() < expires_at:
            return url
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        url = await self._load(portal_id)
        self._cache[portal_id] = url, monotonic() + CACHE_TTL_SECONDS
        return url

    async def _load(self, portal_id: int) -> str:
        rows = await self._database.read(portals.list_all, NO_PORTAL)
        hosts = {row["id"]: row["host"] for row in rows}
        context = self.context(portal_id, hosts.get(portal_id) if len(hosts) > 1 else None)

        def find(work: UnitOfWork) -> str:
            return events.find_base_url(work, self.fallback)

        return await self._database.read(find, context)
