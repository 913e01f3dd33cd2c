"""Lists of the posts that visitors can see: those of a tab, and the columns of the roadmap."""

from dataclasses import dataclass
from typing import Final

from app.domain.models import Post, Status
from app.domain.portals import statuses
from app.domain.posts.filters import PostFilter
from app.domain.posts.queries import PostQuery
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import Row, UnitOfWork

PAGE_POSTS: Final = 20
"""The posts on a page of a tab."""
MAX_COLUMNS: Final = 20
MAX_COLUMN_POSTS: Final = 50
"""The limits of the roadmap, which shows the columns and posts that come first."""

_ORDERS: Final = {"changelog": "latest_status_change"}
"""The order of a tab by its type; for other types the posts with the most votes come first."""

_SUMMARIES: Final = PostQuery(
    (Post.id, Post.code, Post.slug, Post.title, Post.votes_count, Post.status_changed_at, Status.name, Status.color),
)


@dataclass(frozen=True, slots=True)
class PublicSummary:
    """A post in a list."""

    code: str
    slug: str
    title: str
    votes_count: int
    status_changed_at: Timestamp
    status: str
    status_color: str


@dataclass(frozen=True, slots=True)
class RoadmapColumn:
    """A status of the roadmap with its posts."""

    status: str
    color: str
    posts: list[PublicSummary]
    has_more: bool


def page_of_tab(work: UnitOfWork, *, tab_url: str, kind: str, page: int) -> tuple[list[PublicSummary], bool]:
    """The posts of a page of a tab, from page 1 on, and whether there are more. `kind` is the tab's type."""
    filters = PostFilter(tab_url=tab_url, public=True)
    order = _ORDERS.get(kind, "votes_count")
    return _first_posts(work, filters, order=order, offset=(page - 1) * PAGE_POSTS, limit=PAGE_POSTS)


def roadmap(work: UnitOfWork) -> list[RoadmapColumn]:
    """The statuses that are shown in the roadmap, in their order, each with the posts with the most votes."""
    shown = [status for status in statuses.list_all(work) if status["show_in_roadmap"]]
    shown.sort(key=lambda status: (status["position"], status["id"]))
    columns = []
    for status in shown[:MAX_COLUMNS]:
        filters = PostFilter(status_ids=[status["id"]], public=True)
        posts, has_more = _first_posts(work, filters, order="votes_count", offset=0, limit=MAX_COLUMN_POSTS)
        columns.append(RoadmapColumn(status["name"], status["color"], posts, has_more))
    return columns


def _first_posts(
    work: UnitOfWork, filters: PostFilter, *, order: str, offset: int, limit: int
) -> tuple[list[PublicSummary], bool]:
    rows = _SUMMARIES.page(work, filters, order=order, descending=True, offset=offset, limit=limit + 1)
    return [_summary(row) for row in rows[:limit]], len(rows) > limit


def _summary(row: Row) -> PublicSummary:
    _, *values = row
    return PublicSummary(*values)
