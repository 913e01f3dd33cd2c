"""Widgets: the script that pages of other sites load, and the pages that they may show in a frame.

docs/contracts/productlift.md, section 9.14.
"""

import re
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Database, PortalContext
from app.api.productlift import path_params
from app.domain.errors import NotFound
from app.domain.permissions import OPERATOR
from app.domain.portals import portals, public_lists, tabs, widgets
from app.domain.portals.widgets import ANY_SITE
from app.domain.unit_of_work import UnitOfWork
from app.http.request import RequestContext
from app.web.portals import find_public_portal_id
from app.web.routes.assets import Assets
from app.web.routes.portal.post import post_path
from app.web.templating import TemplateRenderer

MAX_TAB_KEY: Final = 191
_METHODS: Final = ["GET", "HEAD"]
_FRAMES: Final = frozenset({"iframe", "frame", "object", "embed"})
"""Values of `Sec-Fetch-Dest` by which a browser says that the page is for a frame."""
_QUERY: Final = "%!$&'()*+,;=:@/?[]"
"""Characters that a query may contain."""
_PAGE: Final = re.compile(r"[1-9][0-9]{0,4}")


def router(pages: TemplateRenderer, database: Database) -> APIRouter:
    """GET and HEAD of /widgets_sdk, /widgets/{widget}, /t/{tab}, /t/{tab}/ and /embedded_roadmap."""
    routes = APIRouter()

    async def portal_context(request: Request) -> PortalContext | None:
        portal_id = await find_public_portal_id(database, request)
        return None if portal_id is None else PortalContext(portal_id, OPERATOR)

    @routes.api_route("/widgets_sdk", methods=_METHODS)
    async def script(request: Request) -> Response:
        return await _script(pages.assets, request)

    @routes.api_route("/widgets/{widget}", methods=_METHODS)
    async def widget_page(request: Request, widget: str) -> Response:
        """The script knows the UUID of a widget only, not its tab."""
        context = await portal_context(request)
        widget_uuid = path_params.uuid(widget)
        if context is None or not widget_uuid:
            return pages.widget_error(has_close_button=True)
        try:
            tab = await database.read(lambda work: widgets.find_tab_url(work, widget_uuid), context)
        except NotFound:
            return pages.widget_error(has_close_button=True)
        return RedirectResponse(pages.link(_tab_path(tab, 1, widget_uuid)), 302, {"Cache-Control": "no-cache"})

    @routes.api_route("/t/{tab}", methods=_METHODS)
    async def tab_page(request: Request, tab: str) -> Response:
        context = await portal_context(request)
        page = request.query_params.get("page", "1")
        is_framed = _is_framed_widget(request)
        try:
            if context is None or "\0" in tab or len(tab) > MAX_TAB_KEY or not _PAGE.fullmatch(page):
                raise NotFound("tab")
            widget = path_params.uuid(request.query_params.get("widget_id", ""))
            return await database.read(
                lambda work: _show_tab(pages, work, tab, int(page), widget, is_framed=is_framed),
                context,
                in_thread=True,
                snapshot=True,
            )
        except NotFound:
            return pages.widget_error(has_close_button=False) if is_framed else pages.error(404)

    @routes.api_route("/t/{tab}/", methods=_METHODS)
    async def tab_with_slash(request: Request, tab: str) -> Response:
        return _redirect_to_tab(pages, request, tab)

    @routes.api_route("/embedded_roadmap", methods=_METHODS)
    async def embedded_roadmap(request: Request) -> Response:
        context = await portal_context(request)
        if context is None:
            return pages.error(404)
        return await database.read(lambda work: _show_roadmap(pages, work), context, in_thread=True, snapshot=True)

    return routes


async def _script(assets: Assets, request: Request) -> Response:
    """The script for pages of any site. Its address has no version, so caches ask for a new one after a day."""
    response = await assets.get_response("widgets_sdk.js", request.scope)
    response.headers["Cache-Control"] = "public, max-age=86400, stale-while-revalidate=604800"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _redirect_to_tab(pages: TemplateRenderer, request: Request, tab: str) -> Response:
    """A redirect from the path of a tab with a slash at its end to the one without."""
    context: RequestContext = request.scope["earshot.request"]
    # `%2F` at the end belongs to the tab, and no tab has a slash.
    if not context.path.endswith("/"):
        return pages.error(404)
    path = f"/t/{quote(tab, safe='')}" + (f"?{quote(context.query, safe=_QUERY)}" if context.query else "")
    return RedirectResponse(pages.link(path), 308, {"Cache-Control": "no-cache"})


def _is_framed_widget(request: Request) -> bool:
    """Whether the page is for a frame in which a site wants to show a widget."""
    return bool(request.query_params.get("widget_id")) and request.headers.get("sec-fetch-dest") in _FRAMES


def _show_tab(
    pages: TemplateRenderer, work: UnitOfWork, tab: str, page: int, widget: str, *, is_framed: bool
) -> Response:
    """The page of a tab; the sites of a known widget may show it in a frame.

    Raises NotFound for an unknown tab, a page without posts after the first, and an unknown widget in a frame.
    """
    _, name, url, kind = tabs.by_url(work, tab)
    frame_ancestors = _frame_ancestors(work, widget)
    if is_framed and frame_ancestors is None:
        # Any other page would be an empty box there.
        raise NotFound("widget")
    posts, has_more = public_lists.page_of_tab(work, tab_url=url, kind=kind, page=page)
    if page > 1 and not posts:
        raise NotFound("page")
    context = {
        "portal": portals.get_current(work)["title"],
        "title": name,
        "posts": [(post_path(post), post) for post in posts],
        "is_changelog": kind == "changelog",
        "previous_path": _tab_path(url, page - 1, widget) if page > 1 else None,
        "next_path": _tab_path(url, page + 1, widget) if has_more else None,
    }
    if frame_ancestors is None:
        links = [(row["name"], _tab_path(row["url"], 1, ""), row["url"] == url) for row in tabs.list_all(work)]
        return pages.page("tab.html", is_embedded=False, tabs=links, **context)
    # A widget shows one tab, so it has no links to others.
    return pages.embeddable_page("tab.html", frame_ancestors=frame_ancestors, tabs=[], **context)


def _show_roadmap(pages: TemplateRenderer, work: UnitOfWork) -> Response:
    columns = public_lists.roadmap(work)
    return pages.embeddable_page(
        "roadmap.html",
        frame_ancestors=ANY_SITE,
        portal=portals.get_current(work)["title"],
        columns=[(column, [(post_path(post), post) for post in column.posts]) for column in columns],
    )


def _frame_ancestors(work: UnitOfWork, widget: str) -> str | None:
    """The sites that may show the widget in a frame; None for an unknown widget, or for none."""
    if not widget:
        return None
    try:
        return str(widgets.by_uuid(work, widget)["frame_ancestors"])
    except NotFound:
        return None


def _tab_path(tab: str, page: int, widget: str) -> str:
    """The path of a page of a tab on its portal. `widget` may be empty."""
    params = ([f"widget_id={widget}"] if widget else []) + ([f"page={page}"] if page > 1 else [])
    return f"/t/{quote(tab, safe='')}" + (f"?{'&'.join(params)}" if params else "")
