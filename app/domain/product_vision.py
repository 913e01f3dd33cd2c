"""The product vision of a portal: one document of several texts, for the team only."""

from typing import Final

from sqlalchemy import Text, bindparam, case, func, or_, select
from sqlalchemy import delete as sql_delete

from app.domain.models import ProductVision
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, upsert
from app.domain.unit_of_work import Row, UnitOfWork

TEXTS: Final = ("title", "content", "vision", "target_group", "needs", "product", "business_goals")

_COLUMNS: Final = tuple(getattr(ProductVision, name) for name in (*TEXTS, "updated_at"))
_SELECT: Final = Statement(select(*_COLUMNS).where(ProductVision.portal_id == PORTAL_ID))
_given = {name: bindparam(name, type_=Text) for name in TEXTS}
# A text that is not given is null, and keeps the stored one.
_new = {name: func.coalesce(_given[name], getattr(ProductVision, name)) for name in TEXTS}
_is_changed = or_(*(_new[name] != getattr(ProductVision, name) for name in TEXTS))
# One statement, so that of two concurrent first ones both succeed.
_SAVE: Final = Statement(
    upsert(ProductVision)
    .values(portal_id=PORTAL_ID, **{name: func.coalesce(_given[name], "") for name in TEXTS}, updated_at=NOW)
    .on_conflict_do_update(
        index_elements=[ProductVision.portal_id],
        set_={**_new, "updated_at": case((_is_changed, NOW), else_=ProductVision.updated_at)},
    )
    .returning(*_COLUMNS)
)
_DELETE: Final = Statement(sql_delete(ProductVision).where(ProductVision.portal_id == PORTAL_ID))


def find(work: UnitOfWork) -> Row | None:
    """The texts of the product vision, in the order of TEXTS, and `updated_at`; None without one. Raises Forbidden."""
    work.authorize(Permission.READ)
    return work.fetch_one(_SELECT)


def save(work: UnitOfWork, **texts: str) -> Row:
    """Create the product vision, or replace the texts that are given; return the row as `find` does.

    Without a change `updated_at` stays. Raises Forbidden.
    """
    work.authorize(Permission.EDIT_VISION)
    row = work.fetch_one(_SAVE, **(dict.fromkeys(TEXTS) | texts))
    assert row is not None
    return row


def delete(work: UnitOfWork) -> None:
    """Delete the product vision, if there is one. Raises Forbidden."""
    work.authorize(Permission.EDIT_VISION)
    work.execute(_DELETE)
