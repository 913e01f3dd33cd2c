"""The pages of tabs, ProductLift's addresses. The type of the tab decides what the page looks like.

docs/contracts/productlift.md, section 9.14.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Database
from app.domain.errors import NotFound
from app.domain.portals import overviews, tabs
from app.domain.posts.visible_posts import PAGE_POSTS
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.request import RequestContext
from app.web.portal_pages import PortalPages
from app.web.rendered_texts import RenderedTexts
from app.web.routes.portal.overviews import find_pages, list_months, parse_page
from app.web.routes.widgets import EmbeddedPages, is_tab_key, tab_path
from app.web.viewer import Viewer, Viewers

T = TypeVar("T")
_Content: TypeAlias = tuple[str, dict[str, Any]]
"""A template, and what it shows."""

_METHODS: Final = ["GET", "HEAD"]
_QUERY: Final = "%!$&'()*+,;=:@/?[]"
"""Characters that a query may contain."""


def router(
    pages: PortalPages, viewers: Viewers, database: Database, texts: RenderedTexts, embedded: EmbeddedPages
) -> APIRouter:
    """GET and HEAD of /t/{tab} and /t/{tab}/."""
    routes = APIRouter()
    tab_pages = _TabPages(pages, database, texts)

    @routes.api_route("/t/{tab}", methods=_METHODS)
    async def tab_page(request: Request, tab: str) -> Response:
        page = parse_page(request)
        response = await embedded.show_tab(request, tab, page)
        if response is not None:
            return response
        viewer = await viewers.require_reader(request)
        if page is None or not is_tab_key(tab):
            raise HTTPException(404)
        return await tab_pages.show(request, viewer, tab, page)

    @routes.api_route("/t/{tab}/", methods=_METHODS)
    async def tab_with_slash(request: Request, tab: str) -> Response:
        """A redirect to the path without the slash at the end."""
        context: RequestContext = request.scope["earshot.request"]
        # `%2F` at the end belongs to the tab, and no tab has a slash.
        if not context.path.endswith("/"):
            raise HTTPException(404)
        path = f"/t/{quote(tab, safe='')}" + (f"?{quote(context.query, safe=_QUERY)}" if context.query else "")
        return RedirectResponse(pages.link(path), 308, {"Cache-Control": "no-cache"})

    return routes


class _TabPages:
    """Responds with the pages of tabs."""

    def __init__(self, pages: PortalPages, database: Database, texts: RenderedTexts) -> None:
        self._pages = pages
        self._database = database
        self._texts = texts

    async def show(self, request: Request, viewer: Viewer, key: str, number: int) -> Response:
        """The page with this number. Raises HTTPException 404."""
        try:
            tab, all_tabs = await self._database.read(
                lambda work: (tabs.by_url(work, key), tabs.list_all(work)), viewer.context
            )
        except NotFound:
            raise HTTPException(404) from None
        load = {"roadmap": self._load_columns, "changelog": self._load_changelog}.get(tab["type"], self._load_list)
        template, content = await load(viewer, tab, number)
        links = [(row["name"], tab_path(row["url"], 1), row["id"] == tab["id"]) for row in all_tabs]
        return self._pages.respond(request, viewer, template, heading=tab["name"], tabs=links, **content)

    async def _load_columns(self, viewer: Viewer, tab: Row, number: int) -> _Content:
        """All columns at once."""
        if number > 1:
            raise HTTPException(404)
        columns = await self._read(viewer, lambda work: overviews.roadmap_of_tab(work, tab["id"]))
        return "portal/roadmap.html", {"columns": columns}

    async def _load_changelog(self, viewer: Viewer, tab: Row, number: int) -> _Content:
        offset = (number - 1) * PAGE_POSTS
        announcements, has_more = await self._read(
            viewer, lambda work: overviews.list_announcements(work, tab_id=tab["id"], offset=offset)
        )
        if number > 1 and not announcements:
            raise HTTPException(404)
        months = await list_months(self._texts, announcements)
        return "portal/changelog.html", {
            "months": months,
            **find_pages(tab_path(tab["url"], 1), number, has_more=has_more),
        }

    async def _load_list(self, viewer: Viewer, tab: Row, number: int) -> _Content:
        offset, device = (number - 1) * PAGE_POSTS, viewer.device_id
        page = await self._read(
            viewer, lambda work: overviews.page_of_tab(work, tab["id"], order="top", offset=offset, device=device)
        )
        if number > 1 and not page.posts:
            raise HTTPException(404)
        return "portal/tab.html", {
            "posts": page.posts,
            **find_pages(tab_path(tab["url"], 1), number, has_more=page.has_more),
        }

    async def _read(self, viewer: Viewer, query: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(query, viewer.context, in_thread=True, snapshot=True)
