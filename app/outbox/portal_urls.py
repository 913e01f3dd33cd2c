"""The base URL of a portal's links in mail, and in webhook calls for events without a request."""

from ipaddress import ip_address
from time import monotonic
from typing import Final

from app.adapters.database import NO_PORTAL, Database
from app.domain.portals import portals
from app.public_url import PublicUrl

CACHE_TTL_SECONDS: Final = 60.0
MAX_CACHED: Final = 10_000


class PortalUrls:
    """Chooses base URLs from what the operator configured, never from a request: a client chooses the host of that.

    `address` are the host and port of the server, which are used if nothing better is configured.
    """

    def __init__(self, database: Database, public: PublicUrl, *, address: tuple[str, int]) -> None:
        self._database = database
        self._public = public
        self._address = address
        self._cache: dict[int, tuple[str, float]] = {}

    @property
    def is_public(self) -> bool:
        """Whether the server has a public URL."""
        return self._public.url is not None

    def choose(self, host: str | None, *, is_only: bool) -> str:
        """The base URL of the portal with this host, without a slash at the end.

        The public URL, with the portal's host where there are several portals; else one of the portal's host; else that
        of the server's own address.
        """
        if self._public.url is not None:
            return self._public.url if is_only or host is None else self._public.on(host)
        own_host, port = self._address
        if host is None:
            return f"http://[{own_host}]:{port}" if ":" in own_host else f"http://{own_host}:{port}"
        # Without a public URL the scheme is not known. Mail leads to servers with TLS, except on the same machine.
        return f"http://{host}:{port}" if is_local(host) else f"https://{host}"

    async def find(self, portal_id: int) -> str:
        """The base URL of a portal, without a slash at the end. It may be a minute old. Raises ServiceUnavailable."""
        url, expires_at = self._cache.get(portal_id, ("", 0.0))
        if monotonic() < expires_at:
            return url
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        rows = await self._database.read(portals.list_all, NO_PORTAL)
        hosts = {row["id"]: row["host"] for row in rows}
        url = self.choose(hosts.get(portal_id), is_only=len(hosts) == 1)
        self._cache[portal_id] = url, monotonic() + CACHE_TTL_SECONDS
        return url


def is_local(host: str) -> bool:
    """Whether the host is this machine, by its name or its address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
