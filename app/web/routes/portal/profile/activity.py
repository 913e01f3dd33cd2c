"""The tab with what the user has posted, voted for, commented and follows."""

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.translations import N_
from app.domain.posts import own_comments, visible_posts
from app.domain.posts.filters import PostFilter
from app.domain.posts.own_comments import PAGE_COMMENTS, OwnCommentList
from app.domain.posts.visible_posts import PAGE_POSTS, PostList
from app.domain.unit_of_work import UnitOfWork
from app.web.rendered_texts import RenderedTexts
from app.web.routes.portal.board import MAX_PAGE
from app.web.routes.portal.profile.pages import METHODS, PATHS, ProfilePages

TAB: Final = "activity"
MAX_EXCERPT: Final = 200
"""Characters of a comment, without markup."""
_COMMENTED: Final = "commented"
_LISTS: Final = {
    "posted": N_("My posts"),
    "voted": N_("My votes"),
    _COMMENTED: N_("My comments"),
    "followed": N_("Followed"),
}


def router(pages: ProfilePages, database: Database, texts: RenderedTexts) -> APIRouter:
    """GET and HEAD of /profile/activity."""
    routes = APIRouter()

    @routes.api_route(PATHS[TAB], methods=METHODS)
    async def activity(request: Request) -> Response:
        visit = await pages.open(request, TAB)
        params = request.query_params
        kind, page = params.get("show", ""), params.get("page", "")
        kind = kind if kind in _LISTS else "posted"
        number = min(int(page), MAX_PAGE) if page.isascii() and page.isdigit() and len(page) < 9 and int(page) else 1
        posts: PostList = PostList([], has_more=False)
        comments: OwnCommentList = OwnCommentList([], has_more=False)
        if kind == _COMMENTED:
            comments = await database.read(
                lambda work: own_comments.list_page(work, offset=(number - 1) * PAGE_COMMENTS), visit.context
            )
        else:
            posts = await database.read(lambda work: _list_posts(work, kind, number), visit.context, snapshot=True)
        rendered = await texts.format([comment.body for comment in comments.comments])
        return pages.show(
            visit,
            TAB,
            lists=[(label, _make_path(kind=name), name == kind) for name, label in _LISTS.items()],
            kind=kind,
            page=number,
            posts=posts.posts,
            comments=[(comment, _shorten(body)) for comment, body in zip(comments.comments, rendered, strict=True)],
            next_path=_make_path(kind=kind, page=number + 1) if posts.has_more or comments.has_more else None,
        )

    return routes


def _list_posts(work: UnitOfWork, kind: str, number: int) -> PostList:
    filters = visible_posts.restrict_to_own(work, PostFilter(), kind)
    return visible_posts.list_page(work, filters, order="newest", offset=(number - 1) * PAGE_POSTS)


def _make_path(*, kind: str, page: int = 1) -> str:
    query: dict[str, Any] = {"show": kind} | ({"page": page} if page > 1 else {})
    return f"{PATHS[TAB]}?{urlencode(query)}"


def _shorten(rendered: Any) -> str:
    text = " ".join(rendered.striptags().split())
    return text if len(text) <= MAX_EXCERPT else text[: MAX_EXCERPT - 1].rstrip() + "…"
