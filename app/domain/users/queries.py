"""Queries for users: a dialect declares the columns it needs (`UserQuery`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from app.domain.errors import NotFound
from app.domain.models import User
from app.domain.permissions import Permission
from app.domain.sql.statement import PORTAL_ID, Column, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import emails


@dataclass(eq=False)
class UserQuery:
    """Selects the given columns of users, in this order; each method raises Forbidden without READ.

    `deleted`: whether deleted users, of which a tombstone stays, are included.
    """

    columns: Sequence[Column]
    deleted: bool
    _statements: dict[Any, Statement] = field(default_factory=dict)

    def by_id(self, work: UnitOfWork, user_id: int) -> Row:
        """The user's row. Raises NotFound("user")."""
        work.authorize(Permission.READ)
        row = work.fetch_one(self._select_one("id", User.id == bindparam("id")), id=user_id)
        if row is None:
            raise NotFound("user", user_id)
        return row

    def by_uuid(self, work: UnitOfWork, uuid: str) -> Row:
        """The row of the user with this UUID, regardless of case. Raises NotFound("user") with the UUID as given."""
        work.authorize(Permission.READ)
        row = work.fetch_one(self._select_one("uuid", User.uuid == bindparam("uuid")), uuid=uuid.lower())
        if row is None:
            raise NotFound("user", uuid)
        return row

    def by_email(self, work: UnitOfWork, email: str) -> Row:
        """The row of the user with this address, regardless of case and padding. Raises NotFound("address")."""
        work.authorize(Permission.READ)
        row = work.fetch_one(
            self._select_one("email", User.email_key == bindparam("key")), key=emails.normalize_email(email)
        )
        if row is None:
            raise NotFound("address", email)
        return row

    def page(self, work: UnitOfWork, *, newest_first: bool, offset: int, limit: int) -> Sequence[Row]:
        """The rows of one page, by time of creation."""
        work.authorize(Permission.READ)
        statement = self._statements.get(newest_first)
        if statement is None:
            order = (User.created_at, User.id)
            rows = self._select().order_by(*((column.desc() if newest_first else column.asc()) for column in order))
            statement = self._statements[newest_first] = Statement(
                rows.limit(bindparam("limit")).offset(bindparam("offset"))
            )
        return work.fetch_all(statement, limit=limit, offset=offset)

    def ids(self, work: UnitOfWork, *, offset: int, limit: int) -> list[int]:
        """The ids of a page, newest first, read from the index: for a response that is streamed in chunks."""
        work.authorize(Permission.READ)
        statement = self._statements.get("page_ids")
        if statement is None:
            rows = select(User.id).where(User.portal_id == PORTAL_ID, *self._not_deleted())
            rows = rows.order_by(User.created_at.desc(), User.id.desc())
            statement = self._statements["page_ids"] = Statement(
                rows.limit(bindparam("limit")).offset(bindparam("offset"))
            )
        return [row[0] for row in work.fetch_all(statement, limit=limit, offset=offset)]

    def by_ids(self, work: UnitOfWork, ids: Sequence[int]) -> list[Row]:
        """The rows of these users in the order of `ids`; the id is the first column."""
        work.authorize(Permission.READ)
        statement = self._statements.get("ids")
        if statement is None:
            rows = select(*self.columns).where(in_portal_unindexed(User), in_list(User.id, "ids"), *self._not_deleted())
            statement = self._statements["ids"] = Statement(rows)
        rows_by_id = {row[0]: row for row in work.fetch_all(statement, ids=list(ids))}
        return [rows_by_id[user_id] for user_id in ids if user_id in rows_by_id]

    def total(self, work: UnitOfWork) -> int:
        """The number of users."""
        work.authorize(Permission.READ)
        return int(work.fetch_value(_COUNT_ALL if self.deleted else _COUNT_NOT_DELETED))

    def _select(self) -> Select[Any]:
        return select(*self.columns).where(User.portal_id == PORTAL_ID, *self._not_deleted())

    def _not_deleted(self) -> Sequence[ColumnElement[bool]]:
        return () if self.deleted else (User.deleted_at.is_(None),)

    def _select_one(self, key: str, condition: Column) -> Statement:
        statement = self._statements.get(key)
        if statement is None:
            statement = self._statements[key] = Statement(self._select().where(condition))
        return statement


_COUNT: Final = select(func.count()).select_from(User).where(User.portal_id == PORTAL_ID)
_COUNT_ALL: Final = Statement(_COUNT)
_COUNT_NOT_DELETED: Final = Statement(_COUNT.where(User.deleted_at.is_(None)))
