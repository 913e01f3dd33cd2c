"""What search engines read: the sitemap of the public pages, and robots.txt."""

from collections.abc import Callable
from typing import Final, TypeVar

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.adapters.database import Database, PortalContext
from app.domain.permissions import VISITOR
from app.domain.portals import boards, overviews
from app.domain.unit_of_work import UnitOfWork
from app.web.portals import find_public_portal_id
from app.web.public_address import PublicAddress
from app.web.routes.portal.post import make_path
from app.web.xml_documents import write_sitemap, write_sitemap_index

T = TypeVar("T")

CACHE_SECONDS: Final = 3600
MAX_ID: Final = 2**63 - 1
_METHODS: Final = ["GET", "HEAD"]
_NOT_INDEXED: Final = (
    *("/api/", "/astuto/", "/files/", "/http_api/", "/login", "/notifications", "/productlift/", "/profile"),
    *("/register", "/sso", "/submit", "/unsubscribe", "/widgets/"),
)
"""Paths that are not for readers who come from a search engine."""


def router(database: Database, public_address: PublicAddress) -> APIRouter:
    """GET and HEAD of /sitemap.xml and /robots.txt.

    `/sitemap.xml` is an index of `?part=pages` and of `?after=ID` for each chunk of posts. All have one path, because
    a sitemap may list only pages below its own folder.
    """
    routes = APIRouter()

    async def read(request: Request, query: Callable[[UnitOfWork], T]) -> T:
        portal_id = await find_public_portal_id(database, request)
        if portal_id is None:
            raise HTTPException(404)
        return await database.read(query, PortalContext(portal_id, VISITOR), in_thread=True, snapshot=True)

    @routes.api_route("/sitemap.xml", methods=_METHODS)
    async def sitemap(request: Request) -> Response:
        base_url, params = await public_address.find(request), request.query_params
        if "after" in params:
            after = _parse_id(params["after"])
            rows = await read(request, lambda work: overviews.list_chunk(work, after=after))
            if not rows:
                raise HTTPException(404)
            return _respond(
                write_sitemap((base_url + make_path(row["slug"], row["code"]), row["updated_at"]) for row in rows)
            )
        if "part" in params:
            if params["part"] != "pages":
                raise HTTPException(404)
            paths = ["/", "/roadmap", "/changelog"]
            paths += [f"/boards/{row['slug']}" for row in await read(request, boards.list_all)]
            return _respond(write_sitemap((base_url + path, None) for path in paths))
        starts = await read(request, overviews.list_chunk_starts)
        parts = ["part=pages", *(f"after={start}" for start in starts)]
        return _respond(write_sitemap_index(f"{base_url}/sitemap.xml?{part}" for part in parts))

    @routes.api_route("/robots.txt", methods=_METHODS)
    async def robots(request: Request) -> Response:
        """Only a robots.txt at the root of a host counts: a public URL with a path needs one there."""
        portal_id = await find_public_portal_id(database, request)
        if portal_id is None:
            lines = ["User-agent: *", "Disallow: /"]
        else:
            base_url = await public_address.find(request)
            lines = ["User-agent: *", *(f"Disallow: {public_address.path}{path}" for path in _NOT_INDEXED)]
            lines += ["", f"Sitemap: {base_url}/sitemap.xml"]
        headers = {"Cache-Control": f"public, max-age={CACHE_SECONDS}", "X-Content-Type-Options": "nosniff"}
        return PlainTextResponse("\n".join(lines) + "\n", headers=headers)

    return routes


def _parse_id(text: str) -> int:
    """Raises HTTPException 404."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) and int(text) <= MAX_ID):
        raise HTTPException(404)
    return int(text)


def _respond(document: bytes) -> Response:
    headers = {
        "Cache-Control": f"public, max-age={CACHE_SECONDS}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
    return Response(document, 200, headers, "application/xml; charset=utf-8")
