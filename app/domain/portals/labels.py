"""The rules that categories and tags share."""

from typing import Any, Final

from sqlalchemy import bindparam, select

from app.domain import identifiers
from app.domain.errors import FieldError, ValidationFailed
from app.domain.portals import colors
from app.domain.portals.catalogue import CatalogueTable, begin_change
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.unit_of_work import UnitOfWork

_TAKEN: Final = ValidationFailed([FieldError("name", "taken")])


class LabelTable(CatalogueTable):
    """A table of labels of posts: each has a color, and a name that is unique in the portal regardless of case."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, select(model.id, model.name, model.color), (model.id,))
        self._by_name = Statement(
            select(model.id).where(model.portal_id == PORTAL_ID, model.name_key == bindparam("key"))
        )
        self._name_constraint = f"uq_{model.__tablename__}_portal_id_name_key"

    def find_id_by_name(self, work: UnitOfWork, name: str) -> int | None:
        """The id of the label with this name, regardless of case, or None."""
        label_id = work.fetch_value(self._by_name, key=identifiers.name_key(name))
        return None if label_id is None else int(label_id)

    def add(self, work: UnitOfWork, *, name: str, color: str | None = None) -> int:
        """Create a label and return its id. The default color is the next unused pastel.

        Raises Forbidden, ValidationFailed (name taken).
        """
        begin_change(work)
        if color is None:
            color = colors.next_pastel(row["color"] for row in self.list_all(work))
        with work.map_unique_violation(**{self._name_constraint: _TAKEN}):
            return self.insert(work, name=name, name_key=identifiers.name_key(name), color=color)

    def edit(self, work: UnitOfWork, label_id: int, *, name: str | None = None, color: str | None = None) -> None:
        """Change the fields that are given; None leaves one unchanged.

        Raises Forbidden, NotFound, ValidationFailed (name taken).
        """
        begin_change(work)
        row = self.get(work, label_id)
        name, color = name or row["name"], color or row["color"]
        if (name, color) == (row["name"], row["color"]):
            return
        with work.map_unique_violation(**{self._name_constraint: _TAKEN}):
            self.update(work, label_id, name=name, name_key=identifiers.name_key(name), color=color)
