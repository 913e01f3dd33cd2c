"""The portal on the host of a request."""

from starlette.requests import Request

from app.adapters.database import NO_PORTAL, Database
from app.domain.portals import portals
from app.domain.unit_of_work import Row


async def find_portal_id(database: Database, request: Request) -> int | None:
    """The id of the portal on the request's host, or None."""
    row = await _find_portal(database, request)
    return None if row is None else int(row["id"])


async def find_public_portal_id(database: Database, request: Request) -> int | None:
    """As `find_portal_id`, but None also for a private portal."""
    row = await _find_portal(database, request)
    return None if row is None or row["is_private"] else int(row["id"])


async def _find_portal(database: Database, request: Request) -> Row | None:
    host = str(request.scope["earshot.request"].host)
    return await database.read(lambda work: portals.by_host(work, host), NO_PORTAL)
