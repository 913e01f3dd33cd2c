"""Rules about categories, the labels that visitors see. Their names are unique whatever the case of letters."""

import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy import delete as deletion

from app.domain.counters import post_counters
from app.domain.errors import Invalid, NotFound, Problem
from app.domain.models import Category
from app.domain.permissions import Act
from app.domain.portals import colors, portals
from app.domain.sql.statement import Statement, now, portal
from app.domain.unit_of_work import Row, Work

MAX_NAME: Final = 191

_COLUMNS: Final = (Category.id, Category.name, Category.color)
_EVERY: Final = Statement(select(*_COLUMNS).where(Category.portal_id == portal).order_by(Category.id))
_BY_ID: Final = Statement(select(*_COLUMNS).where(Category.portal_id == portal, Category.id == bindparam("id")))
_BY_NAME: Final = Statement(
    select(Category.id).where(Category.portal_id == portal, Category.name_key == bindparam("key"))
)
_INSERT: Final = Statement(
    insert(Category)
    .values(
        portal_id=portal,
        name=bindparam("name"),
        name_key=bindparam("key"),
        color=bindparam("color"),
        created_at=now,
        updated_at=now,
    )
    .returning(Category.id)
)
_CHANGE: Final = Statement(
    update(Category)
    .where(Category.portal_id == portal, Category.id == bindparam("id"))
    .values(name=bindparam("name"), name_key=bindparam("key"), color=bindparam("color"), updated_at=now)
)
_DELETE: Final = Statement(deletion(Category).where(Category.portal_id == portal, Category.id == bindparam("id")))
_TAKEN: Final = Invalid([Problem("name", "taken")])


def every(work: Work) -> Sequence[Row]:
    """(id, name, color) of all categories, by id."""
    return work.rows(_EVERY)


def get(work: Work, category_id: int) -> Row:
    """(id, name, color). Raises NotFound("category")."""
    row = work.one(_BY_ID, id=category_id)
    if row is None:
        raise NotFound("category", category_id)
    return row


def named(work: Work, name: str) -> int | None:
    """The id of the category with this name, whatever the case of letters."""
    found = work.value(_BY_NAME, key=_key(name))
    return None if found is None else int(found)


def add(work: Work, *, name: str, color: str | None = None) -> int:
    """A new category; its id. Without a color it gets the next pastel that is free.

    Raises Forbidden, Invalid (name taken).
    """
    work.require(Act.MANAGE_CATALOGUE)
    portals.lock(work)
    if color is None:
        color = colors.next_pastel(row[2] for row in every(work))
    with work.clashing(uq_categories_portal_id_name_key=_TAKEN):
        return int(work.value(_INSERT, name=name, key=_key(name), color=color))


def edit(work: Work, category_id: int, *, name: str | None = None, color: str | None = None) -> None:
    """Change what is given and differs; None keeps. Raises NotFound("category"), Forbidden, Invalid (name taken)."""
    work.require(Act.MANAGE_CATALOGUE)
    portals.lock(work)
    _, old_name, old_color = get(work, category_id)
    name, color = name or old_name, color or old_color
    if (name, color) == (old_name, old_color):
        return
    with work.clashing(uq_categories_portal_id_name_key=_TAKEN):
        work.run(_CHANGE, id=category_id, name=name, key=_key(name), color=color)


def delete(work: Work, category_id: int) -> None:
    """Take a category away; its posts stay without it. Raises NotFound("category"), Forbidden."""
    work.require(Act.MANAGE_CATALOGUE)
    portals.lock(work)
    if not work.run(_DELETE, id=category_id):
        raise NotFound("category", category_id)
    # Only now: whoever was just putting a post into it has been waited for.
    post_counters.drop_category(work, category_id)


def _key(name: str) -> str:
    folded = name.lower()
    # Some letters become two in lower case; what is too long for the column is compared by its digest.
    return folded if len(folded) <= MAX_NAME else hashlib.sha256(folded.encode()).hexdigest()
