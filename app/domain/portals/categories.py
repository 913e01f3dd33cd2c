"""Rules of categories, the public labels of posts. Their names are unique regardless of case."""

import hashlib
from typing import Final

from sqlalchemy import bindparam, select

from app.domain.counters import post_counters
from app.domain.errors import FieldError, ValidationFailed
from app.domain.models import Category
from app.domain.portals import colors
from app.domain.portals.catalogue import CatalogueTable, begin_change
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.unit_of_work import UnitOfWork

MAX_NAME: Final = 191

TABLE: Final = CatalogueTable(Category, select(Category.id, Category.name, Category.color), (Category.id,))
_BY_NAME: Final = Statement(
    select(Category.id).where(Category.portal_id == PORTAL_ID, Category.name_key == bindparam("key"))
)
_TAKEN: Final = ValidationFailed([FieldError("name", "taken")])

list_all = TABLE.list_all
get = TABLE.get


def find_id_by_name(work: UnitOfWork, name: str) -> int | None:
    """The id of the category with this name, regardless of case, or None."""
    category_id = work.fetch_value(_BY_NAME, key=_key(name))
    return None if category_id is None else int(category_id)


def add(work: UnitOfWork, *, name: str, color: str | None = None) -> int:
    """Create a category and return its id. The default color is the next unused pastel.

    Raises Forbidden, ValidationFailed (name taken).
    """
    begin_change(work)
    if color is None:
        color = colors.next_pastel(row["color"] for row in list_all(work))
    with work.map_unique_violation(uq_categories_portal_id_name_key=_TAKEN):
        return TABLE.insert(work, name=name, name_key=_key(name), color=color)


def edit(work: UnitOfWork, category_id: int, *, name: str | None = None, color: str | None = None) -> None:
    """Change the fields that are given; None leaves one unchanged.

    Raises Forbidden, NotFound("category"), ValidationFailed (name taken).
    """
    begin_change(work)
    row = get(work, category_id)
    name, color = name or row["name"], color or row["color"]
    if (name, color) == (row["name"], row["color"]):
        return
    with work.map_unique_violation(uq_categories_portal_id_name_key=_TAKEN):
        TABLE.update(work, category_id, name=name, name_key=_key(name), color=color)


def delete(work: UnitOfWork, category_id: int) -> None:
    """Delete a category; its posts stay. Raises Forbidden, NotFound("category")."""
    begin_change(work)
    TABLE.delete(work, category_id)
    # After the deletion, which waits for transactions that add a post to the category.
    post_counters.delete_category(work, category_id)


def _key(name: str) -> str:
    folded = name.lower()
    # Some letters become two in lower case, so a key may be too long for the column; then its digest is stored.
    return folded if len(folded) <= MAX_NAME else hashlib.sha256(folded.encode()).hexdigest()
