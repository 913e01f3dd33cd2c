"""Groups: sets of users, filled by hand. Their names are unique regardless of case."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, delete, func, select, update

from app.domain import identifiers
from app.domain.errors import FieldError, NotFound, ValidationFailed
from app.domain.models import Group, GroupMember, User
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, insert_row, parameters, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork

_ROWS = select(Group.id, Group.name, Group.created_at, Group.updated_at).where(Group.portal_id == PORTAL_ID)
_ALL: Final = Statement(_ROWS.order_by(Group.id))
_BY_ID: Final = Statement(_ROWS.where(Group.id == bindparam("id")))
_BY_NAME: Final = Statement(select(Group.id).where(Group.portal_id == PORTAL_ID, Group.name_key == bindparam("key")))
_INSERT: Final = Statement(insert_row(Group, "name", "name_key").returning(Group.id))
_TO_RENAME: Final = Statement(select(Group.name).where(row_in_portal(Group)).with_for_update(key_share=True))
_RENAME: Final = Statement(
    update(Group).where(row_in_portal(Group)).values(**parameters("name", "name_key"), updated_at=NOW)
)
_DELETE: Final = Statement(delete(Group).where(row_in_portal(Group)))
_TAKEN: Final = ValidationFailed([FieldError("name", "taken")])

# Both wait for a concurrent deletion of the row, after which no row is found.
_GROUP: Final = Statement(
    select(Group.id).where(row_in_portal(Group, "group")).with_for_update(read=True, key_share=True)
)
_USER: Final = Statement(
    select(User.id)
    .where(User.portal_id == PORTAL_ID, User.uuid == bindparam("user"), User.deleted_at.is_(None))
    .with_for_update(read=True, key_share=True)
)
_ADD_MEMBER: Final = Statement(insert_row(GroupMember, "group_id", "user_id").on_conflict_do_nothing())
_of_user = (GroupMember.portal_id == PORTAL_ID, GroupMember.user_id == bindparam("user"))
_REMOVE_MEMBER: Final = Statement(delete(GroupMember).where(*_of_user, GroupMember.group_id == bindparam("group")))
_COUNT_MEMBERS: Final = Statement(
    select(func.count())
    .select_from(GroupMember)
    .where(GroupMember.portal_id == PORTAL_ID, GroupMember.group_id == bindparam("group"))
)


def list_all(work: UnitOfWork) -> Sequence[Row]:
    """Id, name and times of all groups of the portal, by id. Raises Forbidden."""
    work.authorize(Permission.READ)
    return work.fetch_all(_ALL)


def get(work: UnitOfWork, group_id: int) -> Row:
    """The row of one group, as in `list_all`. Raises Forbidden, NotFound("group")."""
    work.authorize(Permission.READ)
    return work.require_row(_BY_ID, "group", group_id, id=group_id)


def find_id_by_name(work: UnitOfWork, name: str) -> int | None:
    """The id of the group with this name, regardless of case, or None."""
    group_id = work.fetch_value(_BY_NAME, key=identifiers.name_key(name))
    return None if group_id is None else int(group_id)


def add(work: UnitOfWork, *, name: str) -> int:
    """Create a group and return its id. Raises Forbidden, ValidationFailed (name taken)."""
    work.authorize(Permission.MANAGE_USERS)
    with work.map_unique_violation(uq_user_groups_portal_id_name_key=_TAKEN):
        return int(work.fetch_value(_INSERT, name=name, name_key=identifiers.name_key(name)))


def rename(work: UnitOfWork, group_id: int, name: str) -> None:
    """Change the name of a group. Raises Forbidden, NotFound("group"), ValidationFailed (name taken)."""
    work.authorize(Permission.MANAGE_USERS)
    if work.require_row(_TO_RENAME, "group", group_id, id=group_id)["name"] == name:
        return
    with work.map_unique_violation(uq_user_groups_portal_id_name_key=_TAKEN):
        work.execute(_RENAME, id=group_id, name=name, name_key=identifiers.name_key(name))


def delete_group(work: UnitOfWork, group_id: int) -> None:
    """Delete a group and its memberships; the users stay. Raises Forbidden, NotFound("group")."""
    work.authorize(Permission.MANAGE_USERS)
    if not work.execute(_DELETE, id=group_id):
        raise NotFound("group", group_id)


def count_members(work: UnitOfWork, group_id: int) -> int:
    """The number of members; `UserQuery.members` reads them. Raises Forbidden."""
    work.authorize(Permission.READ)
    return int(work.fetch_value(_COUNT_MEMBERS, group=group_id))


def add_member(work: UnitOfWork, group_id: int, uuid: str) -> None:
    """Make the user with this UUID a member; a member stays one, since the same time.

    Raises Forbidden, NotFound("group"), NotFound("user") also for a deleted user.
    """
    work.execute(_ADD_MEMBER, group_id=group_id, user_id=_require_both(work, group_id, uuid))


def remove_member(work: UnitOfWork, group_id: int, uuid: str) -> None:
    """End the membership of the user with this UUID, if there is one. Raises as `add_member`."""
    work.execute(_REMOVE_MEMBER, group=group_id, user=_require_both(work, group_id, uuid))


def _require_both(work: UnitOfWork, group_id: int, uuid: str) -> int:
    """The id of the user, after checking the permission, the group and the user in this order."""
    work.authorize(Permission.MANAGE_USERS)
    work.require_row(_GROUP, "group", group_id, group=group_id)
    return int(work.require_row(_USER, "user", uuid, user=uuid)["id"])
