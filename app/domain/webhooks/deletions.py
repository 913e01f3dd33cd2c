"""Deletions that happened after an event, and before the calls for that event are made."""

from typing import Final

from sqlalchemy import BigInteger, bindparam, literal_column, select

from app.domain.models import EventRow
from app.domain.sql.statement import Column, Statement, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork


def _find(kind: str, subject: Column) -> Statement:
    """The first event of the kind about a subject after another event."""
    return Statement(
        select(EventRow.user_id, EventRow.body)
        .where(
            in_portal_unindexed(EventRow),
            # A constant, because the indexes of these events are partial.
            EventRow.kind == literal_column(f"'{kind}'"),
            subject == bindparam("id", type_=BigInteger),
            EventRow.id > bindparam("after", type_=BigInteger),
        )
        .order_by(EventRow.id)
        .limit(literal_column("1"))
    )


_OF_POST: Final = _find("post.deleted", EventRow.post_id)
_OF_COMMENT: Final = _find("comment.deleted", EventRow.subject_id)


def find_deleted_post(work: UnitOfWork, post_id: int, *, after: int) -> Row | None:
    """(user_id, body) of the post.deleted that follows the event with the id `after`."""
    return work.fetch_one(_OF_POST, id=post_id, after=after)


def find_deleted_comment(work: UnitOfWork, comment_id: int, *, after: int) -> Row | None:
    """(user_id, body) of the comment.deleted that follows the event with the id `after`."""
    return work.fetch_one(_OF_COMMENT, id=comment_id, after=after)
