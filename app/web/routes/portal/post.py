"""The page of a post."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Database
from app.adapters.storage.signed_urls import FileSigner
from app.adapters.storage.stored_uploads import HARMLESS
from app.api.services import PageViews
from app.domain.permissions import Permission, is_allowed
from app.domain.posts import post_page
from app.domain.posts.post_page import PostPage
from app.domain.posts.public import PublicComment, PublicPost
from app.domain.posts.visible_posts import PostSummary
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import UnitOfWork
from app.web.drafts import Drafts
from app.web.people import Person, describe
from app.web.portal_pages import PortalPages
from app.web.public_address import PublicAddress
from app.web.rendered_texts import RenderedTexts
from app.web.viewer import Viewer, Viewers

MAX_SUMMARY: Final = 200
MAX_DEPTH: Final = 4
"""Deeper replies are not indented further."""
_METHODS: Final = ["GET", "HEAD"]
_PICTURE_TYPES: Final = frozenset(media_type for media_type, _ in HARMLESS.values())
"""Attachments of these types are shown; all others are links."""
_SEGMENT: Final = re.compile(r"(?:[\w-]*-)?([0-9A-Za-z]{6})")
_SLUG: Final = re.compile(r"[\w-]{1,1000}")


@dataclass(frozen=True, slots=True)
class ShownComment:
    """A comment as pages show it."""

    id: int
    depth: int
    author: Person
    body: Markup
    is_truncated: bool
    is_official: bool
    is_pinned: bool
    may_change: bool
    """Whether the viewer may edit and delete it."""
    created_at: Timestamp


@dataclass(frozen=True, slots=True)
class _ShownUpdate:
    body: Markup
    author: str | None
    created_at: Timestamp | None


@dataclass(frozen=True, slots=True)
class _ShownStep:
    status: str | None
    status_id: int | None
    at: Timestamp


def post_path(post: PublicPost | PostSummary) -> str:
    """The path of the post's page on its portal."""
    return make_path(post.slug, post.code)


def make_path(slug: str, code: str) -> str:
    """The path of the page of the post with this slug and code."""
    return f"/p/{quote(slug, safe='')}-{code}"


def summarize(text: Markup) -> str:
    """The beginning of a text without its markup, for a description of the page."""
    return " ".join(text.striptags().split())[:MAX_SUMMARY]


class PostPages:
    """Finds posts that the viewer may see, and responds with their pages."""

    def __init__(
        self,
        pages: PortalPages,
        database: Database,
        public_address: PublicAddress,
        views: PageViews,
        texts: RenderedTexts,
        signer: FileSigner,
        drafts: Drafts,
    ) -> None:
        self._pages = pages
        self._database = database
        self._public_address = public_address
        self._views = views
        self._texts = texts
        self._signer = signer
        self._drafts = drafts

    async def find_by_code(self, viewer: Viewer, code: str) -> PostPage:
        """The post. Raises HTTPException 404."""
        return await self._find(viewer, lambda work: post_page.find_by_code(work, code, device=viewer.device_id))

    async def find_by_slug(self, viewer: Viewer, slug: str) -> PostPage:
        """The post. Raises HTTPException 404."""
        if not _SLUG.fullmatch(slug):
            raise HTTPException(404)
        return await self._find(viewer, lambda work: post_page.find_by_slug(work, slug, device=viewer.device_id))

    def _file_path(self, viewer: Viewer, page: PostPage, name: str) -> str:
        """The path of a file; signed if visitors can't see the post and so can't read its files."""
        is_public = page.moderation == "approved" and page.is_published and not viewer.portal["is_private"]
        return f"/files/{name}" if is_public else self._signer.path(name)

    def sign_file_path(self, name: str) -> str:
        """The path of a file for somebody who may see its post, whatever the state of the post is."""
        return self._signer.path(name)

    async def _find(self, viewer: Viewer, query: Callable[[UnitOfWork], PostPage | None]) -> PostPage:
        page = await self._database.read(query, viewer.context, snapshot=True)
        if page is None:
            raise HTTPException(404)
        return page

    async def find_comment(self, viewer: Viewer, page: PostPage, comment_id: int) -> ShownComment:
        """One of the comments that the page shows. Raises HTTPException 404."""
        comment = next((each for each in page.post.comments if each.id == comment_id), None)
        if comment is None:
            raise HTTPException(404)
        [body] = await self._texts.format([comment.body])
        return _show_comment(viewer, comment, 0, body)

    async def show(
        self,
        request: Request,
        viewer: Viewer,
        page: PostPage,
        *,
        status: int = 200,
        draft: str | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> Response:
        """The page; `draft` is the comment that was typed, and `errors` are the messages by field.

        Without `draft`, the page has the comment that was kept while its author signed in.
        """
        post = page.post
        kept = None
        if draft is None and viewer.user is not None:
            kept = await self._drafts.find(request, viewer, form=comment_form(post.code))
        threaded = _order_threads(post.comments)
        bodies = [update.body for update in page.updates]
        rendered = await self._texts.format([post.description, *bodies, *(one.body for one, _ in threaded)])
        description, updates, comments = rendered[0], rendered[1 : 1 + len(bodies)], rendered[1 + len(bodies) :]
        if request.method == "GET":
            self._views.add(viewer.portal["id"], post.id)
        base_url = await self._public_address.find(request)
        return self._pages.respond(
            request,
            viewer,
            "portal/post.html",
            current="home",
            status=status,
            page=page,
            post=post,
            author=None if post.author is None else describe(page.author_id or 0, post.author),
            description=description,
            summary=summarize(description),
            address=base_url + post_path(post),
            image_url=f"{base_url}/files/{post.image}" if post.image else None,
            updates=[
                _ShownUpdate(body, update.author, update.created_at)
                for update, body in zip(page.updates, updates, strict=True)
            ],
            comments=[
                _show_comment(viewer, comment, depth, body)
                for (comment, depth), body in zip(threaded, comments, strict=True)
            ],
            status_row=next((row for row in viewer.statuses if row["name"] == post.status), None),
            timeline=_show_timeline(viewer, page),
            pictures=[self._file_path(viewer, page, name) for name in _list_pictures(post)],
            files=[
                (file, self._file_path(viewer, page, file["name"]))
                for file in post.files
                if file["media_type"] not in _PICTURE_TYPES
            ],
            draft=draft or ("" if kept is None else kept.get("body", "")),
            has_kept_draft=kept is not None,
            errors=errors or {},
        )


def router(pages: PortalPages, viewers: Viewers, posts: PostPages) -> APIRouter:
    """GET and HEAD of /p/{slug}-{code}, /f/{tab}/{slug}-{code} and /posts/{slug}."""
    routes = APIRouter()

    @routes.api_route("/p/{segment}", methods=_METHODS)
    async def post_by_code(request: Request, segment: str) -> Response:
        viewer = await viewers.require_reader(request)
        page = await posts.find_by_code(viewer, parse_code(segment))
        # Only the code identifies the post; titles change, and links are typed by hand.
        is_current = post_path(page.post) == f"/p/{quote(segment, safe='')}"
        if not is_current:
            return _redirect(pages, page.post, query=request.url.query)
        return await posts.show(request, viewer, page)

    @routes.api_route("/posts/{slug}", methods=_METHODS)
    async def post_by_slug(request: Request, slug: str) -> Response:
        viewer = await viewers.require_reader(request)
        return await posts.show(request, viewer, await posts.find_by_slug(viewer, slug))

    @routes.api_route("/f/{tab}/{segment}", methods=_METHODS)
    async def post_of_tab(request: Request, tab: str, segment: str) -> Response:
        """ProductLift's address of a post on a tab; the segment is a slug, with or without the code."""
        del tab
        viewer = await viewers.require_reader(request)
        match = _SEGMENT.fullmatch(segment)
        try:
            page = await posts.find_by_slug(viewer, segment)
        except HTTPException:
            if match is None:
                raise
            page = await posts.find_by_code(viewer, match[1])
        return _redirect(pages, page.post)

    return routes


def parse_code(segment: str) -> str:
    """The code at the end of `slug-code`. Raises HTTPException 404."""
    match = _SEGMENT.fullmatch(segment)
    if match is None:
        raise HTTPException(404)
    return match[1]


def comment_form(code: str) -> str:
    """The name of the draft of a comment on the post."""
    return f"comment:{code}"


def _list_pictures(post: PublicPost) -> list[str]:
    """The names of the post's image and of the pictures among its attachments."""
    first = [post.image] if post.image else []
    return first + [file["name"] for file in post.files if file["media_type"] in _PICTURE_TYPES]


def _redirect(pages: PortalPages, post: PublicPost, *, query: str = "") -> Response:
    path = post_path(post) + (f"?{query}" if query else "")
    return RedirectResponse(pages.link(path), 302, {"Cache-Control": "no-cache"})


def _show_comment(viewer: Viewer, comment: PublicComment, depth: int, body: Markup) -> ShownComment:
    return ShownComment(
        comment.id,
        min(depth, MAX_DEPTH),
        describe(comment.author_id, comment.author),
        body,
        comment.is_truncated,
        comment.official,
        comment.pinned,
        is_allowed(viewer.actor, Permission.WRITE_COMMENT, of_user=comment.author_id),
        comment.created_at,
    )


def _show_timeline(viewer: Viewer, page: PostPage) -> Sequence[_ShownStep]:
    ids: dict[Any, int] = {row["name"]: row["id"] for row in viewer.statuses}
    return [_ShownStep(step.status, ids.get(step.status), step.created_at) for step in page.timeline]


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
