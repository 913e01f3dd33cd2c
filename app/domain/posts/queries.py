"""Reading posts: one row each, with what belongs to it, in one constant statement however the list is filtered.

A door says once which columns it shows (`PostQuery`); this module knows how to fetch them. Nothing is built at a
request
but a look-up of the statement for the shape of its filters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.orm import QueryableAttribute, aliased

from app.domain.errors import NotFound
from app.domain.models import Board, Category, Post, PostCategory, Status, Tab, User
from app.domain.permissions import Permission
from app.domain.posts import filters as post_filters
from app.domain.posts.filters import AccessPath, Cardinalities, PostFilter, conditions, count_expression, has_own_index
from app.domain.sql import text_limits
from app.domain.sql.pagination import DEEP_OFFSET, PageShape, page_shape
from app.domain.sql.statement import PORTAL_ID, Column, Statement, in_list, in_portal_unindexed, json_array_of
from app.domain.sql.text_limits import check_lengths, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork

AUTHOR: Final = aliased(User, name="author")
"""The post's author, as columns of a post's row; all null for an anonymous post."""

CATEGORIES: Final = json_array_of(
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

MAX_STATEMENTS: Final = 512
"""Shapes of lists that a view keeps; one takes some tens of kilobytes, and a few milliseconds to make."""


@dataclass(frozen=True, slots=True)
class PostPage:
    """One page of posts, in order, and how many there are altogether."""

    rows: Sequence[Row]
    total: int


@dataclass(eq=False)
class PostQuery:
    """The columns of a post that a door shows, in its order, and the statements that fetch them."""

    columns: Sequence[Column]
    bounded: bool = False
    """Whether pages, and several posts by their ids, raise TextsTooLong instead of carrying long texts."""
    _statements: dict[Any, Statement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._long = text_limits.long_columns(self.columns) if self.bounded else ()
        self._short_columns = text_limits.with_limits(self.columns, self._long)

    def by_id(self, work: UnitOfWork, post_id: int) -> Row:
        """The post's row. Raises NotFound("post")."""
        work.authorize(Permission.READ)
        statement = self._statements.get("id") or self._cache("id", self._select_one(Post.id == bindparam("id")))
        row = work.fetch_one(statement, id=post_id)
        if row is None:
            raise NotFound("post", post_id)
        return row

    def by_code(self, work: UnitOfWork, code: str) -> Row:
        """The row of the post with this six-character code, exact case. Raises NotFound("post")."""
        work.authorize(Permission.READ)
        statement = self._statements.get("code") or self._cache(
            "code", self._select_one(Post.code == bindparam("code"))
        )
        row = work.fetch_one(statement, code=code)
        if row is None:
            raise NotFound("post", code)
        return row

    def by_code_or_id(self, work: UnitOfWork, key: str) -> Row:
        """The row of the post with this code or number. Raises NotFound("post") with the key as it was sent."""
        named = resolve_code_or_id(work, key)
        try:
            return self.by_code(work, named) if isinstance(named, str) else self.by_id(work, named)
        except NotFound as missing:
            raise NotFound("post", key) from missing

    def page(
        self, work: UnitOfWork, filters: PostFilter, *, order: str, descending: bool, offset: int, limit: int
    ) -> Sequence[Row]:
        """The rows of one page, at most `limit`."""
        work.authorize(Permission.READ)
        given = filters.active_filters()
        return self._fetch_page(
            work, given, (order, descending), offset, limit, _cardinalities(work, given, order, offset)
        )

    def page_with_total(
        self, work: UnitOfWork, filters: PostFilter, *, order: str, descending: bool, offset: int, limit: int
    ) -> PostPage:
        """As `page`, and the number of all posts that match, from the kept numbers where these say it."""
        work.authorize(Permission.READ)
        given = filters.active_filters()
        sorting = (order, descending)
        if offset >= DEEP_OFFSET or len(given) > 1:
            known = post_filters.load_cardinalities(work, given)
            if known is not None and not known.all:
                return PostPage((), 0)
            rows = self._fetch_page(work, given, sorting, offset, limit, known)
            return PostPage(rows, post_filters.total(work, given) if known is None else known.all)
        way = self._access_path(given, sorting, offset, limit, _cardinalities(work, given, order, offset))
        shown = page_shape(offset, limit)
        shape = (tuple(given), sorting, shown, way, "total")
        statement = self._statements.get(shape)
        if statement is None:
            counted = count_expression(tuple(given)).label("total")
            statement = self._cache(shape, self._list(*shape[:4]).add_columns(counted))
        rows = work.fetch_all(statement, limit=limit, offset=offset, max_text=max_text_bytes(limit), **given)
        check_lengths(work.engine, rows, self._long)
        if rows:
            return PostPage(rows, rows[0][-1])
        return PostPage(rows, post_filters.total(work, given))

    def ids(
        self, work: UnitOfWork, filters: PostFilter, *, order: str, descending: bool, offset: int, limit: int
    ) -> list[int]:
        """Only the ids of a page, from the index: the plan of an answer that is written in pieces."""
        work.authorize(Permission.READ)
        given = filters.active_filters()
        names, sorting, shown = tuple(given), (order, descending), page_shape(offset, limit)
        shape = ("ids", names, sorting, shown)
        statement = self._statements.get(shape) or self._cache(shape, _ids(names, sorting, shown, "plain"))
        return [row[0] for row in work.fetch_all(statement, limit=limit, offset=offset, **given)]

    def by_ids(self, work: UnitOfWork, ids: Sequence[int]) -> list[Row]:
        """The rows of these posts in this order; those gone meanwhile are left out. The id is the first column.

        A single one may be as long as it likes.
        """
        work.authorize(Permission.READ)
        whole = len(ids) == 1
        statement = self._statements.get(("ids", whole)) or self._cache(
            ("ids", whole), self._select_by_ids(whole=whole)
        )
        rows = work.fetch_all(statement, ids=list(ids), max_text=max_text_bytes(len(ids)))
        check_lengths(work.engine, rows, () if whole else self._long)
        found = {row[0]: row for row in rows}
        return [found[post_id] for post_id in ids if post_id in found]

    def _cache(self, shape: Any, source: Select[Any]) -> Statement:
        if len(self._statements) >= MAX_STATEMENTS:
            # Whoever tries every mixture of filters, orders and limits must not fill the memory with them.
            del self._statements[next(iter(self._statements))]
        statement = self._statements[shape] = Statement(source)
        return statement

    def _select_one(self, condition: ColumnElement[bool]) -> Select[Any]:
        return self._joined(select(*self.columns).select_from(Post)).where(Post.portal_id == PORTAL_ID, condition)

    def _select_by_ids(self, *, whole: bool) -> Select[Any]:
        columns = self.columns if whole else self._short_columns
        return self._joined(select(*columns).select_from(Post)).where(
            in_portal_unindexed(Post), in_list(Post.id, "ids")
        )

    def _fetch_page(
        self,
        work: UnitOfWork,
        given: dict[str, Any],
        sorting: Sorting,
        offset: int,
        limit: int,
        known: Cardinalities | None,
    ) -> Sequence[Row]:
        """A page by the way that finds it soonest; one beyond the middle is looked for from the end."""
        way = self._access_path(given, sorting, offset, limit, known)
        if offset < DEEP_OFFSET or known is None or offset < known.all // 2:
            return self._page(work, given, sorting, page_shape(offset, limit), way, offset=offset, limit=limit)
        below = known.all - offset
        if below <= 0:
            return ()
        shown = page_shape(max(0, below - limit), min(limit, below))._replace(from_end=True, deep=True)
        return self._page(work, given, sorting, shown, way, offset=max(0, below - limit), limit=min(limit, below))

    def _access_path(
        self, given: dict[str, Any], sorting: Sorting, offset: int, limit: int, known: Cardinalities | None
    ) -> AccessPath:
        if sorting[0] not in INDEXED:
            # Ids and keys alone: SQLite would carry every column of every post through its sorting.
            return "gather"
        if has_own_index(tuple(given), sorting[0]):
            return next(iter(given))
        return "plain" if known is None else known.access_path(sorting[0], offset + limit)

    def _page(
        self,
        work: UnitOfWork,
        given: dict[str, Any],
        sorting: Sorting,
        shown: PageShape,
        way: AccessPath,
        *,
        offset: int,
        limit: int,
    ) -> Sequence[Row]:
        shape = (tuple(given), sorting, shown, way)
        statement = self._statements.get(shape) or self._cache(shape, self._list(*shape))
        rows = work.fetch_all(statement, limit=limit, offset=offset, max_text=max_text_bytes(limit), **given)
        check_lengths(work.engine, rows, self._long)
        return rows

    def _list(self, given: tuple[str, ...], sorting: Sorting, shown: PageShape, way: AccessPath) -> Select[Any]:
        if not shown.deep and way != "gather":
            rows = self._joined(select(*self._short_columns).select_from(Post)).where(*conditions(given, way))
            return shown.apply(rows.order_by(*_sorting(*sorting)))
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


_BY_CODE: Final = Statement(select(Post.id).where(Post.portal_id == PORTAL_ID, Post.code == bindparam("code")))


def resolve_code_or_id(work: UnitOfWork, key: str) -> int | str:
    """A post's id or code, as `parse_code_or_id`, except that six digits are a code if a post has this code.

    The codes made here are never all digits, but an imported code may be.
    """
    named = parse_code_or_id(key)
    if isinstance(named, int) and named and len(key) == CODE_LENGTH:
        code_of: int | None = work.fetch_value(_BY_CODE, code=key)
        return named if code_of is None else code_of
    return named


def parse_code_or_id(key: str) -> int | str:
    """A post's id when the key is all digits, else its code; 0, which no post has, for a key that can be neither."""
    if not key.isascii() or not key.isalnum():
        return 0
    if key.isdigit():
        return int(key) if len(key) < 19 else 0
    return key


def _cardinalities(work: UnitOfWork, given: dict[str, Any], order: str, offset: int) -> Cardinalities | None:
    """The kept numbers, unless nothing hangs on them."""
    if offset < DEEP_OFFSET and (not given or has_own_index(tuple(given), order)):
        return None
    return post_filters.load_cardinalities(work, given)


def _ids(given: tuple[str, ...], sorting: Sorting, shown: PageShape, way: AccessPath) -> Select[Any]:
    order, descending = sorting
    towards = descending is not shown.from_end
    if way != "gather":
        rows = select(Post.id).where(*conditions(given, way))
        return shown.apply(rows.order_by(*_sorting(order, towards)))
    # All of them first, before the database may think of walking.
    found = select(Post.id, ORDERS[order].label("key")).where(*conditions(given, way)).cte("found")
    found = found.prefix_with("MATERIALIZED")
    keys = (found.c.key, found.c.id)
    return shown.apply(select(found.c.id).order_by(*(key.desc() if towards else key.asc() for key in keys)))


def _sorting(order: str, descending: bool) -> list[ColumnElement[Any]]:
    columns = (ORDERS[order], Post.id)
    return [column.desc() if descending else column.asc() for column in columns]
