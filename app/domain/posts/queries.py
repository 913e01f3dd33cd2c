"""Queries for posts: a dialect declares the columns it needs (`PostQuery`).

A list with any filters is one constant statement, which is built once for each combination of filters, order, page
shape and access path. A request only looks it up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.orm import QueryableAttribute, aliased

from app.domain.errors import NotFound
from app.domain.models import Board, Category, Post, PostCategory, Status, Tab, Tag, User
from app.domain.permissions import Permission
from app.domain.posts import filters as post_filters
from app.domain.posts.filters import (
    AccessPath,
    Cardinalities,
    PostFilter,
    conditions,
    count_expression,
    has_own_index,
    is_sorted,
)
from app.domain.row_query import RowQuery
from app.domain.sql.pagination import DEEP_OFFSET, PageShape, page_shape
from app.domain.sql.statement import PORTAL_ID, Column, Statement, in_list, in_portal_unindexed, json_array_of
from app.domain.unit_of_work import Row, UnitOfWork

AUTHOR: Final = aliased(User, name="author")
"""The author of the post; its columns are null for an anonymous post."""


def select_labels(label: type[Category] | type[Tag], link: Any, label_id: Column) -> json_array_of:
    """The labels of the post as JSON text: id, name, color."""
    return json_array_of(
        select(label.id, label.name, label.color)
        .join(link, label_id == label.id)
        .where(link.post_id == Post.id)
        # The same order as by the label's id, but the index of this column has it already.
        .order_by(label_id)
        .correlate(Post)
        .subquery()
    )


CATEGORIES: Final = select_labels(Category, PostCategory, PostCategory.category_id)
"""The categories of the post as JSON text: id, name, color."""

ORDERS: Final[dict[str, Column]] = {
    "title": Post.title,
    "created_at": Post.created_at,
    "updated_at": Post.updated_at,
    "votes_count": Post.votes_count,
    "comments_count": Post.comments_count,
    "latest_status_change": Post.status_changed_at,
    "order": Post.position,
}
"""The orders of lists. Every order ends with the id, so that pages neither repeat nor miss a post."""

INDEXED: Final = frozenset(ORDERS) - {"title"}
"""Orders with an index; for the others, all matching posts must be sorted."""

Sorting: TypeAlias = tuple[str, bool]
"""One of ORDERS, and whether it is descending."""

CODE_LENGTH: Final = 6


@dataclass(eq=False)
class PostQuery(RowQuery):
    """Selects the given columns of posts, in this order; each method raises Forbidden without READ."""

    def by_id(self, work: UnitOfWork, post_id: int) -> Row:
        """The post's row. Raises NotFound("post")."""
        work.authorize(Permission.READ)
        statement = self._statements.get("id") or self._cache("id", self._select_one(Post.id == bindparam("id")))
        return work.require_row(statement, "post", post_id, id=post_id)

    def by_code(self, work: UnitOfWork, code: str) -> Row:
        """The row of the post with this six-character code, exact case. Raises NotFound("post")."""
        work.authorize(Permission.READ)
        statement = self._statements.get("code") or self._cache(
            "code", self._select_one(Post.code == bindparam("code"))
        )
        return work.require_row(statement, "post", code, code=code)

    def by_code_or_id(self, work: UnitOfWork, key: str) -> Row:
        """The row of the post with this code or number. Raises NotFound("post") with the key as it was sent."""
        code_or_id = resolve_code_or_id(work, key)
        try:
            return self.by_code(work, code_or_id) if isinstance(code_or_id, str) else self.by_id(work, code_or_id)
        except NotFound as error:
            raise NotFound("post", key) from error

    def page(
        self, work: UnitOfWork, filters: PostFilter, *, order: str, descending: bool, offset: int, limit: int
    ) -> Sequence[Row]:
        """The rows of one page."""
        work.authorize(Permission.READ)
        values = filters.active_filters()
        return self._fetch_page(
            work, values, (order, descending), offset, limit, _cardinalities(work, values, order, offset)
        )

    def page_with_total(
        self, work: UnitOfWork, filters: PostFilter, *, order: str, descending: bool, offset: int, limit: int
    ) -> tuple[Sequence[Row], int]:
        """As `page`, and the number of all matching posts, from the stored counts where they have it."""
        work.authorize(Permission.READ)
        values = filters.active_filters()
        sorting = (order, descending)
        if offset >= DEEP_OFFSET or len(values) > 1:
            cardinalities = post_filters.load_cardinalities(work, values)
            if cardinalities is not None and not cardinalities.all:
                return (), 0
            rows = self._fetch_page(work, values, sorting, offset, limit, cardinalities)
            return rows, post_filters.total(work, values) if cardinalities is None else cardinalities.all
        path = self._access_path(values, sorting, offset, limit, _cardinalities(work, values, order, offset))
        shape = page_shape(offset, limit)
        key = (tuple(values), sorting, shape, path, "total")
        statement = self._statements.get(key)
        if statement is None:
            total = count_expression(tuple(values)).label("total")
            statement = self._cache(key, self._list(*key[:4]).add_columns(total))
        rows = self._fetch_limited(work, statement, limit=limit, offset=offset, **values)
        return rows, rows[0][-1] if rows else post_filters.total(work, values)

    def ids(
        self, work: UnitOfWork, filters: PostFilter, *, order: str, descending: bool, offset: int, limit: int
    ) -> list[int]:
        """The ids of a page, read from the index: for a response that is streamed in chunks."""
        work.authorize(Permission.READ)
        values = filters.active_filters()
        names, sorting, shape = tuple(values), (order, descending), page_shape(offset, limit)
        key = ("ids", names, sorting, shape)
        statement = self._statements.get(key) or self._cache(key, _ids(names, sorting, shape, "default"))
        return [row[0] for row in work.fetch_all(statement, limit=limit, offset=offset, **values)]

    def _select_one(self, condition: ColumnElement[bool]) -> Select[Any]:
        return self._joined(select(*self.columns).select_from(Post)).where(Post.portal_id == PORTAL_ID, condition)

    def _select_by_ids(self, columns: Sequence[Column]) -> Select[Any]:
        rows = self._joined(select(*columns).select_from(Post))
        return rows.where(in_portal_unindexed(Post), in_list(Post.id, "ids"))

    def _fetch_page(
        self,
        work: UnitOfWork,
        values: dict[str, Any],
        sorting: Sorting,
        offset: int,
        limit: int,
        cardinalities: Cardinalities | None,
    ) -> Sequence[Row]:
        """A page by its fastest access path; a page beyond the middle is read from the end."""
        path = self._access_path(values, sorting, offset, limit, cardinalities)
        if offset < DEEP_OFFSET or cardinalities is None or offset < cardinalities.all // 2:
            return self._page(work, values, sorting, page_shape(offset, limit), path, offset=offset, limit=limit)
        remaining = cardinalities.all - offset
        if remaining <= 0:
            return ()
        offset, limit = max(0, remaining - limit), min(limit, remaining)
        shape = page_shape(offset, limit)._replace(from_end=True, deep=True)
        return self._page(work, values, sorting, shape, path, offset=offset, limit=limit)

    def _access_path(
        self, values: dict[str, Any], sorting: Sorting, offset: int, limit: int, cardinalities: Cardinalities | None
    ) -> AccessPath:
        if sorting[0] not in INDEXED:
            # With this path only ids and keys are sorted; SQLite would otherwise sort every column of every post.
            return "sort"
        if has_own_index(tuple(values), sorting[0]):
            return next(iter(values))
        return "default" if cardinalities is None else cardinalities.access_path(sorting[0], offset + limit)

    def _page(
        self,
        work: UnitOfWork,
        values: dict[str, Any],
        sorting: Sorting,
        shape: PageShape,
        path: AccessPath,
        *,
        offset: int,
        limit: int,
    ) -> Sequence[Row]:
        key = (tuple(values), sorting, shape, path)
        statement = self._statements.get(key) or self._cache(key, self._list(*key))
        return self._fetch_limited(work, statement, limit=limit, offset=offset, **values)

    def _list(self, names: tuple[str, ...], sorting: Sorting, shape: PageShape, path: AccessPath) -> Select[Any]:
        if not shape.deep and not is_sorted(path):
            rows = self._joined(select(*self._limited_columns).select_from(Post)).where(*conditions(names, path))
            return shape.apply(rows.order_by(*_sorting(*sorting)))
        page = _ids(names, sorting, shape, path).subquery("page")
        rows = self._joined(select(*self._limited_columns).select_from(page).join(Post, Post.id == page.c.id))
        return rows.order_by(*_sorting(*sorting))

    def _joined(self, rows: Select[Any]) -> Select[Any]:
        """Join the tables of the columns."""
        tables = {column.parent.entity for column in self.columns if isinstance(column, QueryableAttribute)}
        if Board in tables:
            rows = rows.join(Board, Board.id == Post.board_id)
        if AUTHOR in tables:
            rows = rows.outerjoin(AUTHOR, AUTHOR.id == Post.user_id)
        if Status in tables:
            rows = rows.outerjoin(Status, Status.id == Post.status_id)
        if Tab in tables:
            rows = rows.outerjoin(Tab, Tab.id == Status.tab_id)
        return rows


_BY_CODE: Final = Statement(select(Post.id).where(Post.portal_id == PORTAL_ID, Post.code == bindparam("code")))


def resolve_code_or_id(work: UnitOfWork, key: str) -> int | str:
    """A post's id or code, as `parse_code_or_id`, except that six digits are a code if a post has this code.

    The codes made here are never all digits, but an imported code may be.
    """
    code_or_id = parse_code_or_id(key)
    if isinstance(code_or_id, int) and code_or_id and len(key) == CODE_LENGTH:
        post_id: int | None = work.fetch_value(_BY_CODE, code=key)
        return code_or_id if post_id is None else post_id
    return code_or_id


def parse_code_or_id(key: str) -> int | str:
    """A post's id when the key is all digits, else its code; 0, which no post has, for a key that can be neither."""
    if not key.isascii() or not key.isalnum():
        return 0
    if key.isdigit():
        return int(key) if len(key) < 19 else 0
    return key


def _cardinalities(work: UnitOfWork, values: dict[str, Any], order: str, offset: int) -> Cardinalities | None:
    """The stored counts, or None if the access path does not depend on them."""
    if offset < DEEP_OFFSET and (not values or has_own_index(tuple(values), order)):
        return None
    return post_filters.load_cardinalities(work, values)


def _ids(names: tuple[str, ...], sorting: Sorting, shape: PageShape, path: AccessPath) -> Select[Any]:
    order, descending = sorting
    is_descending = descending is not shape.from_end
    if not is_sorted(path):
        rows = select(Post.id).where(*conditions(names, path))
        return shape.apply(rows.order_by(*_sorting(order, is_descending)))
    # MATERIALIZED, so that the database collects all posts first and does not read the index of the order.
    matching = select(Post.id, ORDERS[order].label("key")).where(*conditions(names, path)).cte("matching")
    matching = matching.prefix_with("MATERIALIZED")
    keys = (matching.c.key, matching.c.id)
    return shape.apply(select(matching.c.id).order_by(*(key.desc() if is_descending else key.asc() for key in keys)))


def _sorting(order: str, descending: bool) -> list[ColumnElement[Any]]:
    columns = (ORDERS[order], Post.id)
    return [column.desc() if descending else column.asc() for column in columns]
