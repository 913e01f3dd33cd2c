"""Rules of anonymous votes: cast, retract. A client names the voter; a name has at most one vote for a post."""

from typing import Final

from sqlalchemy import bindparam
from sqlalchemy import delete as sql_delete

from app.domain.errors import Conflict, FieldError, Forbidden, ValidationFailed
from app.domain.events import Event
from app.domain.models import Vote
from app.domain.permissions import Permission, is_allowed
from app.domain.posts import devices, visibility, votes
from app.domain.sql.statement import PORTAL_ID, Statement, insert_row
from app.domain.unit_of_work import UnitOfWork

MAX_ANONYMOUS_ID: Final = 191
"""Characters; the limit of the column."""

_INSERT: Final = Statement(insert_row(Vote, "post_id", "anonymous_id").on_conflict_do_nothing().returning(Vote.id))
_DELETE: Final = Statement(
    sql_delete(Vote)
    .where(
        Vote.portal_id == PORTAL_ID,
        Vote.post_id == bindparam("post"),
        Vote.anonymous_id == bindparam("anonymous_id"),
    )
    .returning(Vote.id, Vote.created_at)
)


def cast(work: UnitOfWork, *, post: int | str, anonymous_id: str) -> int:
    """Cast a vote for a post, which is an id or a code, and return the vote's id. Nobody follows the post.

    The post must be approved and its status must accept votes. A visitor votes by the device, for a post that visitors
    see, if the portal allows it. `anonymous_id` has 1 to MAX_ANONYMOUS_ID characters and
    is compared byte for byte. Raises Forbidden, NotFound("post"), ValidationFailed for a longer one,
    Conflict("post.not_voteable"), Conflict("vote.taken"); of several concurrent votes with the same id, one succeeds.
    Records vote.cast without a user.
    """
    _authorize(work, post, anonymous_id)
    post_id = _require_voteable_post(work, post, anonymous_id)
    vote_id: int | None = work.fetch_value(_INSERT, post_id=post_id, anonymous_id=anonymous_id)
    if vote_id is None:
        raise Conflict("vote.taken")
    votes.count(work, post_id, None, +1)
    work.record(Event("vote.cast", post_id=post_id, subject_id=vote_id))
    return vote_id


def retract(work: UnitOfWork, *, post: int | str, anonymous_id: str) -> None:
    """Retract the vote with this id. Raises as `cast`, but Conflict("vote.missing"). Records vote.retracted."""
    _authorize(work, post, anonymous_id)
    post_id = _require_voteable_post(work, post, anonymous_id)
    vote = work.fetch_one(_DELETE, post=post_id, anonymous_id=anonymous_id)
    if vote is None:
        raise Conflict("vote.missing")
    vote_id, created_at = vote
    votes.count(work, post_id, None, -1)
    work.record(votes.retraction(vote_id, post_id=post_id, voter_id=None, created_at=created_at))


def _authorize(work: UnitOfWork, post: int | str, anonymous_id: str) -> None:
    if not is_allowed(work.actor, Permission.CAST_VOTE):
        devices.authorize(work, Permission.CAST_VOTE)
        if not devices.is_vote_of_device(anonymous_id):
            raise Forbidden(Permission.CAST_VOTE)
        visibility.require_visible(work, post)


def _require_voteable_post(work: UnitOfWork, post: int | str, anonymous_id: str) -> int:
    """The id of the post. An unknown post is reported before an invalid id, and that before a post without votes."""
    post_id, voteable = votes.find_post(work, post)
    if len(anonymous_id) > MAX_ANONYMOUS_ID:
        raise ValidationFailed([FieldError("anonymous_id", "too_long", {"maximum": MAX_ANONYMOUS_ID})])
    if not voteable:
        raise Conflict("post.not_voteable")
    return post_id
