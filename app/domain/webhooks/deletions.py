"""Deletions that happened after an event, and before the calls for that event are made."""

from typing import Final

from sqlalchemy import BigInteger, bindparam, select

from app.domain.models import EventRow
from app.domain.sql.statement import Statement, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork

_later = (
    select(EventRow.user_id, EventRow.body)
    .where(
        # Few events are later than one that is expanded, so they are read in the order of ids.
        in_portal_unindexed(EventRow),
        EventRow.id > bindparam("after", type_=BigInteger),
        EventRow.kind == bindparam("kind"),
    )
    .order_by(EventRow.id)
    .limit(1)
)
_OF_POST: Final = Statement(_later.where(EventRow.post_id == bindparam("id", type_=BigInteger)))
_OF_COMMENT: Final = Statement(_later.where(EventRow.subject_id == bindparam("id", type_=BigInteger)))


def find_deleted_post(work: UnitOfWork, post_id: int, *, after: int) -> Row | None:
    """(user_id, body) of the post.deleted that follows the event with the id `after`."""
    return work.fetch_one(_OF_POST, kind="post.deleted", id=post_id, after=after)


def find_deleted_comment(work: UnitOfWork, comment_id: int, *, after: int) -> Row | None:
    """(user_id, body) of the comment.deleted that follows the event with the id `after`."""
    return work.fetch_one(_OF_COMMENT, kind="comment.deleted", id=comment_id, after=after)
