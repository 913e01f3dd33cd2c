"""Atom feeds of a public portal, for readers without a session: what a visitor sees, the newest first."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final, TypeAlias
from urllib.parse import quote
from uuid import UUID, uuid5

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database, PortalContext
from app.adapters.translations import load_translation
from app.domain.permissions import VISITOR
from app.domain.portals import boards, overviews, portals
from app.domain.posts import visible_posts
from app.domain.posts.filters import ALL, PostFilter
from app.domain.posts.visible_posts import PostSummary
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import Row, UnitOfWork
from app.web import etags
from app.web.portals import find_public_portal_id
from app.web.public_address import PublicAddress
from app.web.rendered_texts import RenderedTexts
from app.web.routes.portal.overviews import CHANGELOG, ROADMAP
from app.web.routes.portal.post import post_path
from app.web.xml_documents import MEDIA_TYPE, Feed, FeedEntry, write_feed

MAX_ENTRIES: Final = 30
CACHE_SECONDS: Final = 60
_METHODS: Final = ["GET", "HEAD"]


@dataclass(frozen=True, slots=True)
class _Content:
    """What a feed shows."""

    name: str
    """That of no other feed of the portal, and the same forever: ids are made of it."""
    title: str
    page_path: str
    posts: Sequence[PostSummary]
    announcements: Sequence[str | None] = ()
    """Of the changelog: the text that announced each post, as Markdown."""

    def describe_change(self, post: PostSummary) -> tuple[str, Timestamp]:
        """What the entry is about, for its id, and when it was updated."""
        if self.name == "roadmap" and post.status is not None:
            # Another status is news for those who follow the roadmap.
            return f"{self.name}:{post.id}:{post.status.id}", post.status_changed_at
        if self.name == "changelog":
            return f"{self.name}:{post.id}", post.status_changed_at
        return f"post:{post.id}", post.updated_at


_Load: TypeAlias = Callable[[UnitOfWork, Row], _Content]


def router(database: Database, public_address: PublicAddress, texts: RenderedTexts) -> APIRouter:
    """GET and HEAD of /feed.atom, /boards/{slug}.atom, /roadmap.atom and /changelog.atom."""
    routes = APIRouter()
    feeds = _Feeds(database, public_address, texts)

    @routes.api_route("/feed.atom", methods=_METHODS)
    async def portal_feed(request: Request) -> Response:
        return await feeds.respond(request, _load_portal)

    @routes.api_route("/boards/{slug}.atom", methods=_METHODS)
    async def board_feed(request: Request, slug: str) -> Response:
        return await feeds.respond(request, lambda work, portal: _load_board(work, portal, slug))

    @routes.api_route("/roadmap.atom", methods=_METHODS)
    async def roadmap_feed(request: Request) -> Response:
        return await feeds.respond(request, _load_roadmap)

    @routes.api_route("/changelog.atom", methods=_METHODS)
    async def changelog_feed(request: Request) -> Response:
        return await feeds.respond(request, _load_changelog)

    return routes


class _Feeds:
    """Responds with feeds. The content is the same for everybody, so caches may store it."""

    def __init__(self, database: Database, public_address: PublicAddress, texts: RenderedTexts) -> None:
        self._database = database
        self._public_address = public_address
        self._texts = texts

    async def respond(self, request: Request, load: _Load) -> Response:
        """The feed, or 304 if the client has it. Raises HTTPException 404, also for a private portal."""
        portal_id = await find_public_portal_id(self._database, request)
        if portal_id is None:
            raise HTTPException(404)

        def read(work: UnitOfWork) -> tuple[Row, _Content]:
            portal = portals.get_current(work)
            return portal, load(work, portal)

        context = PortalContext(portal_id, VISITOR)
        portal, content = await self._database.read(read, context, in_thread=True, snapshot=True)
        bodies = await self._texts.format([body or "" for body in content.announcements])
        htmls = [str(body) or None for body in bodies] or [None] * len(content.posts)
        base_url = await self._public_address.find(request)
        feed = _make_feed(portal, content, htmls, base_url=base_url, path=request.scope["path"])
        return _respond(request, write_feed(feed), feed.updated)


def _respond(request: Request, document: bytes, updated: str) -> Response:
    etag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
    last_modified = format_datetime(datetime.fromisoformat(updated), usegmt=True)
    headers = {
        "Cache-Control": f"public, max-age={CACHE_SECONDS}",
        "ETag": etag,
        "Last-Modified": last_modified,
        "X-Content-Type-Options": "nosniff",
        # Browsers show a feed as text; nothing in it may run.
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
    is_unchanged = etags.is_known(request, etag)
    if "if-none-match" not in request.headers:
        # An entry that is edited or hidden may leave an older time, so only the same time is the same feed.
        is_unchanged = request.headers.get("if-modified-since") == last_modified
    if is_unchanged:
        return Response(status_code=304, headers=headers)
    return Response(document, 200, headers, f"{MEDIA_TYPE}; charset=utf-8")


def _make_feed(portal: Row, content: _Content, htmls: Sequence[str | None], *, base_url: str, path: str) -> Feed:
    namespace = UUID(portal["guid"])

    def make_entry(post: PostSummary, html: str | None) -> FeedEntry:
        change, updated = content.describe_change(post)
        return FeedEntry(
            id=uuid5(namespace, change).urn,
            title=post.title,
            url=base_url + post_path(post),
            updated=updated,
            published=post.created_at,
            author=post.author,
            categories=[label.name for label in (post.status, post.category) if label is not None],
            summary=post.excerpt,
            html=html,
        )

    return Feed(
        id=uuid5(namespace, content.name).urn,
        title=content.title,
        url=base_url + quote(path, safe="/"),
        page_url=base_url + content.page_path,
        language=load_translation(portal["locale"]).language,
        author=portal["title"],
        entries=[make_entry(post, html) for post, html in zip(content.posts, htmls, strict=True)],
    )


def _load_portal(work: UnitOfWork, portal: Row) -> _Content:
    page = visible_posts.list_page(work, ALL, order="newest", offset=0, limit=MAX_ENTRIES)
    return _Content("portal", portal["title"], "/", page.posts)


def _load_board(work: UnitOfWork, portal: Row, slug: str) -> _Content:
    """Raises HTTPException 404."""
    board = next((row for row in boards.list_all(work) if row["slug"] == slug), None)
    if board is None:
        raise HTTPException(404)
    filters = PostFilter(board_ids=[board["id"]])
    page = visible_posts.list_page(work, filters, order="newest", offset=0, limit=MAX_ENTRIES)
    title = f"{board['name']} · {portal['title']}"
    return _Content(f"board:{board['id']}", title, f"/boards/{quote(slug, safe='')}", page.posts)


def _load_roadmap(work: UnitOfWork, portal: Row) -> _Content:
    posts = overviews.list_roadmap_changes(work, limit=MAX_ENTRIES)
    return _Content("roadmap", _make_title(portal, ROADMAP), "/roadmap", posts)


def _load_changelog(work: UnitOfWork, portal: Row) -> _Content:
    found, _ = overviews.list_announcements(work, offset=0, limit=MAX_ENTRIES)
    posts, texts = [one.post for one in found], [one.update.body if one.update else None for one in found]
    return _Content("changelog", _make_title(portal, CHANGELOG), "/changelog", posts, texts)


def _make_title(portal: Row, text: str) -> str:
    return f"{load_translation(portal['locale']).catalogue.gettext(text)} · {portal['title']}"
