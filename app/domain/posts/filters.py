"""Filters of lists of posts: their conditions, the number of matching posts, and the fastest access path to a page.

The cost of the access paths differs by a factor of a hundred. Reading the index of the order and skipping posts that
don't match is fast when many posts match; collecting all matching posts and sorting them is fast when few do. Databases
estimate this from averages, and a plan that is reused for all values can't estimate it at all; but the counts of posts
are stored (see `counters`).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    not_,
    select,
)

from app.domain.models import Follow, Post, PostCategory, PostCounter, PostTag, Status, Tab, User, Vote
from app.domain.posts import visibility
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, in_portal_unindexed, row_in_portal
from app.domain.sql.text_patterns import contains_pattern, make_pattern
from app.domain.unit_of_work import UnitOfWork

AccessPath: TypeAlias = str
"""How a page is found.

`default`: the database chooses; `order_index`: read the index of the order; `sort`: collect and sort the matching
posts; `sort:` and the name of a filter: the same, where this filter finds the posts, and the others are checked for
each of them; or the name of a filter: read the index of that filter, which has the order as well.
"""

SORT: Final = "sort"


@dataclass(frozen=True, slots=True)
class PostFilter:
    """The filters of a list. A post must match all that are given; a list of ids matches any of them."""

    board_ids: Sequence[int] | None = None
    user_ids: Sequence[int] | None = None
    status_ids: Sequence[int] | None = None
    category_ids: Sequence[int] | None = None
    section_ids: Sequence[int] | None = None
    tab_url: str | None = None
    tag_ids: Sequence[int] | None = None
    title: str | None = None
    """A part of the title, in any letter case."""
    public: bool = False
    """Whether only posts that visitors can see match: approved, published and on a tab."""
    voter_id: int | None = None
    follower_id: int | None = None
    excluded_ids: Sequence[int] | None = None

    def active_filters(self) -> dict[str, Any]:
        """The given filters by parameter name. A list of one id becomes an equality, with a name in the singular."""
        values: dict[str, Any] = {}
        for name in ("board_ids", "user_ids", "status_ids", "category_ids", "section_ids", "tab_url", "tag_ids"):
            value = getattr(self, name)
            if value is None:
                continue
            if name.endswith("_ids") and len(value) == 1:
                values[name[:-1]] = value[0]
            else:
                values[name] = value
        if self.title is not None:
            values["title"] = make_pattern(self.title)
        if self.public:
            values["public"] = True
        for name in ("voter_id", "follower_id", "excluded_ids"):
            if getattr(self, name) is not None:
                values[name] = getattr(self, name)
        return values


ALL: Final = PostFilter()

_TAB_STATUSES: Final = (
    select(Status.id)
    .join(Tab, Tab.id == Status.tab_id)
    .where(Tab.portal_id == PORTAL_ID, Tab.url == bindparam("tab_url"))
    .scalar_subquery()
)

_APPROVED: Final = Post.moderation == literal_column("'approved'")
_NOT_APPROVED: Final = Post.moderation != literal_column("'approved'")
# The conditions of the partial indexes to the letter, because SQLite uses such an index for no other.
_HIDDEN: Final[Sequence[Sequence[ColumnElement[bool]]]] = (
    (_NOT_APPROVED, Post.moderation == literal_column("'pending'")),
    (_NOT_APPROVED, Post.moderation == literal_column("'rejected'")),
    (literal_column("posts.published IS false", Boolean), _APPROVED),
)
"""The posts that visitors can't see, in three parts, each in a partial index."""

_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "board_ids": in_list(Post.board_id, "board_ids"),
    "board_id": Post.board_id == bindparam("board_id"),
    "user_ids": in_list(Post.user_id, "user_ids"),
    "user_id": Post.user_id == bindparam("user_id"),
    "status_ids": in_list(Post.status_id, "status_ids"),
    "status_id": Post.status_id == bindparam("status_id"),
    "section_ids": in_list(Post.section_id, "section_ids"),
    "section_id": Post.section_id == bindparam("section_id"),
    "category_ids": Post.id.in_(select(PostCategory.post_id).where(in_list(PostCategory.category_id, "category_ids"))),
    "category_id": Post.id.in_(
        select(PostCategory.post_id).where(PostCategory.category_id == bindparam("category_id"))
    ),
    "tab_url": Post.status_id.in_(_TAB_STATUSES),
    "tag_ids": Post.id.in_(select(PostTag.post_id).where(in_list(PostTag.tag_id, "tag_ids"))),
    "tag_id": Post.id.in_(select(PostTag.post_id).where(PostTag.tag_id == bindparam("tag_id"))),
    "title": contains_pattern(Post.title, "title"),
    "public": and_(Post.status_id.is_not(None), _APPROVED, Post.published.is_(True)),
    "voter_id": Post.id.in_(select(Vote.post_id).where(Vote.user_id == bindparam("voter_id"))),
    "follower_id": Post.id.in_(select(Follow.post_id).where(Follow.user_id == bindparam("follower_id"))),
    "excluded_ids": not_(in_list(Post.id, "excluded_ids")),
    **visibility.CONDITIONS,
}

_ZERO: Final[ColumnElement[int]] = literal_column("0")


def _has_row(table: Any, column: Any, name: str) -> ColumnElement[bool]:
    row = select(table.post_id).where(table.post_id == Post.id, column == bindparam(name))
    return row.correlate(Post).scalar_subquery().is_not(None)


_CHECKS: Final[dict[str, ColumnElement[bool]]] = {
    "category_id": _has_row(PostCategory, PostCategory.category_id, "category_id"),
    "voter_id": _has_row(Vote, Vote.user_id, "voter_id"),
    "follower_id": _has_row(Follow, Follow.user_id, "follower_id"),
}
"""Filters that check one post by a look-up, instead of collecting the posts of the category or the user first."""

_COUNTER_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "board_id": PostCounter.ref_id == bindparam("board_id"),
    "status_id": (PostCounter.status_id == bindparam("status_id")) & (PostCounter.status_id != _ZERO),
    "status_ids": in_list(PostCounter.status_id, "status_ids") & (PostCounter.status_id != _ZERO),
    "section_id": (PostCounter.section_id == bindparam("section_id")) & (PostCounter.section_id != _ZERO),
    "category_id": PostCounter.ref_id == bindparam("category_id"),
    "tab_url": PostCounter.status_id.in_(_TAB_STATUSES),
    "public": PostCounter.status_id != _ZERO,
}
"""Filters whose counts are stored. A list of categories has no count, because a post may have several of them. Tags and
titles have none either.

The counters use 0, which is no id, for posts without a status or section. They include hidden posts, which are counted
one by one and subtracted: see `_count_stored`.
"""

MAX_COUNTED: Final = 5000
_COUNTS_OF_USERS: Final[dict[str, ColumnElement[int]]] = {
    "user_id": select(User.posts_count).where(row_in_portal(User, "user_id")).scalar_subquery(),
    "voter_id": select(User.votes_count).where(row_in_portal(User, "voter_id")).scalar_subquery(),
    "follower_id": select(func.count())
    .select_from(
        select(Follow.post_id)
        .where(in_portal_unindexed(Follow), Follow.user_id == bindparam("follower_id"))
        .limit(literal_column(str(MAX_COUNTED)))
        .subquery("followed")
    )
    .scalar_subquery(),
}
"""How many posts a user has written, voted for, and follows; of the last at most MAX_COUNTED."""

_OWN_INDEX: Final = frozenset((name, "created_at") for name in ("board_id", "status_id", "section_id", "user_id"))


def conditions(names: Sequence[str], path: AccessPath) -> list[ColumnElement[bool]]:
    """The conditions of the portal and the filters, written so that the database uses this access path."""
    of_portal = Post.portal_id == PORTAL_ID
    if path in ("default", SORT):
        return [of_portal, *(_CONDITIONS[name] for name in names)]
    driver_name = path.removeprefix(f"{SORT}:")
    driver = of_portal if path == "order_index" else _CONDITIONS[driver_name]
    checks = [] if path == "order_index" else [of_portal]
    checks += [_CONDITIONS[name] for name in names if name != driver_name and name not in _CHECKS]
    # The conditions that need a look-up come last: they are evaluated only for posts that meet the others.
    checks += [_CHECKS[name] for name in names if name != driver_name and name in _CHECKS]
    # A condition in a CASE can't use an index, and PostgreSQL assumes that half of the posts match it. Otherwise it
    # would assume that few posts match, and sort all posts of another index instead of reading this one.
    return [driver, case((and_(*checks), literal_column("true")), else_=literal_column("false"))]


def is_sorted(path: AccessPath) -> bool:
    """Whether the path collects and sorts posts."""
    return path.startswith(SORT)


def check_each(names: Sequence[str]) -> list[ColumnElement[bool]]:
    """The conditions of the filters in a form that no index serves, for posts that are found by their ids."""
    return conditions(names, "order_index")[1:] if names else []


def has_own_index(names: Sequence[str], order: str) -> bool:
    """Whether one index has the posts of the single filter in this order."""
    return len(names) == 1 and (names[0], order) in _OWN_INDEX


_SORT_COST: Final = 4
"""Collecting and sorting a post costs about as much as skipping four."""


@dataclass(frozen=True, slots=True)
class Cardinalities:
    """The number of posts of the portal, of those that match each filter alone, and of those that match all."""

    portal: int
    each: Mapping[str, int]
    all: int

    def access_path(self, order: str, reach: int) -> AccessPath:
        """The fastest path to a page that ends at row `reach`, if the matching posts are evenly distributed."""
        if not self.each:
            return "default"
        # No index has the posts that visitors can see.
        rarest = min(self.each.keys() - {"public"}, key=lambda name: (self.each[name], name), default="")
        sort = f"{SORT}:{rarest}" if rarest else SORT
        if not self.all:
            return sort
        own = {name: size for name, size in self.each.items() if (name, order) in _OWN_INDEX}
        costs = {name: reach * size / self.all for name, size in (own | {"order_index": self.portal}).items()}
        costs[sort] = _SORT_COST * self.each.get(rarest, self.portal)
        return min(costs, key=lambda path: costs[path])


def has_counters(names: Collection[str]) -> bool:
    """Whether the number of posts that match all these filters is stored."""
    return all(name in _COUNTER_CONDITIONS for name in names) and (len(names) == 1 or "board_id" not in names)


def load_cardinalities(work: UnitOfWork, filters: dict[str, Any]) -> Cardinalities | None:
    """The stored counts for these filters; None if not all of them are stored."""
    if not has_counters(filters):
        return None
    row = work.fetch_one(_cardinalities_statement(tuple(filters)), **filters)
    assert row is not None
    return Cardinalities(row[0], dict(zip(filters, row[1:], strict=False)), row[-1])


def estimate_cardinalities(work: UnitOfWork, filters: dict[str, Any]) -> Cardinalities | None:
    """As `load_cardinalities`, but how many posts match all filters is estimated, as if they were independent.

    The posts of one user are counted as well. Filters without a count are ignored. None if no filter has one.
    """
    names = tuple(name for name in filters if name in _COUNTER_CONDITIONS or name in _COUNTS_OF_USERS)
    if not names:
        return None
    row = work.fetch_one(_counts_statement(names), **filters)
    assert row is not None
    # There is no count for a user who does not exist.
    portal, *each = (count or 0 for count in row)
    share = math.prod(size / max(portal, 1) for size in each)
    return Cardinalities(portal, dict(zip(names, each, strict=True)), round(portal * share))


@cache
def _counts_statement(names: tuple[str, ...]) -> Statement:
    counts = [_COUNTS_OF_USERS[name] if name in _COUNTS_OF_USERS else _sum_of_counters((name,)) for name in names]
    return Statement(select(*(count.label(f"n{index}") for index, count in enumerate([_sum_of_counters(()), *counts]))))


@cache
def _cardinalities_statement(names: tuple[str, ...]) -> Statement:
    counts = [_sum_of_counters(()), *(_sum_of_counters((name,)) for name in names)]
    if len(names) > 1 or "public" in names:
        counts.append(_count_stored(names))
    return Statement(select(*(count.label(f"n{index}") for index, count in enumerate(counts))))


def total(work: UnitOfWork, filters: dict[str, Any]) -> int:
    """The number of posts that match all filters."""
    return int(work.fetch_value(_total_statement(tuple(filters)), **filters))


@cache
def _total_statement(names: tuple[str, ...]) -> Statement:
    return Statement(select(count_expression(names)))


def count_expression(names: Sequence[str]) -> ColumnElement[int]:
    """The number of matching posts as an uncorrelated subquery, which the database runs once for each statement."""
    if has_counters(names):
        return _count_stored(names)
    inner = select(Post.id).where(*conditions(names, "default")).subquery("matching")
    return select(func.count()).select_from(inner).scalar_subquery()


def _count_stored(names: Sequence[str]) -> ColumnElement[int]:
    """The number of matching posts from the stored counters."""
    stored: ColumnElement[int] = _sum_of_counters(names)
    if "public" in names:
        for hidden in _HIDDEN:
            stored = stored - _count_hidden(names, hidden)
    return stored


def _count_hidden(names: Sequence[str], hidden: Sequence[ColumnElement[bool]]) -> ColumnElement[int]:
    """The number of hidden posts that match all other filters. There are few, and a partial index has them."""
    others = [name for name in names if name != "public"]
    # Not by the index of a filter, which has the posts that are not hidden as well.
    others_match = conditions(others, "order_index" if others else "default")
    matching = select(Post.id).where(*hidden, *others_match, Post.status_id.is_not(None)).subquery("hidden")
    return select(func.count()).select_from(matching).scalar_subquery()


def _sum_of_counters(names: Sequence[str]) -> ColumnElement[int]:
    kind = "category" if "category_id" in names else "board" if "board_id" in names else "status" if names else "portal"
    criteria = [
        PostCounter.portal_id == PORTAL_ID,
        PostCounter.kind == literal_column(f"'{kind}'"),
        *(_COUNTER_CONDITIONS[name] for name in names),
    ]
    if kind in ("portal", "status"):
        # With this condition the primary key is used up to the status, and not only up to the kind.
        criteria.append(PostCounter.ref_id == _ZERO)
    return (
        select(cast(func.coalesce(func.sum(PostCounter.posts), _ZERO), BigInteger)).where(*criteria).scalar_subquery()
    )
