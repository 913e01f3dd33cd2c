"""The address of the server as the client of a request sees it."""

from starlette.requests import Request

from app.adapters.database import NO_PORTAL, Database
from app.domain.errors import ServiceUnavailable
from app.domain.portals import portals
from app.http.request import RequestContext
from app.public_url import PublicUrl


class PublicAddress:
    """Finds the address that pages and documents show, such as `https://example.com/feedback`."""

    def __init__(self, public: PublicUrl, database: Database) -> None:
        self._public = public
        self._database = database
        self.path = public.path

    async def find_trusted(self, request: Request) -> str | None:
        """As `find`, but None without `EARSHOT_BASE_URL`: anybody can send a request with any host."""
        return None if self._public.url is None else await self.find(request)

    async def find(self, request: Request) -> str:
        """The public URL of the portal on the request's host; without `EARSHOT_BASE_URL`, the origin of the request."""
        context: RequestContext = request.scope["earshot.request"]
        if self._public.url is None:
            return context.origin
        try:
            portal = await self._database.read(lambda work: portals.by_host(work, context.host), NO_PORTAL)
        except ServiceUnavailable:
            return self._public.url
        # Only the host of a portal is shown: any other may be an address inside the network, or forged.
        return self._public.url if portal is None or portal[1] is None else self._public.on(portal[1])
