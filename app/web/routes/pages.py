"""The pages that people read: what this is, and one plain page for each approved post."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.api.services import PageViews
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.domain.posts import public
from app.domain.posts.public import PublicComment, PublicPost
from app.domain.unit_of_work import UnitOfWork
from app.web.rendered_texts import RenderedTexts
from app.web.templating import TemplateRenderer, host_of

MAX_DEPTH: Final = 4
"""Replies to replies to replies are shown no further to the right than this."""

_CODE: Final = re.compile(r"(?:[\w-]*-)?([0-9A-Za-z]{6})")
_SLUG: Final = re.compile(r"[\w-]{1,1000}")


@dataclass(frozen=True, slots=True)
class ThreadedComment:
    """A comment in its place: how deep in its thread, and ready to be shown."""

    comment: PublicComment
    depth: int
    body: Markup


@dataclass(frozen=True, slots=True)
class PostPage:
    """A post ready to be shown."""

    post: PublicPost
    description: Markup
    comments: Sequence[ThreadedComment]


def address_of(post: PublicPost) -> str:
    """The post's page on its portal."""
    return f"/p/{quote(post.slug, safe='')}-{post.code}"


def router(pages: TemplateRenderer, database: Database, views: PageViews, texts: RenderedTexts) -> APIRouter:
    """GET and HEAD of /, /p/{slug}-{code} and /posts/{slug}."""
    routes = APIRouter()

    async def find(request: Request, which: Callable[[UnitOfWork], PublicPost | None]) -> tuple[int, PublicPost] | None:
        """The portal on the host that was asked, and its post."""
        portal_id = await portal_for_host(database, host_of(request))
        if portal_id is None:
            return None
        post = await database.read(which, PortalContext(portal_id, OPERATOR), snapshot=True)
        return None if post is None else (portal_id, post)

    async def show(request: Request, portal_id: int, post: PublicPost) -> Response:
        # Before the view is counted: a page that is refused is no view.
        seen = await _seen(texts, post)
        if request.method == "GET":
            views.add(portal_id, post.id)
        return pages.page("post.html", seen=seen, post=post, address=pages.link(address_of(post)))

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def home(request: Request) -> Response:
        return pages.page("home.html")

    @routes.api_route("/p/{named}", methods=["GET", "HEAD"])
    async def post_by_code(request: Request, named: str) -> Response:
        code = _CODE.fullmatch(named)
        found = None if code is None else await find(request, lambda work: public.by_code(work, code[1]))
        if found is None:
            return pages.error(404)
        address = address_of(found[1])
        if address != f"/p/{quote(named, safe='')}":
            # The code decides; titles change, and links are typed by hand.
            return RedirectResponse(pages.link(address), 302, {"Cache-Control": "no-cache"})
        return await show(request, *found)

    @routes.api_route("/p/{named}/edit", methods=["GET", "HEAD"])
    @routes.api_route("/p/{named}/delete", methods=["GET", "HEAD"])
    async def post_to_change(request: Request, named: str) -> Response:
        """Answers tell these addresses; until there is something to click, they lead to the post."""
        code = _CODE.fullmatch(named)
        found = None if code is None else await find(request, lambda work: public.by_code(work, code[1]))
        if found is None:
            return pages.error(404)
        return RedirectResponse(pages.link(address_of(found[1])), 302, {"Cache-Control": "no-cache"})

    @routes.api_route("/posts/{slug}", methods=["GET", "HEAD"])
    async def post_by_slug(request: Request, slug: str) -> Response:
        known = _SLUG.fullmatch(slug) is not None
        found = await find(request, lambda work: public.by_slug(work, slug)) if known else None
        return pages.error(404) if found is None else await show(request, *found)

    return routes


async def portal_for_host(database: Database, host: str) -> int | None:
    """The portal that answers on this host, or None."""
    row = await database.read(lambda work: portals.by_host(work, host), NO_PORTAL)
    return None if row is None else int(row[0])


async def _seen(texts: RenderedTexts, post: PublicPost) -> PostPage:
    threaded = _order_threads(post.comments)
    description, *bodies = await texts.format([post.description, *(comment.body for comment, _ in threaded)])
    said = [ThreadedComment(comment, depth, body) for (comment, depth), body in zip(threaded, bodies, strict=True)]
    return PostPage(post, description, said)


def _order_threads(comments: Sequence[PublicComment]) -> list[tuple[PublicComment, int]]:
    """Each thread after the other, pinned ones first, every reply below what it answers."""
    known = {comment.id for comment in comments}
    replies: dict[int | None, list[PublicComment]] = {}
    for comment in comments:
        # A reply to what is not public, or is on another post, stands for itself.
        parent_id = comment.parent_id if comment.parent_id in known else None
        replies.setdefault(parent_id, []).append(comment)
    placed = []
    first = sorted(replies.get(None, []), key=lambda comment: not comment.pinned)
    waiting = [(comment, 0) for comment in reversed(first)]
    while waiting:
        comment, depth = waiting.pop()
        placed.append((comment, min(depth, MAX_DEPTH)))
        waiting.extend((reply, depth + 1) for reply in reversed(replies.get(comment.id, [])))
    return placed
