"""Reading users. A door says once which columns it shows (`UserQuery`); this module knows how to fetch them."""

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
    """The columns of a user that a door shows, in its order, and the statements that fetch them.

    `deleted`: whether the door sees the tombstones of deleted users, too.
    """

    columns: Sequence[Column]
    deleted: bool
    _statements: dict[Any, Statement] = field(default_factory=dict)

    def by_id(self, work: UnitOfWork, user_id: int) -> Row:
        """The user's row. Raises NotFound("user")."""
        work.authorize(Permission.READ)
        row = work.fetch_one(self._one("id", User.id == bindparam("id")), id=user_id)
        if row is None:
            raise NotFound("user", user_id)
        return row

    def by_uuid(self, work: UnitOfWork, uuid: str) -> Row:
        """The row of the user with this UUID, in any case of letters. Raises NotFound("user") with it as it came."""
        work.authorize(Permission.READ)
        row = work.fetch_one(self._one("uuid", User.uuid == bindparam("uuid")), uuid=uuid.lower())
        if row is None:
            raise NotFound("user", uuid)
        return row

    def by_email(self, work: UnitOfWork, email: str) -> Row:
        """The row of the user with this address, whatever its letter case and padding. Raises NotFound("address")."""
        work.authorize(Permission.READ)
        row = work.fetch_one(self._one("email", User.email_key == bindparam("key")), key=emails.normalize_email(email))
        if row is None:
            raise NotFound("address", email)
        return row

    def page(self, work: UnitOfWork, *, newest_first: bool, offset: int, limit: int) -> Sequence[Row]:
        """The rows of one page, by the moment of their making, at most `limit`."""
        work.authorize(Permission.READ)
        statement = self._statements.get(newest_first)
        if statement is None:
            order = (User.created_at, User.id)
            rows = self._rows().order_by(*((column.desc() if newest_first else column.asc()) for column in order))
            statement = self._statements[newest_first] = Statement(
                rows.limit(bindparam("limit")).offset(bindparam("offset"))
            )
        return work.fetch_all(statement, limit=limit, offset=offset)

    def ids(self, work: UnitOfWork, *, offset: int, limit: int) -> list[int]:
        """Only the ids of a page, newest first, from the index: the plan of an answer that is written in pieces."""
        work.authorize(Permission.READ)
        statement = self._statements.get("plan")
        if statement is None:
            rows = select(User.id).where(User.portal_id == PORTAL_ID, *self._present())
            rows = rows.order_by(User.created_at.desc(), User.id.desc())
            statement = self._statements["plan"] = Statement(rows.limit(bindparam("limit")).offset(bindparam("offset")))
        return [row[0] for row in work.fetch_all(statement, limit=limit, offset=offset)]

    def by_ids(self, work: UnitOfWork, ids: Sequence[int]) -> list[Row]:
        """The rows of these users in the order of `ids`; the id is the first column."""
        work.authorize(Permission.READ)
        statement = self._statements.get("ids")
        if statement is None:
            rows = select(*self.columns).where(in_portal_unindexed(User), in_list(User.id, "ids"), *self._present())
            statement = self._statements["ids"] = Statement(rows)
        found = {row[0]: row for row in work.fetch_all(statement, ids=list(ids))}
        return [found[user_id] for user_id in ids if user_id in found]

    def total(self, work: UnitOfWork) -> int:
        """How many users there are in this view."""
        work.authorize(Permission.READ)
        return int(work.fetch_value(_COUNT_ALL if self.deleted else _COUNT_PRESENT))

    def _rows(self) -> Select[Any]:
        return select(*self.columns).where(User.portal_id == PORTAL_ID, *self._present())

    def _present(self) -> Sequence[ColumnElement[bool]]:
        return () if self.deleted else (User.deleted_at.is_(None),)

    def _one(self, by: str, condition: Column) -> Statement:
        statement = self._statements.get(by)
        if statement is None:
            statement = self._statements[by] = Statement(self._rows().where(condition))
        return statement


_COUNT: Final = select(func.count()).select_from(User).where(User.portal_id == PORTAL_ID)
_COUNT_ALL: Final = Statement(_COUNT)
_COUNT_PRESENT: Final = Statement(_COUNT.where(User.deleted_at.is_(None)))
