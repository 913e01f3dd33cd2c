"""The roadmap, the changelog, tabs and the sitemap: posts of several statuses or of the whole portal, for the pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, literal_column, select

from app.domain.models import Comment, Post, Status, Tab, User
from app.domain.permissions import Permission
from app.domain.portals import statuses
from app.domain.posts import visible_posts
from app.domain.posts.filters import PostFilter
from app.domain.posts.post_page import (
    MAX_CHANGELOG,
    UPDATE_COLUMNS,
    OfficialUpdate,
    make_changelog_updates,
    make_update,
)
from app.domain.posts.visibility import CONDITIONS
from app.domain.posts.visible_posts import PAGE_POSTS, Label, PostCard, PostList, PostSummary
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork

MAX_COLUMNS: Final = 20
MAX_COLUMN_POSTS: Final = 50
"""The limits of the roadmap, which shows the columns and posts that come first."""
CHUNK: Final = 5000
"""Posts of one file of the sitemap."""


@dataclass(frozen=True, slots=True)
class RoadmapColumn:
    """A status of the roadmap with the posts with the most votes, at most MAX_COLUMN_POSTS."""

    status: Label
    posts: Sequence[PostCard]
    has_more: bool


def roadmap(work: UnitOfWork) -> list[RoadmapColumn]:
    """The statuses that are shown in the roadmap, in their order, at most MAX_COLUMNS.

    Each column takes a constant number of statements.
    """
    return [_find_column(work, status) for status in _list_roadmap_statuses(work)]


def roadmap_of_tab(work: UnitOfWork, tab_id: int) -> list[RoadmapColumn]:
    """As `roadmap`, with the statuses of a tab."""
    return [_find_column(work, status) for status in statuses.of_tab(work, tab_id)[:MAX_COLUMNS]]


def _find_column(work: UnitOfWork, status: Row) -> RoadmapColumn:
    filters = PostFilter(status_ids=[status["id"]])
    posts, has_more = visible_posts.list_cards(work, filters, limit=MAX_COLUMN_POSTS)
    return RoadmapColumn(Label(status["id"], status["name"], status["color"]), posts, has_more)


def page_of_tab(work: UnitOfWork, tab_id: int, *, order: str, offset: int, device: str | None = None) -> PostList:
    """A page of the posts whose status is on the tab. `order` is one of `visible_posts.list_page`."""
    return _page_of_statuses(work, [row["id"] for row in statuses.of_tab(work, tab_id)], order, offset, device=device)


def _page_of_statuses(
    work: UnitOfWork, status_ids: list[int], order: str, offset: int, *, limit: int = PAGE_POSTS, device: str | None
) -> PostList:
    if not status_ids:
        return PostList([], has_more=False)
    filters = PostFilter(status_ids=status_ids)
    return visible_posts.list_page(work, filters, order=order, offset=offset, limit=limit, device=device)


def list_roadmap_changes(work: UnitOfWork, *, limit: int) -> list[PostSummary]:
    """The posts of the roadmap, the newest change of status first."""
    status_ids = [status["id"] for status in _list_roadmap_statuses(work)]
    return _page_of_statuses(work, status_ids, "status", 0, limit=limit, device=None).posts


def _list_roadmap_statuses(work: UnitOfWork) -> list[Row]:
    shown = [status for status in statuses.list_all(work) if status["show_in_roadmap"]]
    return sorted(shown, key=lambda status: (status["position"], status["id"]))[:MAX_COLUMNS]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A post of the changelog, with the text that announced it: its own, or the newest official comment."""

    post: PostSummary
    update: OfficialUpdate | None


_CHANGELOG_STATUSES: Final = Statement(
    select(Status.id)
    .join(Tab, Tab.id == Status.tab_id)
    .where(Status.portal_id == PORTAL_ID, Tab.type == literal_column("'changelog'"))
    .order_by(Status.id)
)
_TEXTS: Final = Statement(
    select(Post.id, func.substr(Post.changelog, 1, MAX_CHANGELOG + 1)).where(
        in_portal_unindexed(Post), in_list(Post.id, "posts"), Post.changelog != literal_column("''")
    )
)
_newest = (
    select(func.max(Comment.id))
    .where(in_portal_unindexed(Comment), in_list(Comment.post_id, "posts"), Comment.official, ~Comment.internal)
    .group_by(Comment.post_id)
)
_UPDATES: Final = Statement(
    select(Comment.post_id.label("post_id"), *UPDATE_COLUMNS)
    .select_from(Comment)
    .join(User, User.id == Comment.user_id)
    .where(in_portal_unindexed(Comment), Comment.id.in_(_newest))
)


def list_announcements(
    work: UnitOfWork, *, tab_id: int | None = None, offset: int, limit: int = PAGE_POSTS, device: str | None = None
) -> tuple[list[Announcement], bool]:
    """A page of the changelog, the newest change of status first, and whether there are more.

    These are the posts whose status is on a tab of the type changelog, or on the given tab.
    """
    rows = work.fetch_all(_CHANGELOG_STATUSES) if tab_id is None else statuses.of_tab(work, tab_id)
    page = _page_of_statuses(work, [row[0] for row in rows], "status", offset, limit=limit, device=device)
    post_ids = [post.id for post in page.posts]
    updates = _find_updates(work, post_ids) if post_ids else {}
    return [Announcement(post, updates.get(post.id)) for post in page.posts], page.has_more


def _find_updates(work: UnitOfWork, post_ids: list[int]) -> dict[int, OfficialUpdate]:
    updates = {row["post_id"]: make_update(row) for row in work.fetch_all(_UPDATES, posts=post_ids)}
    for post_id, text in work.fetch_all(_TEXTS, posts=post_ids):
        for update in make_changelog_updates(text):
            updates[post_id] = update
    return updates


_is_visible = CONDITIONS["visitor"]
_SITEMAP: Final = Statement(
    select(Post.id, Post.code, Post.slug, Post.updated_at)
    .where(in_portal_unindexed(Post), Post.id > bindparam("after"), _is_visible)
    .order_by(Post.id)
    .limit(literal_column(str(CHUNK)))
)
_numbered = (
    select(Post.id, func.row_number().over(order_by=Post.id).label("number"))
    .where(Post.portal_id == PORTAL_ID, _is_visible)
    .subquery("numbered")
)
_STARTS: Final = Statement(
    select(_numbered.c.id)
    .where(_numbered.c.number % literal_column(str(CHUNK)) == literal_column("1"))
    .order_by(_numbered.c.id)
)


def list_chunk_starts(work: UnitOfWork) -> list[int]:
    """The values of `after` for all chunks of the sitemap. Reads all posts, so it may take long."""
    work.authorize(Permission.VIEW)
    return [row[0] - 1 for row in work.fetch_all(_STARTS)]


def list_chunk(work: UnitOfWork, *, after: int) -> Sequence[Row]:
    """(id, code, slug, updated_at) of the next CHUNK posts that visitors see, whoever asks, in the order of ids."""
    work.authorize(Permission.VIEW)
    return work.fetch_all(_SITEMAP, after=after)
