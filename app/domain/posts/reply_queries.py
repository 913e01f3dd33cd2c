"""Queries for votes and comments, with their authors: a dialect declares the columns it needs.

The rules are in `votes`, `anonymous_votes` and `comments`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, bindparam, join, select

from app.domain.models import Comment, User, Vote
from app.domain.permissions import Permission
from app.domain.row_query import RowQuery
from app.domain.sql.pagination import PageShape, page_shape
from app.domain.sql.statement import PORTAL_ID, Column, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork


@dataclass(eq=False)
class PostChildQuery(RowQuery):
    """Selects the given columns of votes or comments, the id first, and of their author, which is `User`.

    Each method raises Forbidden without READ.
    """

    table: ClassVar[type[Comment] | type[Vote]]
    resource: ClassVar[str]

    def visibility(self) -> Sequence[ColumnElement[bool]]:
        """The conditions of the rows that the query may return."""
        return ()

    def has_rows_without_user(self) -> bool:
        """Whether the query may return rows that have no user; the columns of `User` are null there."""
        return False

    def by_id(self, work: UnitOfWork, row_id: int) -> Row:
        """The row with this id. Raises NotFound."""
        work.authorize(Permission.READ)
        statement = self._statements.get("id") or self._cache(
            "id", self._in_portal(self.columns).where(self.table.id == bindparam("id"))
        )
        return work.require_row(statement, self.resource, row_id, id=row_id)

    def page(
        self,
        work: UnitOfWork,
        *,
        offset: int,
        limit: int,
        post_ids: Sequence[int] | None = None,
        oldest_first: bool = False,
    ) -> Sequence[Row]:
        """The rows of one page, newest first by default; with `post_ids`, only those of these posts."""
        work.authorize(Permission.READ)
        scope, values = _post_scope(post_ids)
        key = (scope, oldest_first, page_shape(offset, limit))
        statement = self._statements.get(key) or self._cache(key, self._list(*key))
        return self._fetch_limited(work, statement, limit=limit, offset=offset, **values)

    def for_post(self, work: UnitOfWork, post_id: int, *, limit: int, oldest_first: bool = False) -> Sequence[Row]:
        """All rows of one post, newest first by default; `limit` is their approximate number."""
        work.authorize(Permission.READ)
        key = ("for_post", oldest_first)
        statement = self._statements.get(key)
        if statement is None:
            rows = self._in_portal(self._limited_columns).where(self.table.post_id == bindparam("post_id"))
            statement = self._cache(key, rows.order_by(*self._sorting(oldest_first)))
        return self._fetch_limited(work, statement, limit=limit, post_id=post_id)

    def ids(self, work: UnitOfWork, *, offset: int, limit: int, post_ids: Sequence[int] | None = None) -> list[int]:
        """The ids of a page, newest first, read from the index: for a response that is streamed in chunks."""
        work.authorize(Permission.READ)
        scope, values = _post_scope(post_ids)
        key = (scope, False, page_shape(offset, limit))
        statement = self._statements.get(("ids", key)) or self._cache(("ids", key), self._ids(*key))
        return [row[0] for row in work.fetch_all(statement, limit=limit, offset=offset, **values)]

    def _select_by_ids(self, columns: Sequence[Column]) -> Select[Any]:
        in_portal = in_portal_unindexed(self.table)
        return self._joined(columns, self.table).where(in_portal, in_list(self.table.id, "ids"), *self.visibility())

    def _joined(self, columns: Sequence[Column], source: Any) -> Select[Any]:
        rows: Select[Any] = select(*columns).select_from(source)
        return rows.join(User, User.id == self.table.user_id, isouter=self.has_rows_without_user())

    def _in_portal(self, columns: Sequence[Column]) -> Select[Any]:
        return self._joined(columns, self.table).where(self.table.portal_id == PORTAL_ID, *self.visibility())

    def _list(self, scope: str, oldest_first: bool, shape: PageShape) -> Select[Any]:
        if not shape.deep:
            rows = self._in_portal(self._limited_columns).where(*self._conditions(scope))
            return shape.apply(rows.order_by(*self._sorting(oldest_first)))
        page = self._ids(scope, oldest_first, shape).subquery("page")
        rows = self._joined(self._limited_columns, join(page, self.table, self.table.id == page.c.id))
        return rows.order_by(*self._sorting(oldest_first))

    def _ids(self, scope: str, oldest_first: bool, shape: PageShape) -> Select[Any]:
        conditions = (self.table.portal_id == PORTAL_ID, *self._conditions(scope), *self.visibility())
        rows: Select[Any] = select(self.table.id).where(*conditions)
        return shape.apply(rows.order_by(*self._sorting(oldest_first)))

    def _conditions(self, scope: str) -> Sequence[ColumnElement[bool]]:
        if scope == "post":
            return (self.table.post_id == bindparam("post_id"),)
        return (in_list(self.table.post_id, "post_ids"),) if scope == "posts" else ()

    def _sorting(self, oldest_first: bool) -> Sequence[ColumnElement[Any]]:
        order = (self.table.created_at, self.table.id)
        return [column.asc() if oldest_first else column.desc() for column in order]


def _post_scope(post_ids: Sequence[int] | None) -> tuple[str, dict[str, Any]]:
    """The part of the key for `post_ids`, and its parameters. With one post, the index has the order."""
    if post_ids is None:
        return "all", {}
    if len(post_ids) == 1:
        return "post", {"post_id": post_ids[0]}
    return "posts", {"post_ids": list(post_ids)}


@dataclass(eq=False)
class CommentQuery(PostChildQuery):
    """`CommentQuery((Comment.id, …, User.name), internal=False)`; see `PostChildQuery`. Raises NotFound("comment")."""

    table: ClassVar[type[Comment] | type[Vote]] = Comment
    resource: ClassVar[str] = "comment"

    internal: bool = False
    """Whether internal comments are included."""

    def visibility(self) -> Sequence[ColumnElement[bool]]:
        return () if self.internal else (~Comment.internal,)


@dataclass(eq=False)
class VoteQuery(PostChildQuery):
    """`VoteQuery((Vote.id, …, User.name), anonymous=True)`; see `PostChildQuery`. Raises NotFound("vote")."""

    table: ClassVar[type[Comment] | type[Vote]] = Vote
    resource: ClassVar[str] = "vote"

    anonymous: bool = False
    """Whether anonymous votes are included."""

    def visibility(self) -> Sequence[ColumnElement[bool]]:
        return () if self.anonymous else (Vote.user_id.is_not(None),)

    def has_rows_without_user(self) -> bool:
        return self.anonymous
