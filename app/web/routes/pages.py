"""The pages for people: the home page, and a plain page for each approved post."""

import re
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.api.openapi import OpenApiDocument
from app.api.services import PageViews
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.domain.portals.public_lists import PublicSummary
from app.domain.posts import public
from app.domain.posts.public import PublicComment, PublicPost
from app.domain.unit_of_work import Row, UnitOfWork
from app.web.public_address import PublicAddress
from app.web.rendered_texts import RenderedTexts
from app.web.templating import TemplateRenderer

MAX_DEPTH: Final = 4
"""Deeper replies are not indented further."""

_CODE: Final = re.compile(r"(?:[\w-]*-)?([0-9A-Za-z]{6})")
_SLUG: Final = re.compile(r"[\w-]{1,1000}")


def post_path(post: PublicPost | PublicSummary) -> str:
    """The path of the post's page on its portal."""
    return f"/p/{quote(post.slug, safe='')}-{post.code}"


def router(
    pages: TemplateRenderer,
    database: Database,
    documents: Sequence[OpenApiDocument],
    public_address: PublicAddress,
    views: PageViews,
    texts: RenderedTexts,
) -> APIRouter:
    """GET and HEAD of /, /p/{slug}-{code} and /posts/{slug}."""
    routes = APIRouter()
    posts = _PostPages(pages, database, views, texts)

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def home(request: Request) -> Response:
        return pages.page("home.html", documents=documents, address=await public_address.find(request))

    @routes.api_route("/p/{segment}", methods=["GET", "HEAD"])
    async def post_by_code(request: Request, segment: str) -> Response:
        result = await posts.find_by_code(request, segment)
        if result is None:
            return pages.error(404)
        # Only the code identifies the post; titles change, and links are typed by hand.
        is_current = post_path(result[1]) == f"/p/{quote(segment, safe='')}"
        return await posts.show(request, *result) if is_current else posts.redirect(result[1])

    @routes.api_route("/p/{segment}/edit", methods=["GET", "HEAD"])
    @routes.api_route("/p/{segment}/delete", methods=["GET", "HEAD"])
    async def post_to_change(request: Request, segment: str) -> Response:
        """The APIs return these links. There are no such pages yet, so they redirect to the post."""
        result = await posts.find_by_code(request, segment)
        return pages.error(404) if result is None else posts.redirect(result[1])

    @routes.api_route("/posts/{slug}", methods=["GET", "HEAD"])
    async def post_by_slug(request: Request, slug: str) -> Response:
        result = await posts.find_by_slug(request, slug)
        return pages.error(404) if result is None else await posts.show(request, *result)

    return routes


class _PostPages:
    """Finds public posts with the ids of their portals, and responds with their pages."""

    def __init__(self, pages: TemplateRenderer, database: Database, views: PageViews, texts: RenderedTexts) -> None:
        self._pages = pages
        self._database = database
        self._views = views
        self._texts = texts

    async def find_by_code(self, request: Request, segment: str) -> tuple[int, PublicPost] | None:
        code = _CODE.fullmatch(segment)
        return None if code is None else await self._find(request, lambda work: public.by_code(work, code[1]))

    async def find_by_slug(self, request: Request, slug: str) -> tuple[int, PublicPost] | None:
        is_slug = _SLUG.fullmatch(slug) is not None
        return await self._find(request, lambda work: public.by_slug(work, slug)) if is_slug else None

    async def _find(
        self, request: Request, query: Callable[[UnitOfWork], PublicPost | None]
    ) -> tuple[int, PublicPost] | None:
        """The id of the public portal on the request's host, and its post."""
        portal_id = await find_public_portal_id(self._database, request)
        if portal_id is None:
            return None
        post = await self._database.read(query, PortalContext(portal_id, OPERATOR), snapshot=True)
        return None if post is None else (portal_id, post)

    def redirect(self, post: PublicPost) -> Response:
        return RedirectResponse(self._pages.link(post_path(post)), 302, {"Cache-Control": "no-cache"})

    async def show(self, request: Request, portal_id: int, post: PublicPost) -> Response:
        # Before the view is counted, since a page that can't be rendered is no view.
        description, comments = await _render(self._texts, post)
        if request.method == "GET":
            self._views.add(portal_id, post.id)
        address = self._pages.link(post_path(post))
        return self._pages.page("post.html", post=post, description=description, comments=comments, address=address)


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


async def _render(texts: RenderedTexts, post: PublicPost) -> tuple[Markup, list[tuple[PublicComment, int, Markup]]]:
    """The rendered description, and each comment with its depth in its thread and its rendered body."""
    threaded = _order_threads(post.comments)
    description, *bodies = await texts.format([post.description, *(comment.body for comment, _ in threaded)])
    return description, [(*comment, body) for comment, body in zip(threaded, bodies, strict=True)]


def _order_threads(comments: Sequence[PublicComment]) -> list[tuple[PublicComment, int]]:
    """The comments with their depths: thread after thread, pinned ones first, replies below their parents."""
    ids = {comment.id for comment in comments}
    replies: dict[int | None, list[PublicComment]] = {}
    for comment in comments:
        # A reply whose parent is not public, or on another post, starts a thread.
        parent_id = comment.parent_id if comment.parent_id in ids else None
        replies.setdefault(parent_id, []).append(comment)
    ordered = []
    roots = sorted(replies.get(None, []), key=lambda comment: not comment.pinned)
    stack = [(comment, 0) for comment in reversed(roots)]
    while stack:
        comment, depth = stack.pop()
        ordered.append((comment, min(depth, MAX_DEPTH)))
        stack.extend((reply, depth + 1) for reply in reversed(replies.get(comment.id, [])))
    return ordered
