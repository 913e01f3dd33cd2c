"""Reading posts: one row each, with what belongs to it, in one constant statement however the list is filtered.

A door says once which columns it shows (`PostView`); this module knows how to fetch them. Nothing is built at a request
but a look-up of the statement for the shape of its filters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Select, bindparam, literal_column, select
from sqlalchemy.orm import QueryableAttribute, aliased

from app.domain.errors import NotFound
from app.domain.models import Board, Category, Post, PostCategory, Status, Tab, User
from app.domain.posts import filters
from app.domain.posts.filters import PostFilter, Sizes, Way, conditions, has_own_index, total_of
from app.domain.sql import text_limits
from app.domain.sql.pagination import DEEP, Window, window
from app.domain.sql.statement import Column, Statement, among, json_objects, portal
from app.domain.sql.text_limits import max_text_bytes, require_short
from app.domain.unit_of_work import Row, Work

AUTHOR: Final = aliased(User, name="author")
"""The post's author, as columns of a post's row; all null for an anonymous post."""

CATEGORIES: Final = json_objects(
    select(Category.id, Category.name, Category.color)
    .join(PostCategory, PostCategory.category_id == Category.id)
    .where(PostCategory.post_id == Post.id)
    # The same order as by the category's own id, but one in which the index already is.
    .order_by(PostCategory.category_id)
    .correlate(Post)
    .subquery()
)
"""The post's categories as ready JSON text: id, name, color."""

ORDERS: Final[dict[str, Column]] = {
    "title": Post.title,
    "created_at": Post.created_at,
    "updated_at": Post.updated_at,
    "votes_count": Post.votes_count,
    "comments_count": Post.comments_count,
    "latest_status_change": Post.status_changed_at,
    "order": Post.position,
}
"""What lists may be sorted by. Every order ends with the id, so that pages neither repeat nor miss a post."""

INDEXED: Final = frozenset({"created_at", "votes_count", "order"})
"""Orders in which posts can be walked down; in the others all that are wanted must be sorted."""

Sorting: TypeAlias = tuple[str, bool]
"""Which of ORDERS, and whether the highest come first."""

CODE_LENGTH: Final = 6

MOST_STATEMENTS: Final = 512
"""Shapes of lists that a view keeps; one takes some tens of kilobytes, and a few milliseconds to make."""


@dataclass(frozen=True, slots=True)
class PostPage:
    """One page of posts, in order, and how many there are altogether."""

    rows: Sequence[Row]
    total: int


@dataclass(eq=False)
class PostView:
    """The columns of a post that a door shows, in its order, and the statements that fetch them."""

    columns: Sequence[Column]
    bounded: bool = False
    """Whether pages, and several posts by their ids, raise LongTexts instead of carrying long texts."""
    _statements: dict[Any, Statement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._long = text_limits.are_long(self.columns) if self.bounded else ()
        self._short_columns = text_limits.bounding(self.columns, self._long)

    def by_id(self, work: Work, post_id: int) -> Row:
        """The post's row. Raises NotFound("post")."""
        statement = self._statements.get("id") or self._kept("id", self._card(Post.id == bindparam("id")))
        row = work.one(statement, id=post_id)
        if row is None:
            raise NotFound("post", post_id)
        return row

    def by_code(self, work: Work, code: str) -> Row:
        """The row of the post with this six-character code, exact case. Raises NotFound("post")."""
        statement = self._statements.get("code") or self._kept("code", self._card(Post.code == bindparam("code")))
        row = work.one(statement, code=code)
        if row is None:
            raise NotFound("post", code)
        return row

    def by_key(self, work: Work, key: str) -> Row:
        """The row of the post that a ProductLift address names. Raises NotFound("post") with the key as it was sent."""
        named = named_by(work, key)
        try:
            return self.by_code(work, named) if isinstance(named, str) else self.by_id(work, named)
        except NotFound as missing:
            raise NotFound("post", key) from missing

    def page(
        self, work: Work, wanted: PostFilter, *, order: str, descending: bool, skip: int, limit: int
    ) -> Sequence[Row]:
        """The rows of one page, at most `limit`."""
        given = wanted.given()
        return self._planned(work, given, (order, descending), skip, limit, _sizes(work, given, order, skip))

    def page_with_total(
        self, work: Work, wanted: PostFilter, *, order: str, descending: bool, skip: int, limit: int
    ) -> PostPage:
        """As `page`, and the number of all posts that match, from the kept numbers where these say it."""
        given = wanted.given()
        sorting = (order, descending)
        if skip >= DEEP or len(given) > 1:
            known = filters.sizes(work, given)
            if known is not None and not known.all:
                return PostPage((), 0)
            rows = self._planned(work, given, sorting, skip, limit, known)
            return PostPage(rows, filters.total(work, given) if known is None else known.all)
        way = self._way(given, sorting, skip, limit, _sizes(work, given, order, skip))
        shown = window(skip, limit)
        shape = (tuple(given), sorting, shown, way, "total")
        statement = self._statements.get(shape)
        if statement is None:
            counted = total_of(tuple(given)).label("total")
            statement = self._kept(shape, self._list(*shape[:4]).add_columns(counted))
        rows = work.rows(statement, limit=limit, skip=skip, max_text=max_text_bytes(limit), **given)
        require_short(work.engine, rows, self._long)
        if rows:
            return PostPage(rows, rows[0][-1])
        return PostPage(rows, filters.total(work, given))

    def ids(self, work: Work, wanted: PostFilter, *, order: str, descending: bool, skip: int, limit: int) -> list[int]:
        """Only the ids of a page, from the index: the plan of an answer that is written in pieces."""
        given = wanted.given()
        names, sorting, shown = tuple(given), (order, descending), window(skip, limit)
        shape = ("ids", names, sorting, shown)
        statement = self._statements.get(shape) or self._kept(shape, _ids(names, sorting, shown, "plain"))
        return [row[0] for row in work.rows(statement, limit=limit, skip=skip, **given)]

    def by_ids(self, work: Work, ids: Sequence[int]) -> list[Row]:
        """The rows of these posts in this order; those gone meanwhile are left out. The id is the first column.

        A single one may be as long as it likes.
        """
        whole = len(ids) == 1
        statement = self._statements.get(("ids", whole)) or self._kept(("ids", whole), self._many(whole=whole))
        rows = work.rows(statement, ids=list(ids), max_text=max_text_bytes(len(ids)))
        require_short(work.engine, rows, () if whole else self._long)
        found = {row[0]: row for row in rows}
        return [found[post_id] for post_id in ids if post_id in found]

    def _kept(self, shape: Any, source: Select[Any]) -> Statement:
        if len(self._statements) >= MOST_STATEMENTS:
            # Whoever tries every mixture of filters, orders and limits must not fill the memory with them.
            del self._statements[next(iter(self._statements))]
        statement = self._statements[shape] = Statement(source)
        return statement

    def _card(self, condition: ColumnElement[bool]) -> Select[Any]:
        return self._joined(select(*self.columns).select_from(Post)).where(Post.portal_id == portal, condition)

    def _many(self, *, whole: bool) -> Select[Any]:
        # The sum hides the portal from SQLite's planner, which else walks the whole portal instead of its few ids.
        of_portal = Post.portal_id + literal_column("0") == portal
        columns = self.columns if whole else self._short_columns
        return self._joined(select(*columns).select_from(Post)).where(of_portal, among(Post.id, "ids"))

    def _planned(
        self, work: Work, given: dict[str, Any], sorting: Sorting, skip: int, limit: int, known: Sizes | None
    ) -> Sequence[Row]:
        """A page by the way that finds it soonest; one beyond the middle is looked for from the end."""
        way = self._way(given, sorting, skip, limit, known)
        if skip < DEEP or known is None or skip < known.all // 2:
            return self._page(work, given, sorting, window(skip, limit), way, skip=skip, limit=limit)
        below = known.all - skip
        if below <= 0:
            return ()
        shown = window(max(0, below - limit), min(limit, below))._replace(backwards=True, deep=True)
        return self._page(work, given, sorting, shown, way, skip=max(0, below - limit), limit=min(limit, below))

    def _way(self, given: dict[str, Any], sorting: Sorting, skip: int, limit: int, known: Sizes | None) -> Way:
        if sorting[0] not in INDEXED:
            # Ids and keys alone: SQLite would carry every column of every post through its sorting.
            return "gather"
        if has_own_index(tuple(given), sorting[0]):
            return next(iter(given))
        return "plain" if known is None else known.way(sorting[0], skip + limit)

    def _page(
        self, work: Work, given: dict[str, Any], sorting: Sorting, shown: Window, way: Way, *, skip: int, limit: int
    ) -> Sequence[Row]:
        shape = (tuple(given), sorting, shown, way)
        statement = self._statements.get(shape) or self._kept(shape, self._list(*shape))
        rows = work.rows(statement, limit=limit, skip=skip, max_text=max_text_bytes(limit), **given)
        require_short(work.engine, rows, self._long)
        return rows

    def _list(self, given: tuple[str, ...], sorting: Sorting, shown: Window, way: Way) -> Select[Any]:
        if not shown.deep and way != "gather":
            rows = self._joined(select(*self._short_columns).select_from(Post)).where(*conditions(given, way))
            return shown.of(rows.order_by(*_sorting(*sorting)))
        picked = _ids(given, sorting, shown, way).subquery("picked")
        rows = self._joined(select(*self._short_columns).select_from(picked).join(Post, Post.id == picked.c.id))
        return rows.order_by(*_sorting(*sorting))

    def _joined(self, rows: Select[Any]) -> Select[Any]:
        """Join what the columns speak of."""
        shown = {column.parent.entity for column in self.columns if isinstance(column, QueryableAttribute)}
        if Board in shown:
            rows = rows.join(Board, Board.id == Post.board_id)
        if AUTHOR in shown:
            rows = rows.outerjoin(AUTHOR, AUTHOR.id == Post.user_id)
        if Status in shown:
            rows = rows.outerjoin(Status, Status.id == Post.status_id)
        if Tab in shown:
            rows = rows.outerjoin(Tab, Tab.id == Status.tab_id)
        return rows


_BY_CODE: Final = Statement(select(Post.id).where(Post.portal_id == portal, Post.code == bindparam("code")))


def named_by(work: Work, key: str) -> int | str:
    """What a ProductLift address names, a number or a code: as `key_of`, but six digits are a code if there is one.

    Our codes are never all digits; one that was taken over from elsewhere may be.
    """
    named = key_of(key)
    if isinstance(named, int) and named and len(key) == CODE_LENGTH:
        code_of: int | None = work.value(_BY_CODE, code=key)
        return named if code_of is None else code_of
    return named


def key_of(key: str) -> int | str:
    """What a ProductLift address names: a post's number when it is all digits, else its code. No code is all digits.

    0, which no post has, for what can be neither.
    """
    if not key.isascii() or not key.isalnum():
        return 0
    if key.isdigit():
        return int(key) if len(key) < 19 else 0
    return key


def _sizes(work: Work, given: dict[str, Any], order: str, skip: int) -> Sizes | None:
    """The kept numbers, unless nothing hangs on them."""
    if skip < DEEP and (not given or has_own_index(tuple(given), order)):
        return None
    return filters.sizes(work, given)


def _ids(given: tuple[str, ...], sorting: Sorting, shown: Window, way: Way) -> Select[Any]:
    order, descending = sorting
    towards = descending is not shown.backwards
    if way != "gather":
        rows = select(Post.id).where(*conditions(given, way))
        return shown.of(rows.order_by(*_sorting(order, towards)))
    # All of them first, before the database may think of walking.
    found = select(Post.id, ORDERS[order].label("key")).where(*conditions(given, way)).cte("found")
    found = found.prefix_with("MATERIALIZED")
    keys = (found.c.key, found.c.id)
    return shown.of(select(found.c.id).order_by(*(key.desc() if towards else key.asc() for key in keys)))


def _sorting(order: str, descending: bool) -> list[ColumnElement[Any]]:
    columns = (ORDERS[order], Post.id)
    return [column.desc() if descending else column.asc() for column in columns]
