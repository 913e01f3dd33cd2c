"""Reading the votes and comments of posts, newest first: one row each with its author, one statement for each shape.

A dialect says once which columns it shows. The rules are in `votes` and `comments`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, bindparam, select

from app.domain.errors import NotFound
from app.domain.models import Comment, User, Vote
from app.domain.permissions import Permission
from app.domain.sql import text_limits
from app.domain.sql.pagination import PageShape, page_shape
from app.domain.sql.statement import PORTAL_ID, Column, Statement, in_list, in_portal_unindexed
from app.domain.sql.text_limits import check_lengths, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork


@dataclass(eq=False)
class PostChildQuery:
    """The columns of a vote or comment that a door shows, its id first, and the statements that fetch them.

    Columns of its author are columns of `User`.
    """

    table: ClassVar[type[Comment] | type[Vote]]
    resource: ClassVar[str]

    columns: Sequence[Column]
    bounded: bool = field(default=False, kw_only=True)
    """Whether pages, and several rows by their ids, raise TextsTooLong instead of carrying long texts."""
    _statements: dict[Any, Statement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._long = text_limits.long_columns(self.columns) if self.bounded else ()
        self._short_columns = text_limits.with_limits(self.columns, self._long)

    def visible(self) -> Sequence[ColumnElement[bool]]:
        """What must hold of every row that the door may see."""
        return ()

    def by_id(self, work: UnitOfWork, row_id: int) -> Row:
        """The row with this id. Raises NotFound."""
        work.authorize(Permission.READ)
        statement = self._statements.get("id")
        if statement is None:
            statement = self._cache("id", self._here().where(self.table.id == bindparam("id")))
        row = work.fetch_one(statement, id=row_id)
        if row is None:
            raise NotFound(self.resource, row_id)
        return row

    def page(
        self,
        work: UnitOfWork,
        *,
        offset: int,
        limit: int,
        post_ids: Sequence[int] | None = None,
        oldest_first: bool = False,
    ) -> Sequence[Row]:
        """The rows of one page, newest first unless told otherwise, at most `limit`; those of any of `post_ids`."""
        work.authorize(Permission.READ)
        shape, given = _shape(post_ids)
        key = (shape, oldest_first, page_shape(offset, limit))
        statement = self._statements.get(key) or self._cache(key, self._list(*key))
        rows = work.fetch_all(statement, limit=limit, offset=offset, max_text=max_text_bytes(limit), **given)
        check_lengths(work.engine, rows, self._long)
        return rows

    def for_post(self, work: UnitOfWork, post_id: int, *, limit: int, oldest_first: bool = False) -> Sequence[Row]:
        """All rows of one post, newest first unless told otherwise; `many` is about how many they are."""
        work.authorize(Permission.READ)
        key = ("of_post", oldest_first)
        statement = self._statements.get(key)
        if statement is None:
            rows = self._here(bounded=True).where(self.table.post_id == bindparam("post_id"))
            statement = self._cache(key, rows.order_by(*self._sorting(oldest_first)))
        found = work.fetch_all(statement, post_id=post_id, max_text=max_text_bytes(limit))
        check_lengths(work.engine, found, self._long)
        return found

    def ids(self, work: UnitOfWork, *, offset: int, limit: int, post_ids: Sequence[int] | None = None) -> list[int]:
        """Only the ids of a page, newest first, from the index: the plan of an answer that is written in pieces."""
        work.authorize(Permission.READ)
        shape, given = _shape(post_ids)
        key = (shape, False, page_shape(offset, limit))
        statement = self._statements.get(("ids", key)) or self._cache(("ids", key), self._ids(*key))
        return [row[0] for row in work.fetch_all(statement, limit=limit, offset=offset, **given)]

    def by_ids(self, work: UnitOfWork, ids: Sequence[int]) -> list[Row]:
        """The rows with these ids, in their order; those gone meanwhile are left out.

        A single one may be as long as it likes.
        """
        work.authorize(Permission.READ)
        whole = len(ids) == 1
        statement = self._statements.get(("by_ids", whole))
        if statement is None:
            source = self._joined(bounded=not whole).where(
                in_portal_unindexed(self.table), in_list(self.table.id, "ids"), *self.visible()
            )
            statement = self._cache(("by_ids", whole), source)
        rows = work.fetch_all(statement, ids=list(ids), max_text=max_text_bytes(len(ids)))
        check_lengths(work.engine, rows, () if whole else self._long)
        found = {row[0]: row for row in rows}
        return [found[row_id] for row_id in ids if row_id in found]

    def _cache(self, key: Any, source: Select[Any]) -> Statement:
        statement = self._statements[key] = Statement(source)
        return statement

    def _joined(self, *, bounded: bool = False) -> Select[Any]:
        rows: Select[Any] = select(*(self._short_columns if bounded else self.columns)).select_from(self.table)
        return rows.join(User, User.id == self.table.user_id)

    def _here(self, *, bounded: bool = False) -> Select[Any]:
        return self._joined(bounded=bounded).where(self.table.portal_id == PORTAL_ID, *self.visible())

    def _list(self, shape: str, oldest_first: bool, shown: PageShape) -> Select[Any]:
        if not shown.deep:
            rows = self._here(bounded=True).where(*self._conditions(shape)).order_by(*self._sorting(oldest_first))
            return shown.apply(rows)
        picked = self._ids(shape, oldest_first, shown).subquery("picked")
        found: Select[Any] = select(*self._short_columns).select_from(picked)
        found = found.join(self.table, self.table.id == picked.c.id)
        return found.join(User, User.id == self.table.user_id).order_by(*self._sorting(oldest_first))

    def _ids(self, shape: str, oldest_first: bool, shown: PageShape) -> Select[Any]:
        conditions = (self.table.portal_id == PORTAL_ID, *self._conditions(shape), *self.visible())
        rows: Select[Any] = select(self.table.id).where(*conditions)
        return shown.apply(rows.order_by(*self._sorting(oldest_first)))

    def _conditions(self, shape: str) -> Sequence[ColumnElement[bool]]:
        if shape == "post":
            return (self.table.post_id == bindparam("post_id"),)
        return (in_list(self.table.post_id, "post_ids"),) if shape == "posts" else ()

    def _sorting(self, oldest_first: bool) -> Sequence[ColumnElement[Any]]:
        order = (self.table.created_at, self.table.id)
        return [column.asc() if oldest_first else column.desc() for column in order]


def _shape(post_ids: Sequence[int] | None) -> tuple[str, dict[str, Any]]:
    """A single post is plain equality, which the index serves in order."""
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
    """Whether the door sees the team's own comments, too."""

    def visible(self) -> Sequence[ColumnElement[bool]]:
        return () if self.internal else (~Comment.internal,)


class VoteQuery(PostChildQuery):
    """`VoteQuery((Vote.id, …, User.name))`; see `PostChildQuery`. Raises NotFound("vote")."""

    table: ClassVar[type[Comment] | type[Vote]] = Vote
    resource: ClassVar[str] = "vote"
