"""What a list of posts is narrowed to: the conditions, how many posts meet them, and which way finds a page soonest.

The ways differ a hundredfold. Walking down the index of the order passes over posts until enough have met the filters,
which is soon done when many do; gathering all that do and sorting them is soon done when few do. Databases guess this
from averages, and a plan that is kept for all values can't guess at all; but the numbers of posts are kept (`tallies`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, case, cast, func, literal_column, select

from app.domain.models import Post, PostCategory, PostCounter, Status, Tab
from app.domain.sql.statement import PORTAL_ID, Statement, in_list
from app.domain.unit_of_work import UnitOfWork

AccessPath: TypeAlias = str
"""`plain`, as the database likes, `walk`, `gather`, or the filter down whose own index to walk, which has the order."""


@dataclass(frozen=True, slots=True)
class PostFilter:
    """What a list is narrowed to; all that are given must hold. A list means any of."""

    board_ids: Sequence[int] | None = None
    user_ids: Sequence[int] | None = None
    status_ids: Sequence[int] | None = None
    category_ids: Sequence[int] | None = None
    section_ids: Sequence[int] | None = None
    tab_url: str | None = None

    def active_filters(self) -> dict[str, Any]:
        """The filters in use, by their parameter's name. A list of one is plain equality, named in the singular."""
        found: dict[str, Any] = {}
        for name in ("board_ids", "user_ids", "status_ids", "category_ids", "section_ids", "tab_url"):
            value = getattr(self, name)
            if value is None:
                continue
            if name.endswith("_ids") and len(value) == 1:
                found[name[:-1]] = value[0]
            else:
                found[name] = value
        return found


ALL: Final = PostFilter()

_TAB_STATUSES: Final = (
    select(Status.id)
    .join(Tab, Tab.id == Status.tab_id)
    .where(Tab.portal_id == PORTAL_ID, Tab.url == bindparam("tab_url"))
    .scalar_subquery()
)

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
}

_NOTHING: Final[ColumnElement[int]] = literal_column("0")
_HAS_CATEGORY: Final = (
    select(PostCategory.post_id)
    .where(PostCategory.post_id == Post.id, PostCategory.category_id == bindparam("category_id"))
    .correlate(Post)
    .scalar_subquery()
    .is_not(None)
)
"""Asked of one post, instead of gathering the category's posts first."""

_COUNTER_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "board_id": PostCounter.ref_id == bindparam("board_id"),
    "status_id": (PostCounter.status_id == bindparam("status_id")) & (PostCounter.status_id != _NOTHING),
    "status_ids": in_list(PostCounter.status_id, "status_ids") & (PostCounter.status_id != _NOTHING),
    "section_id": (PostCounter.section_id == bindparam("section_id")) & (PostCounter.section_id != _NOTHING),
    "category_id": PostCounter.ref_id == bindparam("category_id"),
    "tab_url": PostCounter.status_id.in_(_TAB_STATUSES),
}
"""Filters whose number of posts is kept. Several categories at once are not: a post may carry two of them.

0 is nobody's id, but what is kept of posts without a status or section.
"""

_OWN_INDEX: Final = frozenset((name, "created_at") for name in ("board_id", "status_id", "section_id", "user_id"))


def conditions(given: Sequence[str], way: AccessPath) -> list[ColumnElement[bool]]:
    """That a post is of the portal and meets the filters, said so that the database goes this way."""
    of_portal = Post.portal_id == PORTAL_ID
    if way in ("plain", "gather"):
        return [of_portal, *(_CONDITIONS[name] for name in given)]
    driver = of_portal if way == "walk" else _CONDITIONS[way]
    asked = [] if way == "walk" else [of_portal]
    asked += [_CONDITIONS[name] for name in given if name not in (way, "category_id")]
    # What must be looked up comes last: few posts are left to ask.
    asked += [_HAS_CATEGORY] if "category_id" in given else []
    # In a CASE nothing offers its index, and PostgreSQL takes it that every other post meets it: else it would sort all
    # that it can get sooner than walk to what it thinks is hardly there.
    return [driver, case((and_(*asked), literal_column("true")), else_=literal_column("false"))]


def has_own_index(given: Sequence[str], order: str) -> bool:
    """Whether one index holds the filter's posts in this order."""
    return len(given) == 1 and (given[0], order) in _OWN_INDEX


_GATHERED: Final = 4
"""A post that is gathered, looked up and sorted costs about as much as four that are passed over."""


@dataclass(frozen=True, slots=True)
class Cardinalities:
    """How many posts the portal has, how many of them meet each filter alone, and how many meet all."""

    portal: int
    each: Mapping[str, int]
    all: int

    def access_path(self, order: str, reach: int) -> AccessPath:
        """The soonest way to the page that ends `reach` posts down, as if those that meet were strewn evenly."""
        if not self.each:
            return "plain"
        if not self.all:
            return "gather"
        passed = {name: size for name, size in self.each.items() if (name, order) in _OWN_INDEX}
        costs = {name: reach * size / self.all for name, size in (passed | {"walk": self.portal}).items()}
        costs["gather"] = _GATHERED * min(self.each.values())
        return min(costs, key=lambda way: costs[way])


_SIZES: Final[dict[tuple[str, ...], Statement]] = {}


def has_counters(given: Collection[str]) -> bool:
    """Whether the number of posts that meet all of these together is kept."""
    return all(name in _COUNTER_CONDITIONS for name in given) and (len(given) == 1 or "board_id" not in given)


def load_cardinalities(work: UnitOfWork, given: dict[str, Any]) -> Cardinalities | None:
    """The kept numbers; None when not all that is asked for are kept."""
    if not has_counters(given):
        return None
    names = tuple(given)
    statement = _SIZES.get(names)
    if statement is None:
        asked = [
            _counter_condition(()),
            *(_counter_condition((name,)) for name in names),
            *([_counter_condition(names)] if len(names) > 1 else ()),
        ]
        statement = _SIZES[names] = Statement(select(*(each.label(f"n{at}") for at, each in enumerate(asked))))
    found = work.fetch_one(statement, **given)
    assert found is not None
    return Cardinalities(found[0], dict(zip(names, found[1:], strict=False)), found[-1])


_TOTALS: Final[dict[tuple[str, ...], Statement]] = {}


def total(work: UnitOfWork, given: dict[str, Any]) -> int:
    """How many posts meet all filters."""
    names = tuple(given)
    statement = _TOTALS.get(names)
    if statement is None:
        statement = _TOTALS[names] = Statement(select(count_expression(names)))
    return int(work.fetch_value(statement, **given))


def count_expression(given: Sequence[str]) -> ColumnElement[int]:
    """The number as one uncorrelated subquery, which the database computes once a statement."""
    if has_counters(given):
        return _counter_condition(given)
    inner = select(Post.id).where(*conditions(given, "plain")).subquery("matching")
    return select(func.count()).select_from(inner).scalar_subquery()


def _counter_condition(given: Sequence[str]) -> ColumnElement[int]:
    kind = "category" if "category_id" in given else "board" if "board_id" in given else "status" if given else "portal"
    kept = [
        PostCounter.portal_id == PORTAL_ID,
        PostCounter.kind == literal_column(f"'{kind}'"),
        *(_COUNTER_CONDITIONS[name] for name in given),
    ]
    if kind in ("portal", "status"):
        # So that the index leads to the status, and not only to the kind.
        kept.append(PostCounter.ref_id == _NOTHING)
    return select(cast(func.coalesce(func.sum(PostCounter.posts), _NOTHING), BigInteger)).where(*kept).scalar_subquery()
