"""Widgets: the script that pages of other sites load, and the pages that they may show in a frame.

docs/contracts/productlift.md, section 9.14. Browsers send no cookie of the portal in frames of other sites, and these
pages would ignore it: they are those of a visitor.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Database, PortalContext
from app.adapters.translations import load_translation
from app.api.productlift import path_params
from app.domain.errors import NotFound
from app.domain.permissions import VISITOR
from app.domain.portals import overviews, portals, statuses, tabs, widgets
from app.domain.portals.widgets import ANY_SITE
from app.domain.posts.visible_posts import PAGE_POSTS
from app.domain.unit_of_work import Row, UnitOfWork
from app.web import appearance
from app.web.portals import find_public_portal_id
from app.web.routes.assets import Assets
from app.web.templating import TemplateRenderer

MAX_TAB_KEY: Final = 191
_METHODS: Final = ["GET", "HEAD"]
_FRAMES: Final = frozenset({"iframe", "frame", "object", "embed"})
"""Values of `Sec-Fetch-Dest` by which a browser says that the page is for a frame."""
_ORDERS: Final = {"changelog": "status"}
"""The order of a tab by its type; for other types the posts with the most votes come first."""


def router(pages: TemplateRenderer, embedded: "EmbeddedPages") -> APIRouter:
    """GET and HEAD of /widgets_sdk, /widgets/{widget} and /embedded_roadmap."""
    routes = APIRouter()

    @routes.api_route("/widgets_sdk", methods=_METHODS)
    async def script(request: Request) -> Response:
        return await _script(pages.assets, request)

    @routes.api_route("/widgets/{widget}", methods=_METHODS)
    async def widget_page(request: Request, widget: str) -> Response:
        """The script knows the UUID of a widget only, not its tab."""
        return await embedded.redirect_to_tab(request, path_params.uuid(widget))

    @routes.api_route("/embedded_roadmap", methods=_METHODS)
    async def embedded_roadmap(request: Request) -> Response:
        return await embedded.show_roadmap(request)

    return routes


class EmbeddedPages:
    """Responds with the pages that other sites show in a frame."""

    def __init__(self, pages: TemplateRenderer, database: Database) -> None:
        self._pages = pages
        self._database = database

    async def redirect_to_tab(self, request: Request, widget: str) -> Response:
        """A redirect to the tab of the widget with this UUID."""
        context = await self._find_context(request)
        try:
            if context is None or not widget:
                raise NotFound("widget")
            tab = await self._database.read(lambda work: widgets.find_tab_url(work, widget), context)
        except NotFound:
            return self._pages.widget_error(has_close_button=True)
        return RedirectResponse(self._pages.link(tab_path(tab, 1, widget)), 302, {"Cache-Control": "no-cache"})

    async def show_tab(self, request: Request, key: str, page: int | None) -> Response | None:
        """The page of a tab for the frames of a widget's sites; None if the request is for no widget.

        `page` is None for a number that can't be read. In a frame the page says that there is nothing to show if the
        widget, the tab or the page does not exist: anything else would be an empty box there. Raises HTTPException 404.
        """
        params = request.query_params
        is_framed = bool(params.get("widget_id")) and request.headers.get("sec-fetch-dest") in _FRAMES
        widget, context = path_params.uuid(params.get("widget_id", "")), await self._find_context(request)

        def show(work: UnitOfWork) -> Response | None:
            frame_ancestors = _find_frame_ancestors(work, widget)
            return None if frame_ancestors is None else self._show_tab(work, key, page, widget, frame_ancestors)

        response = None
        if context is not None and widget:
            try:
                response = await self._database.read(show, context, in_thread=True, snapshot=True)
            except NotFound:
                if not is_framed:
                    raise HTTPException(404) from None
        return self._pages.widget_error(has_close_button=False) if response is None and is_framed else response

    async def show_roadmap(self, request: Request) -> Response:
        """The roadmap, which any site may show in a frame."""
        context = await self._find_context(request)
        if context is None:
            raise HTTPException(404)

        def show(work: UnitOfWork) -> Response:
            portal, columns = portals.get_current(work), overviews.roadmap(work)
            catalogue = load_translation(portal["locale"]).catalogue
            return self._respond(
                portal,
                statuses.list_all(work),
                "portal/embedded_roadmap.html",
                frame_ancestors=ANY_SITE,
                title=catalogue.gettext("Roadmap"),
                columns=columns,
            )

        return await self._database.read(show, context, in_thread=True, snapshot=True)

    async def _find_context(self, request: Request) -> PortalContext | None:
        """As a visitor of the portal on the request's host; None for a private one."""
        portal_id = await find_public_portal_id(self._database, request)
        return None if portal_id is None else PortalContext(portal_id, VISITOR)

    def _show_tab(self, work: UnitOfWork, key: str, page: int | None, widget: str, frame_ancestors: str) -> Response:
        if page is None or not is_tab_key(key):
            raise NotFound("tab")
        tab = tabs.by_url(work, key)
        order = _ORDERS.get(tab["type"], "top")
        posts = overviews.page_of_tab(work, tab["id"], order=order, offset=(page - 1) * PAGE_POSTS)
        if page > 1 and not posts.posts:
            raise NotFound("page")
        return self._respond(
            portals.get_current(work),
            statuses.list_all(work),
            "portal/embedded_tab.html",
            frame_ancestors=frame_ancestors,
            title=tab["name"],
            posts=posts.posts,
            is_changelog=tab["type"] == "changelog",
            newer_path=tab_path(tab["url"], page - 1, widget) if page > 1 else None,
            older_path=tab_path(tab["url"], page + 1, widget) if posts.has_more else None,
        )

    def _respond(
        self, portal: Row, all_statuses: Sequence[Row], template: str, *, frame_ancestors: str, **context: Any
    ) -> Response:
        stylesheet = appearance.make_stylesheet(portal["accent_color"], all_statuses)
        return self._pages.embeddable_page(
            template,
            frame_ancestors=frame_ancestors,
            locale=portal["locale"],
            portal_title=portal["title"],
            stylesheet=appearance.find_path(stylesheet),
            **context,
        )


def is_tab_key(key: str) -> bool:
    """Whether the text may be the URL key of a tab, so that the database can look for it."""
    return "\0" not in key and len(key) <= MAX_TAB_KEY


def tab_path(tab: str, page: int, widget: str = "") -> str:
    """The path of a page of a tab on its portal. `widget` may be empty."""
    params = ([f"widget_id={widget}"] if widget else []) + ([f"page={page}"] if page > 1 else [])
    return f"/t/{quote(tab, safe='')}" + (f"?{'&'.join(params)}" if params else "")


async def _script(assets: Assets, request: Request) -> Response:
    """The script for pages of any site. Its address has no version, so caches ask for a new one after a day."""
    response = await assets.get_response("widgets_sdk.js", request.scope)
    response.headers["Cache-Control"] = "public, max-age=86400, stale-while-revalidate=604800"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _find_frame_ancestors(work: UnitOfWork, widget: str) -> str | None:
    """The sites that may show the widget in a frame; None for an unknown widget."""
    try:
        return str(widgets.by_uuid(work, widget)["frame_ancestors"])
    except NotFound:
        return None
