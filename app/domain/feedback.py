"""The team's inbox of feedback: rules and queries. Visitors don't see it, and it records no events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, join, select, update
from sqlalchemy import delete as sql_delete

from app.domain.errors import NotFound
from app.domain.models import Feedback, Post, User
from app.domain.permissions import Permission
from app.domain.row_query import RowQuery
from app.domain.sql.pagination import PageShape, page_shape
from app.domain.sql.statement import (
    NOW,
    PORTAL_ID,
    Column,
    Statement,
    in_list,
    in_portal_unindexed,
    insert_row,
    parameters,
    row_in_portal,
)
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset

# Waits for a concurrent deletion of the user, after which no row is found.
_LOCK_USER: Final = Statement(
    select(User.id)
    .where(row_in_portal(User, "user"), User.deleted_at.is_(None))
    .with_for_update(read=True, key_share=True)
)
_INSERT: Final = Statement(insert_row(Feedback, "title", "description", "user_id", "post_id").returning(Feedback.id))
_TO_UPDATE: Final = Statement(
    select(Feedback.title, Feedback.description, Feedback.status, Feedback.post_id)
    .where(row_in_portal(Feedback))
    .with_for_update(key_share=True)
)
_UPDATE: Final = Statement(
    update(Feedback)
    .where(row_in_portal(Feedback))
    .values(**parameters("title", "description", "status", "post_id"), updated_at=NOW)
)
_DELETE: Final = Statement(sql_delete(Feedback).where(row_in_portal(Feedback)))


def create(work: UnitOfWork, *, title: str, description: str, user_id: int | None, post_id: int | None) -> int:
    """Store new feedback of a user, or of nobody, about a post, or about none; return its id.

    Raises Forbidden, NotFound("user") also for a deleted user, NotFound("post").
    """
    work.authorize(Permission.WRITE_FEEDBACK)
    if user_id is not None:
        work.require_row(_LOCK_USER, "user", user_id, user=user_id)
    if post_id is not None:
        work.require_exists(Post, post_id)
    return int(work.fetch_value(_INSERT, title=title, description=description, user_id=user_id, post_id=post_id))


def edit(
    work: UnitOfWork,
    feedback_id: int,
    *,
    title: str | Unset = UNSET,
    description: str | Unset = UNSET,
    status: str | Unset = UNSET,
    post_id: int | Unset | None = UNSET,
) -> None:
    """Change the fields that are given; `post_id` None removes the reference. Without a change `updated_at` stays.

    Raises Forbidden, NotFound("feedback"), NotFound("post").
    """
    work.authorize(Permission.WRITE_FEEDBACK)
    row = work.require_row(_TO_UPDATE, "feedback", feedback_id, id=feedback_id)
    values = {"title": title, "description": description, "status": status, "post_id": post_id}
    old = {name: row[name] for name in values}
    new = old | {name: value for name, value in values.items() if value is not UNSET}
    if new == old:
        return
    if new["post_id"] not in (None, old["post_id"]):
        work.require_exists(Post, new["post_id"])
    work.execute(_UPDATE, id=feedback_id, **new)


def delete(work: UnitOfWork, feedback_id: int) -> None:
    """Delete feedback. Raises Forbidden, NotFound("feedback")."""
    work.authorize(Permission.WRITE_FEEDBACK)
    if not work.execute(_DELETE, id=feedback_id):
        raise NotFound("feedback", feedback_id)


@dataclass(eq=False)
class FeedbackQuery(RowQuery):
    """Selects the given columns of feedback, of its user, which is `User`, and of its post, which is `Post`.

    The columns of the user and of the post are null for feedback without one. Lists are newest first. Each method
    raises Forbidden without READ.
    """

    def by_id(self, work: UnitOfWork, feedback_id: int) -> Row:
        """The row with this id. Raises NotFound("feedback")."""
        work.authorize(Permission.READ)
        statement = self._statements.get("id") or self._cache(
            "id", _joined(self.columns, Feedback).where(row_in_portal(Feedback))
        )
        return work.require_row(statement, "feedback", feedback_id, id=feedback_id)

    def page(self, work: UnitOfWork, *, status: str | None, offset: int, limit: int) -> Sequence[Row]:
        """The rows of one page; with `status`, only those with this status."""
        work.authorize(Permission.READ)
        key = ("page", status is not None, page_shape(offset, limit))
        statement = self._statements.get(key) or self._cache(key, self._page(*key[1:]))
        return self._fetch_limited(work, statement, limit=limit, offset=offset, status=status)

    def ids(self, work: UnitOfWork, *, status: str | None, offset: int, limit: int) -> list[int]:
        """The ids of a page, for a response that is streamed in chunks."""
        work.authorize(Permission.READ)
        key = ("ids", status is not None, page_shape(offset, limit))
        statement = self._statements.get(key) or self._cache(key, _ids(*key[1:]))
        return [row[0] for row in work.fetch_all(statement, limit=limit, offset=offset, status=status)]

    def total(self, work: UnitOfWork, *, status: str | None) -> int:
        """The number of all rows, or of those with this status."""
        work.authorize(Permission.READ)
        return int(work.fetch_value(_COUNT if status is None else _COUNT_BY_STATUS, status=status))

    def _select_by_ids(self, columns: Sequence[Column]) -> Select[Any]:
        return _joined(columns, Feedback).where(in_portal_unindexed(Feedback), in_list(Feedback.id, "ids"))

    def _page(self, has_status: bool, shape: PageShape) -> Select[Any]:
        page = _ids(has_status, shape).subquery("page")
        rows = _joined(self._limited_columns, join(page, Feedback, Feedback.id == page.c.id))
        return rows.order_by(*_NEWEST_FIRST)


def _joined(columns: Sequence[Column], source: Any) -> Select[Any]:
    rows: Select[Any] = select(*columns).select_from(source)
    return rows.outerjoin(User, User.id == Feedback.user_id).outerjoin(Post, Post.id == Feedback.post_id)


_NEWEST_FIRST: Final[Sequence[ColumnElement[Any]]] = (Feedback.created_at.desc(), Feedback.id.desc())
_STATUS: Final = Feedback.status == bindparam("status")
_COUNT_ROWS: Final = select(func.count()).select_from(Feedback).where(Feedback.portal_id == PORTAL_ID)
_COUNT: Final = Statement(_COUNT_ROWS)
_COUNT_BY_STATUS: Final = Statement(_COUNT_ROWS.where(_STATUS))


def _ids(has_status: bool, shape: PageShape) -> Select[Any]:
    conditions = (Feedback.portal_id == PORTAL_ID, *([_STATUS] if has_status else ()))
    return shape.apply(select(Feedback.id).where(*conditions).order_by(*_NEWEST_FIRST))
