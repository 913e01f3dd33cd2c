"""The roadmap and the changelog."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from fastapi import APIRouter
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.translations import N_, load_translation
from app.domain.portals import overviews
from app.domain.portals.overviews import Announcement
from app.domain.posts.visible_posts import PAGE_POSTS, PostSummary
from app.domain.sql.timestamps import to_datetime
from app.web.portal_pages import PortalPages
from app.web.rendered_texts import RenderedTexts
from app.web.viewer import Viewer, Viewers

ROADMAP: Final = N_("Roadmap")
CHANGELOG: Final = N_("Changelog")
_METHODS: Final = ["GET", "HEAD"]
_PAGE: Final = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class _Entry:
    post: PostSummary
    body: Markup | None
    is_truncated: bool


def router(pages: PortalPages, viewers: Viewers, database: Database, texts: RenderedTexts) -> APIRouter:
    """GET and HEAD of /roadmap and /changelog."""
    routes = APIRouter()

    @routes.api_route("/roadmap", methods=_METHODS)
    async def roadmap(request: Request) -> Response:
        viewer = await viewers.require_reader(request)
        columns = await database.read(overviews.roadmap, viewer.context, in_thread=True, snapshot=True)
        heading = translate(viewer, ROADMAP)
        return pages.respond(
            request, viewer, "portal/roadmap.html", current="roadmap", heading=heading, columns=columns, tabs=[]
        )

    @routes.api_route("/changelog", methods=_METHODS)
    async def changelog(request: Request) -> Response:
        viewer = await viewers.require_reader(request)
        page = require_page(request)
        found, has_more = await database.read(
            lambda work: overviews.list_announcements(work, offset=(page - 1) * PAGE_POSTS),
            viewer.context,
            in_thread=True,
            snapshot=True,
        )
        if page > 1 and not found:
            raise HTTPException(404)
        return pages.respond(
            request,
            viewer,
            "portal/changelog.html",
            current="changelog",
            heading=translate(viewer, CHANGELOG),
            months=await list_months(texts, found),
            tabs=[],
            **find_pages("/changelog", page, has_more=has_more),
        )

    return routes


async def list_months(texts: RenderedTexts, announcements: Sequence[Announcement]) -> list[list[_Entry]]:
    """The entries with their texts as HTML, those of each month together, in the order of the announcements."""
    sources = [entry.update.body if entry.update else "" for entry in announcements]
    entries = [
        _Entry(entry.post, body or None, entry.update is not None and entry.update.is_truncated)
        for entry, body in zip(announcements, await texts.format(sources), strict=True)
    ]
    return [list(month) for _, month in groupby(entries, key=_find_month)]


def _find_month(entry: _Entry) -> tuple[int, int]:
    changed_at = to_datetime(entry.post.status_changed_at)
    return changed_at.year, changed_at.month


def find_pages(path: str, page: int, *, has_more: bool) -> dict[str, Any]:
    """The paths of the pages before and after this one of a list; None for one that does not exist."""
    return {
        "newer_path": None if page == 1 else path if page == 2 else f"{path}?page={page - 1}",
        "older_path": f"{path}?page={page + 1}" if has_more else None,
    }


def parse_page(request: Request) -> int | None:
    """The number of the page in the URL, 1 without one; None if it can't be read."""
    page = request.query_params.get("page", "1")
    return int(page) if _PAGE.fullmatch(page) else None


def require_page(request: Request) -> int:
    """As `parse_page`. Raises HTTPException 404 for a number that can't be read."""
    page = parse_page(request)
    if page is None:
        raise HTTPException(404)
    return page


def translate(viewer: Viewer, text: str) -> str:
    """The text in the viewer's language."""
    return load_translation(viewer.locale).catalogue.gettext(text)
