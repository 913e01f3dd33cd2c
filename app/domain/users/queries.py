"""Queries for users: a dialect declares the columns it needs (`UserQuery`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import QueryableAttribute

from app.domain.models import GroupMember, User
from app.domain.permissions import Permission
from app.domain.row_query import RowQuery
from app.domain.sql.statement import PORTAL_ID, Column, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import emails


@dataclass(eq=False)
class UserQuery(RowQuery):
    """Selects the given columns of users, in this order; each method raises Forbidden without READ.

    `deleted`: whether deleted users, of which a tombstone stays, are included.
    """

    deleted: bool

    def by_id(self, work: UnitOfWork, user_id: int) -> Row:
        """The user's row. Raises NotFound("user")."""
        return self._require(work, User.id, user_id, "user", user_id)

    def by_uuid(self, work: UnitOfWork, uuid: str) -> Row:
        """The row of the user with this UUID, regardless of case. Raises NotFound("user") with the UUID as given."""
        return self._require(work, User.uuid, uuid.lower(), "user", uuid)

    def by_email(self, work: UnitOfWork, email: str) -> Row:
        """The row of the user with this address, regardless of case and padding. Raises NotFound("address")."""
        return self._require(work, User.email_key, emails.normalize_email(email), "address", email)

    def page(self, work: UnitOfWork, *, newest_first: bool, offset: int, limit: int) -> Sequence[Row]:
        """The rows of one page, by time of creation."""
        work.authorize(Permission.READ)
        statement = self._page_statement("page", self.columns, newest_first=newest_first)
        return work.fetch_all(statement, limit=limit, offset=offset)

    def ids(self, work: UnitOfWork, *, newest_first: bool, offset: int, limit: int) -> list[int]:
        """The ids of a page, by time of creation, read from the index: for a response that is streamed in chunks."""
        work.authorize(Permission.READ)
        statement = self._page_statement("ids", (User.id,), newest_first=newest_first)
        return [row[0] for row in work.fetch_all(statement, limit=limit, offset=offset)]

    def members(self, work: UnitOfWork, group_id: int, *, offset: int, limit: int) -> Sequence[Row]:
        """The rows of one page of the members of a group, oldest membership first; no member is deleted."""
        work.authorize(Permission.READ)
        statement = self._statements.get("members") or self._cache(
            "members",
            select(*self.columns)
            .join(GroupMember, GroupMember.user_id == User.id)
            .where(GroupMember.portal_id == PORTAL_ID, GroupMember.group_id == bindparam("group"))
            .order_by(GroupMember.created_at, GroupMember.user_id)
            .limit(bindparam("limit"))
            .offset(bindparam("offset")),
        )
        return work.fetch_all(statement, group=group_id, limit=limit, offset=offset)

    def total(self, work: UnitOfWork) -> int:
        """The number of users."""
        work.authorize(Permission.READ)
        return int(work.fetch_value(_COUNT_ALL if self.deleted else _COUNT_NOT_DELETED))

    def _page_statement(self, name: str, columns: Sequence[Column], *, newest_first: bool) -> Statement:
        key = (name, newest_first)
        statement = self._statements.get(key)
        if statement is None:
            order = (column.desc() if newest_first else column.asc() for column in (User.created_at, User.id))
            rows = self._select(columns).order_by(*order)
            statement = self._cache(key, rows.limit(bindparam("limit")).offset(bindparam("offset")))
        return statement

    def _require(
        self, work: UnitOfWork, column: QueryableAttribute[Any], value: int | str, resource: str, identifier: object
    ) -> Row:
        """The row with this value in the column. Raises NotFound(resource, identifier)."""
        work.authorize(Permission.READ)
        key = column.key
        statement = self._statements.get(key) or self._cache(
            key, self._select(self.columns).where(column == bindparam("value"))
        )
        return work.require_row(statement, resource, identifier, value=value)

    def _select_by_ids(self, columns: Sequence[Column]) -> Select[Any]:
        return select(*columns).where(in_portal_unindexed(User), in_list(User.id, "ids"), *self._not_deleted())

    def _select(self, columns: Sequence[Column]) -> Select[Any]:
        return select(*columns).where(User.portal_id == PORTAL_ID, *self._not_deleted())

    def _not_deleted(self) -> Sequence[ColumnElement[bool]]:
        return () if self.deleted else (User.deleted_at.is_(None),)


_COUNT: Final = select(func.count()).select_from(User).where(User.portal_id == PORTAL_ID)
_COUNT_ALL: Final = Statement(_COUNT)
_COUNT_NOT_DELETED: Final = Statement(_COUNT.where(User.deleted_at.is_(None)))
