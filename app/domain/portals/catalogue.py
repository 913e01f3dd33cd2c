"""The rules that boards, tabs, statuses, sections, categories and tags share; their modules add what differs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, select, update

from app.domain.errors import NotFound
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Column, Statement, insert_row, parameters, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork


def begin_change(work: UnitOfWork) -> None:
    """Authorize a change of the catalogue, and make other changes wait for it. Raises Forbidden."""
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()


class CatalogueTable:
    """One of these tables: `rows` selects the columns of an entry, the id first; `order` sorts lists."""

    def __init__(self, model: Any, rows: Select[*tuple[Any, ...]], order: Sequence[Column]) -> None:
        self._model = model
        self._resource = model.__name__.lower()
        self._rows = rows.where(model.portal_id == PORTAL_ID)
        self._order = order
        self._this = row_in_portal(model)
        self._all = self.select()
        self._by_id = self.select(model.id == bindparam("id"))
        self._delete = Statement(delete(model).where(self._this))
        self._inserts: dict[tuple[str, ...], Statement] = {}
        self._updates: dict[tuple[str, ...], Statement] = {}

    def select(self, *conditions: ColumnElement[bool]) -> Statement:
        """The rows that meet the conditions, in the order of the table."""
        return Statement(self._rows.where(*conditions).order_by(*self._order))

    def list_all(self, work: UnitOfWork) -> Sequence[Row]:
        """The rows of all entries of the portal, in the order of the table."""
        return work.fetch_all(self._all)

    def get(self, work: UnitOfWork, entry_id: int) -> Row:
        """The row of one entry. Raises NotFound."""
        return work.require_row(self._by_id, self._resource, entry_id, id=entry_id)

    def insert(self, work: UnitOfWork, **values: Any) -> int:
        """Insert an entry with these columns and return its id."""
        names = tuple(values)
        statement = self._inserts.get(names)
        if statement is None:
            row = insert_row(self._model, *names).values(self._generated_columns())
            statement = self._inserts[names] = Statement(row.returning(self._model.id))
        return int(work.fetch_value(statement, **values))

    def _generated_columns(self) -> dict[str, Any]:
        return {}

    def update(self, work: UnitOfWork, entry_id: int, **values: Any) -> None:
        """Set these columns of an entry, and its `updated_at`."""
        names = tuple(values)
        statement = self._updates.get(names)
        if statement is None:
            changed = update(self._model).where(self._this).values(updated_at=NOW, **parameters(*names))
            statement = self._updates[names] = Statement(changed)
        work.execute(statement, id=entry_id, **values)

    def change(self, work: UnitOfWork, row: Row, **values: Any) -> None:
        """Set the columns of an entry whose value is neither None nor that of its row."""
        changed = {name: value for name, value in values.items() if value is not None and value != row[name]}
        if changed:
            self.update(work, row["id"], **changed)

    def delete(self, work: UnitOfWork, entry_id: int) -> None:
        """Delete an entry. Raises NotFound."""
        if not work.execute(self._delete, id=entry_id):
            raise NotFound(self._resource, entry_id)


class OrderedTable(CatalogueTable):
    """A table whose entries have a position. A new entry gets the last one."""

    def __init__(self, model: Any, rows: Select[*tuple[Any, ...]], order: Sequence[Column] = ()) -> None:
        by_position = (model.position, model.id)
        super().__init__(model, rows, order or by_position)
        self._ids = Statement(select(model.id).where(model.portal_id == PORTAL_ID).order_by(*by_position))
        self._set_position = Statement(update(model).where(self._this).values(position=bindparam("position")))

    def _generated_columns(self) -> dict[str, Any]:
        next_position = select(func.coalesce(func.max(self._model.position) + 1, 0))
        return {"position": next_position.where(self._model.portal_id == PORTAL_ID).scalar_subquery()}

    def reorder(self, work: UnitOfWork, first: Sequence[int]) -> None:
        """Move these entries to the front, in this order; the others follow in theirs. Raises Forbidden, NotFound."""
        begin_change(work)
        self.set_positions(work, first)

    def set_positions(self, work: UnitOfWork, first: Sequence[int] = ()) -> None:
        """Number the entries without gaps, those in `first` before the others. Raises NotFound."""
        existing = [entry_id for (entry_id,) in work.fetch_all(self._ids)]
        for entry_id in first:
            if entry_id not in existing:
                raise NotFound(self._resource, entry_id)
        for position, entry_id in enumerate(dict.fromkeys([*first, *existing])):
            work.execute(self._set_position, id=entry_id, position=position)
