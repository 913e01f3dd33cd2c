"""Lists of the posts that the actor may see on the pages, with any filters, and the search.

`visibility` says which posts these are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Select, bindparam, func, literal_column, select

from app.domain.errors import FieldError, Forbidden, ValidationFailed
from app.domain.models import Board, Post, Status, Vote
from app.domain.models.base import UtcTimestamp
from app.domain.permissions import Permission, is_team
from app.domain.posts import filters as post_filters
from app.domain.posts import visibility
from app.domain.posts.filters import PostFilter
from app.domain.posts.public import public_name
from app.domain.posts.queries import AUTHOR, CATEGORIES, PostQuery, Sorting
from app.domain.posts.single_statement import IS_VOTEABLE
from app.domain.search import posts as search
from app.domain.search.duplicates import find_duplicate_ids
from app.domain.search.posts import Visibility
from app.domain.sql.pagination import page_shape
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, in_portal_unindexed
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import Row, UnitOfWork

PAGE_POSTS: Final = 20
MAX_LISTED: Final = 500
"""The posts of a list that have pages: for each page, all posts before it are skipped one by one.

The lists of a user's own posts, votes and follows have no such limit.
"""
TRENDING_PERIOD: Final = timedelta(days=30)
MAX_TRENDING_VOTES: Final = 300
"""The trending posts are those with the most votes of this period, of which only the newest votes are counted."""
MAX_MATCHES: Final = 1000
"""The best matches of a text, to which the filters of a list apply that the search does not know."""
MAX_SIMILAR: Final = 5

ORDERS: Final = {"top": "votes_count", "newest": "created_at", "status": "latest_status_change"}
"""The column of each order; `trending` has none."""


# Named tuples, and not data classes: a page makes one for each post, and finds its HTML in a cache by its hash.
class Label(NamedTuple):
    """The name and color of a status or category."""

    id: int
    name: str
    color: str


class PostSummary(NamedTuple):
    """A post in a list."""

    id: int
    code: str
    slug: str
    title: str
    excerpt: str
    """The first 160 characters of the description, without markup."""
    votes_count: int
    comments_count: int
    created_at: Timestamp
    updated_at: Timestamp
    status_changed_at: Timestamp
    moderation: str
    board: str
    board_slug: str
    is_published: bool
    status: Label | None
    category: Label | None
    """The first of its categories."""
    author: str | None
    """The public name; None for an anonymous post."""
    is_own: bool
    is_voteable: bool
    has_voted: bool
    """Whether the viewer has voted: the actor, or the device of a visitor."""


class PostCard(NamedTuple):
    """A post on the roadmap."""

    id: int
    code: str
    slug: str
    title: str
    votes_count: int
    board: str


@dataclass(frozen=True, slots=True)
class PostList:
    """A page of a list."""

    posts: list[PostSummary]
    has_more: bool
    """Whether there is another page."""
    is_cut: bool = False
    """Whether there are more posts than MAX_LISTED. Other filters find them."""
    is_limited: bool = False
    """Whether more than MAX_MATCHES posts have the text, so that some that match the filters may be missing."""


@dataclass(eq=False)
class _VisiblePostQuery(PostQuery):
    """As PostQuery, for the pages: only posts that the actor may see, and filters as `PostFilter.active_filters`."""

    def fetch_page(
        self, work: UnitOfWork, filters: PostFilter, sorting: Sorting, *, offset: int, limit: int
    ) -> Sequence[Row]:
        """The rows of a page."""
        work.authorize(Permission.VIEW)
        restrictions = visibility.filters_of(work.actor)
        values = restrictions | filters.active_filters()
        if values.keys() <= {*restrictions, "excluded_ids"}:
            path = "order_index" if values else "default"
        else:
            cardinalities = post_filters.estimate_cardinalities(work, values)
            path = self._access_path(values, sorting, offset, limit, cardinalities)
        # The columns of a skipped post would be read as well.
        shape = page_shape(offset, limit)._replace(deep=offset > 0)
        return self._page(work, values, sorting, shape, path, offset=offset, limit=limit)

    def fetch_by_ids(self, work: UnitOfWork, filters: PostFilter, ids: Sequence[int]) -> list[Row]:
        """The rows of those of these posts that match, in this order."""
        work.authorize(Permission.VIEW)
        values = visibility.filters_of(work.actor) | filters.active_filters()
        names = tuple(values)
        statement = self._statements.get(("matching", names)) or self._cache(
            ("matching", names), self._select_by_ids(self.columns).where(*post_filters.check_each(names))
        )
        rows_by_id = {row[0]: row for row in work.fetch_all(statement, ids=list(ids), **values)}
        return [rows_by_id[post_id] for post_id in ids if post_id in rows_by_id]


_PLAIN: Final = (
    Post.id,
    Post.code,
    Post.slug,
    Post.title,
    Post.description_short,
    Post.votes_count,
    Post.comments_count,
    Post.created_at,
    Post.updated_at,
    Post.status_changed_at,
    Post.moderation,
    Board.name,
    Board.slug,
)
"""The columns that become the first attributes of PostSummary as they are."""
_COLUMNS: Final = (
    *_PLAIN,
    Post.published,
    Status.id,
    Status.name,
    Status.color,
    CATEGORIES,
    AUTHOR.name,
    Post.user_id,
    IS_VOTEABLE,
)
_QUERY: Final = _VisiblePostQuery(_COLUMNS)
_CARDS: Final = _VisiblePostQuery((Post.id, Post.code, Post.slug, Post.title, Post.votes_count, Board.name))


def list_page(
    work: UnitOfWork,
    filters: PostFilter,
    *,
    order: str,
    offset: int,
    limit: int = PAGE_POSTS,
    device: str | None = None,
) -> PostList:
    """A page in one of the orders `trending`, `top`, `newest` and `status`, which is by the newest change of status.

    `device` is the anonymous id of a visitor. Two statements for a page of all posts; one more, constant, with filters
    or in the order `trending`.
    """
    rows: Sequence[Row]
    if offset >= _max_listed(filters):
        return PostList([], has_more=False)
    if order == "trending":
        rows = _fetch_trending(work, filters, offset=offset, limit=limit + 1)
    else:
        rows = _QUERY.fetch_page(work, filters, (ORDERS[order], True), offset=offset, limit=limit + 1)
    return _page(work, rows, limit, device, is_last=offset + limit >= _max_listed(filters))


def _max_listed(filters: PostFilter) -> float:
    own = (filters.user_ids, filters.voter_id, filters.follower_id)
    return MAX_LISTED if own == (None, None, None) else math.inf


def list_cards(work: UnitOfWork, filters: PostFilter, *, limit: int) -> tuple[list[PostCard], bool]:
    """The posts with the most votes, and whether there are more. One statement, or two."""
    rows = _CARDS.fetch_page(work, filters, ("votes_count", True), offset=0, limit=limit + 1)
    return [PostCard(*row) for row in rows[:limit]], len(rows) > limit


def search_page(
    work: UnitOfWork, text: str, filters: PostFilter, *, offset: int, limit: int = PAGE_POSTS, device: str | None = None
) -> PostList:
    """A page of the posts that the search for posts finds, the best first: see `app.domain.search.posts`.

    Besides the team, nobody finds a post that visitors don't see, except among the own posts of `restrict_to_own`. The
    search applies the filter by status to all matches, and the others are applied to the best MAX_MATCHES. All
    statements must see the same rows, and only indexed posts are found. May take long.
    """
    work.authorize(Permission.VIEW)
    if offset >= MAX_LISTED:
        return PostList([], has_more=False)
    is_own = work.actor.user_id is not None and (
        filters.user_ids == [work.actor.user_id] or work.actor.user_id in (filters.voter_id, filters.follower_id)
    )
    audience = Visibility.ALL if is_own or is_team(work.actor) else Visibility.PUBLIC
    others = replace(filters, status_ids=None)
    has_others = bool(others.active_filters())
    first, count = (0, MAX_MATCHES) if has_others else (offset, limit + 1)
    found = search.find(work, text, visibility=audience, status_ids=filters.status_ids, offset=first, limit=count)
    ids = found.ids
    if has_others:
        ids = _keep_matching(work, others, ids)[offset : offset + limit + 1]
    is_last = offset + limit >= MAX_LISTED
    page = _page(work, _QUERY.fetch_by_ids(work, filters, ids), limit, device, is_last=is_last)
    return replace(page, is_limited=has_others and found.total > MAX_MATCHES)


def list_similar(work: UnitOfWork, title: str, *, device: str | None = None) -> list[PostSummary]:
    """The posts that may be about the same as a post with this title, the likeliest first, at most MAX_SIMILAR.

    Rejected posts are left out, and for all but the team those of others that visitors don't see. All statements must
    see the same rows. May take long.
    """
    work.authorize(Permission.VIEW)
    audience = Visibility.NOT_REJECTED if is_team(work.actor) else Visibility.PUBLIC
    ids = find_duplicate_ids(work, title, visibility=audience, author_id=work.actor.user_id)
    if not ids:
        return []
    return _page(work, _QUERY.fetch_by_ids(work, PostFilter(), ids), MAX_SIMILAR, device, is_last=True).posts


def _page(work: UnitOfWork, rows: Sequence[Row], limit: int, device: str | None, *, is_last: bool) -> PostList:
    shown, has_more = rows[:limit], len(rows) > limit
    voted = _find_voted(work, [row[0] for row in shown], device)
    posts = [_summarize(work, row, voted) for row in shown]
    return PostList(posts, has_more=has_more and not is_last, is_cut=has_more and is_last)


def _summarize(work: UnitOfWork, row: Row, voted: set[int]) -> PostSummary:
    published, status_id, status, color, categories, author, author_id, is_voteable = row[len(_PLAIN) :]
    category = next(iter(orjson.loads(categories)), None)
    values = (
        *row[: len(_PLAIN)],
        bool(published),
        None if status_id is None else Label(status_id, status, color),
        None if category is None else Label(category["id"], category["name"], category["color"]),
        None if author is None else public_name(author),
        author_id is not None and author_id == work.actor.user_id,
        bool(is_voteable),
        row[0] in voted,
    )
    return PostSummary._make(values)


_VOTED: Final = select(Vote.post_id).where(in_portal_unindexed(Vote), in_list(Vote.post_id, "posts"))
_VOTED_BY_USER: Final = Statement(_VOTED.where(Vote.user_id == bindparam("user")))
_VOTED_BY_DEVICE: Final = Statement(_VOTED.where(Vote.anonymous_id == bindparam("device")))


def _find_voted(work: UnitOfWork, post_ids: Sequence[int], device: str | None) -> set[int]:
    """Those of the posts for which the viewer has voted."""
    user_id = work.actor.user_id
    if not post_ids or (user_id is None and device is None):
        return set()
    if user_id is not None:
        return {row[0] for row in work.fetch_all(_VOTED_BY_USER, posts=list(post_ids), user=user_id)}
    return {row[0] for row in work.fetch_all(_VOTED_BY_DEVICE, posts=list(post_ids), device=device)}


_newest_votes = (
    select(Vote.post_id)
    .where(Vote.portal_id == PORTAL_ID, Vote.created_at >= bindparam("since", type_=UtcTimestamp))
    .order_by(Vote.created_at.desc(), Vote.id.desc())
    .limit(literal_column(str(MAX_TRENDING_VOTES)))
    .subquery("newest_votes")
)
_votes_of_posts = (
    select(_newest_votes.c.post_id, func.count().label("count"))
    .group_by(_newest_votes.c.post_id)
    .cte("votes_of_posts")
    .prefix_with("MATERIALIZED")
)


@cache
def _select_trending(names: tuple[str, ...]) -> Statement:
    rows: Select[Any] = select(Post.id).join(_votes_of_posts, _votes_of_posts.c.post_id == Post.id)
    rows = rows.where(in_portal_unindexed(Post), *post_filters.check_each(names))
    return Statement(rows.order_by(_votes_of_posts.c["count"].desc(), Post.id.desc()))


def _fetch_trending(work: UnitOfWork, filters: PostFilter, *, offset: int, limit: int) -> list[Row]:
    """The posts with votes of the last days, the most first, then all others, the newest first."""
    work.authorize(Permission.VIEW)
    values = visibility.filters_of(work.actor) | filters.active_filters()
    statement = _select_trending(tuple(values))
    trending = [row[0] for row in work.fetch_all(statement, since=work.now - TRENDING_PERIOD, **values)]
    page = trending[offset : offset + limit]
    rows = _QUERY.fetch_by_ids(work, filters, page) if page else []
    if len(page) < limit:
        others = _exclude(filters, trending)
        start = max(0, offset - len(trending))
        # With the same limit, so that there is one statement.
        rows += _QUERY.fetch_page(work, others, ("created_at", True), offset=start, limit=limit)
    return rows[:limit]


def _exclude(filters: PostFilter, post_ids: Sequence[int]) -> PostFilter:
    return replace(filters, excluded_ids=post_ids) if post_ids else filters


@cache
def _select_matching(names: tuple[str, ...]) -> Statement:
    found = (in_portal_unindexed(Post), in_list(Post.id, "ids"))
    return Statement(select(Post.id).where(*found, *post_filters.check_each(names)))


def _keep_matching(work: UnitOfWork, filters: PostFilter, post_ids: Sequence[int]) -> list[int]:
    """Those of the posts that match, in this order."""
    values = visibility.filters_of(work.actor) | filters.active_filters()
    matching = {row[0] for row in work.fetch_all(_select_matching(tuple(values)), ids=list(post_ids), **values)}
    return [post_id for post_id in post_ids if post_id in matching]


def restrict_to_own(work: UnitOfWork, filters: PostFilter, kind: str) -> PostFilter:
    """The filters, for the posts that the actor has `posted`, `voted` for or `followed`. Raises Forbidden for visitors.

    Raises ValidationFailed for another kind.
    """
    user_id = work.actor.user_id
    if user_id is None:
        raise Forbidden(Permission.CHOOSE_NOTIFICATIONS)
    match kind:
        case "posted":
            return replace(filters, user_ids=[user_id])
        case "voted":
            return replace(filters, voter_id=user_id)
        case "followed":
            return replace(filters, follower_id=user_id)
    raise ValidationFailed([FieldError("mine", "invalid")])
