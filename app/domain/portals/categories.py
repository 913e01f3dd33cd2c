"""Rules of categories, the public labels of posts. Their names are unique regardless of case."""

import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters import post_counters
from app.domain.errors import FieldError, NotFound, ValidationFailed
from app.domain.models import Category
from app.domain.permissions import Permission
from app.domain.portals import colors
from app.domain.sql.statement import NOW, PORTAL_ID, Statement
from app.domain.unit_of_work import Row, UnitOfWork

MAX_NAME: Final = 191

_COLUMNS: Final = (Category.id, Category.name, Category.color)
_LIST: Final = Statement(select(*_COLUMNS).where(Category.portal_id == PORTAL_ID).order_by(Category.id))
_BY_ID: Final = Statement(select(*_COLUMNS).where(Category.portal_id == PORTAL_ID, Category.id == bindparam("id")))
_BY_NAME: Final = Statement(
    select(Category.id).where(Category.portal_id == PORTAL_ID, Category.name_key == bindparam("key"))
)
_INSERT: Final = Statement(
    insert(Category)
    .values(
        portal_id=PORTAL_ID,
        name=bindparam("name"),
        name_key=bindparam("key"),
        color=bindparam("color"),
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(Category.id)
)
_UPDATE: Final = Statement(
    update(Category)
    .where(Category.portal_id == PORTAL_ID, Category.id == bindparam("id"))
    .values(name=bindparam("name"), name_key=bindparam("key"), color=bindparam("color"), updated_at=NOW)
)
_DELETE: Final = Statement(sql_delete(Category).where(Category.portal_id == PORTAL_ID, Category.id == bindparam("id")))
_TAKEN: Final = ValidationFailed([FieldError("name", "taken")])


def list_all(work: UnitOfWork) -> Sequence[Row]:
    """(id, name, color) of all categories, by id."""
    return work.fetch_all(_LIST)


def get(work: UnitOfWork, category_id: int) -> Row:
    """(id, name, color). Raises NotFound("category")."""
    row = work.fetch_one(_BY_ID, id=category_id)
    if row is None:
        raise NotFound("category", category_id)
    return row


def find_id_by_name(work: UnitOfWork, name: str) -> int | None:
    """The id of the category with this name, regardless of case, or None."""
    category_id = work.fetch_value(_BY_NAME, key=_key(name))
    return None if category_id is None else int(category_id)


def add(work: UnitOfWork, *, name: str, color: str | None = None) -> int:
    """Create a category and return its id. The default color is the next unused pastel.

    Raises Forbidden, ValidationFailed (name taken).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    if color is None:
        color = colors.next_pastel(row[2] for row in list_all(work))
    with work.map_unique_violation(uq_categories_portal_id_name_key=_TAKEN):
        return int(work.fetch_value(_INSERT, name=name, key=_key(name), color=color))


def edit(work: UnitOfWork, category_id: int, *, name: str | None = None, color: str | None = None) -> None:
    """Change the fields that are given; None leaves one unchanged.

    Raises Forbidden, NotFound("category"), ValidationFailed (name taken).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    _, old_name, old_color = get(work, category_id)
    name, color = name or old_name, color or old_color
    if (name, color) == (old_name, old_color):
        return
    with work.map_unique_violation(uq_categories_portal_id_name_key=_TAKEN):
        work.execute(_UPDATE, id=category_id, name=name, key=_key(name), color=color)


def delete(work: UnitOfWork, category_id: int) -> None:
    """Delete a category; its posts stay. Raises Forbidden, NotFound("category")."""
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    if not work.execute(_DELETE, id=category_id):
        raise NotFound("category", category_id)
    # After the deletion, which waits for transactions that add a post to the category.
    post_counters.delete_category(work, category_id)


def _key(name: str) -> str:
    folded = name.lower()
    # Some letters become two in lower case, so a key may be too long for the column; then its digest is stored.
    return folded if len(folded) <= MAX_NAME else hashlib.sha256(folded.encode()).hexdigest()
