"""What users can be filtered by besides their names: groups, plans, and the attributes that sign-on stores."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from app.domain.models import Group, User
from app.domain.permissions import Permission
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.unit_of_work import Row, UnitOfWork

MAX_PLAN: Final = 255

NUMBERS: Final = ("mrr", "arr", "ltv")
"""The attributes that are amounts of money."""
SEGMENT_ATTRIBUTES: Final = ("company", *NUMBERS, *(f"segment_{number}" for number in range(1, 11)))
"""The attributes of users by which a portal can form segments, without the plan."""
SIGN_ON_ATTRIBUTES: Final = ("avatar_url", *SEGMENT_ATTRIBUTES)
"""The attributes that sign-on sets, besides uid, address and name."""
PERSONAL_ATTRIBUTES: Final = ("uid", "plan", *SIGN_ON_ATTRIBUTES)
"""The columns that sign-on stores, and the plan. They are cleared when the user is deleted."""

_GROUPS: Final = Statement(select(Group.id, Group.name, Group.name_key).where(Group.portal_id == PORTAL_ID))
_PLANS: Final = Statement(
    select(User.plan)
    .where(User.portal_id == PORTAL_ID, User.plan.is_not(None), User.deleted_at.is_(None))
    .group_by(User.plan)
)


def list_groups(work: UnitOfWork) -> Sequence[Row]:
    """All groups of the portal by name: id, name. Raises Forbidden."""
    work.authorize(Permission.READ)
    # Sorted here, because the order of texts in a database depends on its locale.
    return sorted(work.fetch_all(_GROUPS), key=lambda row: (row["name_key"], row["id"]))


def list_plans(work: UnitOfWork) -> list[str]:
    """The different plans of the portal's users, by name. Raises Forbidden. Reads every user of the portal."""
    work.authorize(Permission.READ)
    return sorted((row[0] for row in work.fetch_all(_PLANS)), key=lambda plan: (plan.lower(), plan))
