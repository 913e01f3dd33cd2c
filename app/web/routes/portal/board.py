"""The home page and the page of a board: the list of posts with its filters, all of them in the URL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.translations import N_
from app.domain.portals import boards, categories
from app.domain.posts import visible_posts
from app.domain.posts.filters import PostFilter
from app.domain.posts.visible_posts import MAX_LISTED, MAX_MATCHES, PAGE_POSTS, PostList
from app.domain.unit_of_work import Row, UnitOfWork
from app.web.portal_pages import PortalPages
from app.web.rendered_texts import RenderedTexts
from app.web.routes.portal.post import summarize
from app.web.viewer import SignInRequired, Viewer, Viewers, own_path

MAX_PAGE: Final = 50_000
"""Of lists without a limit of their own."""
MAX_TEXT: Final = 200
"""Characters of a search."""
_METHODS: Final = ["GET", "HEAD"]
_ORDERS: Final = {"trending": N_("Trending"), "top": N_("Top"), "newest": N_("Newest")}
_MINE: Final = {"posted": N_("My posts"), "voted": N_("My votes"), "followed": N_("Followed")}


class _Query(NamedTuple):
    """What the URL asks for."""

    root: str
    """The public path of the home page."""
    board: str | None
    status: int | None
    category: int | None
    mine: str | None
    text: str
    sort: str
    page: int

    @classmethod
    def parse(cls, request: Request, board: str | None, root: str) -> "_Query":
        """Read the query of the URL. What can't be read is ignored, since visitors edit addresses by hand."""
        params = request.query_params
        sort, mine = params.get("sort", ""), params.get("mine", "")
        return cls(
            root=root,
            board=board,
            status=_parse_number(params.get("status")),
            category=_parse_number(params.get("category")),
            mine=mine if mine in _MINE else None,
            text=params.get("q", "").strip()[:MAX_TEXT],
            sort=sort if sort in _ORDERS else "trending",
            page=min(_parse_number(params.get("page")) or 1, MAX_PAGE),
        )

    def url(self, **changes: Any) -> str:
        """The public path and query of this list with other filters, from its first page on."""
        other = self._replace(**{"page": 1, **changes})
        path = self.root if other.board is None else f"{self.root}boards/{other.board}"
        # Only a text has to be quoted; a page has some forty links.
        query = "&".join([f"{name}={quote_plus(value) if name == 'q' else value}" for name, value in other.params()])
        return f"{path}?{query}" if query else path

    def params(self) -> list[tuple[str, str]]:
        """The names and values that differ from those of the whole list."""
        params = []
        if self.status is not None:
            params.append(("status", str(self.status)))
        if self.category is not None:
            params.append(("category", str(self.category)))
        if self.mine is not None:
            params.append(("mine", self.mine))
        if self.text:
            params.append(("q", self.text))
        if self.sort != "trending":
            params.append(("sort", self.sort))
        if self.page != 1:
            params.append(("page", str(self.page)))
        return params


class _Choice(NamedTuple):
    label: str
    url: str
    is_current: bool
    status_id: int | None = None
    is_name: bool = True
    """Whether the label is the name of a row, which is not translated."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What the database has for the page."""

    boards: Sequence[Row]
    categories: Sequence[Row]
    posts: PostList


def router(pages: PortalPages, viewers: Viewers, database: Database, texts: RenderedTexts) -> APIRouter:
    """GET and HEAD of / and /boards/{slug}."""
    routes = APIRouter()

    async def show(request: Request, slug: str | None) -> Response:
        viewer = await viewers.require_reader(request)
        query = _Query.parse(request, slug, pages.link("/"))
        if query.mine is not None and viewer.user is None:
            raise SignInRequired(own_path(request))
        content = await database.read(
            lambda work: _load(work, query, viewer), viewer.context, in_thread=bool(query.text), snapshot=True
        )
        board = next((row for row in content.boards if row["slug"] == slug), None)
        if slug is not None and board is None:
            raise HTTPException(404)
        text = (board["description"] if board is not None else viewer.portal["welcome_text"]) or ""
        [welcome] = await texts.format([text])
        next_url = query.url(page=query.page + 1) if content.posts.has_more else None
        return pages.respond(
            request,
            viewer,
            "portal/board.html",
            current="home",
            board=board,
            welcome=welcome,
            summary=summarize(welcome) or viewer.portal["title"],
            posts=content.posts.posts,
            max_listed=MAX_LISTED if content.posts.is_cut else None,
            max_matches=MAX_MATCHES if content.posts.is_limited else None,
            next_url=next_url,
            query=query,
            orders=[
                _Choice(label, query.url(sort=name), name == query.sort, is_name=False)
                for name, label in _ORDERS.items()
            ],
            chosen=_list_chosen(query, viewer, content),
            groups=_list_groups(query, viewer, content),
        )

    @routes.api_route("/", methods=_METHODS)
    async def home(request: Request) -> Response:
        return await show(request, None)

    @routes.api_route("/boards/{slug}", methods=_METHODS)
    async def board_page(request: Request, slug: str) -> Response:
        return await show(request, slug)

    return routes


def _load(work: UnitOfWork, query: _Query, viewer: Viewer) -> _Content:
    all_boards, all_categories = boards.list_all(work), categories.list_all(work)
    board_id = next((row["id"] for row in all_boards if row["slug"] == query.board), None)
    filters = PostFilter(
        board_ids=None if board_id is None else [board_id],
        status_ids=None if query.status is None else [query.status],
        category_ids=None if query.category is None else [query.category],
    )
    if query.mine is not None and viewer.user is not None:
        filters = visible_posts.restrict_to_own(work, filters, query.mine)
    device = viewer.device_id
    offset = (query.page - 1) * PAGE_POSTS
    if query.text:
        posts = visible_posts.search_page(work, query.text, filters, offset=offset, device=device)
    else:
        posts = visible_posts.list_page(work, filters, order=query.sort, offset=offset, device=device)
    return _Content(all_boards, all_categories, posts)


def _list_chosen(query: _Query, viewer: Viewer, content: _Content) -> list[_Choice]:
    """The filters of the list, each with the URL of the list without it."""
    chosen = []
    for row in viewer.statuses:
        if row["id"] == query.status:
            chosen.append(_Choice(row["name"], query.url(status=None), is_current=True))
    for row in content.categories:
        if row["id"] == query.category:
            chosen.append(_Choice(row["name"], query.url(category=None), is_current=True))
    if query.mine is not None and viewer.user is not None:
        chosen.append(_Choice(_MINE[query.mine], query.url(mine=None), is_current=True, is_name=False))
    return chosen


def _list_groups(query: _Query, viewer: Viewer, content: _Content) -> list[tuple[str, list[_Choice]]]:
    """The filters that can be chosen; the current ones lead to the list without them."""
    groups = []
    if len(content.boards) > 1:
        choices = [_Choice(N_("All"), query.url(board=None), query.board is None, is_name=False)]
        for row in content.boards:
            choices.append(_Choice(row["name"], query.url(board=row["slug"]), row["slug"] == query.board))
        groups.append((N_("Boards"), choices))
    choices = []
    for row in viewer.statuses:
        is_current = row["id"] == query.status
        url = query.url(status=None if is_current else row["id"])
        choices.append(_Choice(row["name"], url, is_current, status_id=row["id"]))
    groups.append((N_("Status"), choices))
    if content.categories:
        choices = []
        for row in content.categories:
            is_current = row["id"] == query.category
            choices.append(_Choice(row["name"], query.url(category=None if is_current else row["id"]), is_current))
        groups.append((N_("Category"), choices))
    if viewer.user is not None:
        choices = []
        for name, label in _MINE.items():
            is_current = name == query.mine
            url = query.url(mine=None if is_current else name)
            choices.append(_Choice(label, url, is_current, is_name=False))
        groups.append((N_("Mine"), choices))
    return groups


def _parse_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else None
