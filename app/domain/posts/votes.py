"""Rules of users' votes: cast, retract, delete. A user has at most one vote for a post.

The votes without a user are in `anonymous_votes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy import delete as sql_delete

from app.domain.counters.row_counters import add_step
from app.domain.errors import Conflict, NotFound
from app.domain.events import Event
from app.domain.models import Post, Status, User, Vote
from app.domain.permissions import Permission, is_allowed
from app.domain.posts import single_statement, visibility
from app.domain.posts.follows import INSERT_FOLLOW
from app.domain.posts.single_statement import IS_VOTEABLE, USER_SUMMARY_COLUMNS
from app.domain.sql.statement import PORTAL_ID, POSTGRESQL, Statement, insert_row, row_in_portal
from app.domain.sql.timestamps import Timestamp, to_datetime, to_sqlite
from app.domain.unit_of_work import Row, UnitOfWork

_POST = select(Post.id, IS_VOTEABLE.label("voteable")).outerjoin(Status, Status.id == Post.status_id)
_POST_BY_ID: Final = Statement(_POST.where(row_in_portal(Post, "post")))
_POST_BY_CODE: Final = Statement(_POST.where(Post.portal_id == PORTAL_ID, Post.code == bindparam("post")))
_VOTER_BY_ID: Final = Statement(select(User.id, *USER_SUMMARY_COLUMNS).where(row_in_portal(User, "user")))
_VOTER_BY_UUID: Final = Statement(
    select(User.id, *USER_SUMMARY_COLUMNS).where(
        User.portal_id == PORTAL_ID, User.uuid == bindparam("user"), User.deleted_at.is_(None)
    )
)
_INSERT: Final = Statement(insert_row(Vote, "post_id", "user_id").on_conflict_do_nothing().returning(Vote.id))
_DELETE: Final = Statement(
    sql_delete(Vote)
    .where(Vote.portal_id == PORTAL_ID, Vote.post_id == bindparam("post"), Vote.user_id == bindparam("user"))
    .returning(Vote.id, Vote.created_at)
)
_DELETE_BY_ID: Final = Statement(
    sql_delete(Vote)
    .where(row_in_portal(Vote), Vote.user_id.is_not(None))
    .returning(Vote.post_id, Vote.user_id, Vote.created_at)
)
_COUNT_POST: Final = Statement(add_step(Post.votes_count))
_COUNT_VOTER: Final = Statement(add_step(User.votes_count))


@dataclass(frozen=True, slots=True)
class NewVote:
    """A vote to cast or retract. `post` is an id or a code, `voter` an id or a UUID."""

    post: int | str
    voter: int | str
    voteable_only: bool = False
    """Whether the post must be approved and its status must accept votes."""
    follow: bool = False
    """Whether the voter follows the post from then on."""


@dataclass(frozen=True, slots=True)
class CreatedVote:
    """A new vote, and the USER_SUMMARY_COLUMNS of its voter before the vote was counted."""

    id: int
    voter_id: int
    voter: Sequence[Any]


def cast(work: UnitOfWork, new_vote: NewVote) -> CreatedVote:
    """Cast the voter's vote for a post.

    Users below moderator vote for themselves only, named by id, for posts that they see and that accept votes.
    Raises Forbidden, NotFound("user"), NotFound("post"), Conflict("post.not_voteable"), Conflict("vote.taken").
    Records vote.cast.
    """
    new_vote = _authorize(work, new_vote, voteable_only=True)
    if work.engine == POSTGRESQL:
        return _cast_in_single_statement(work, new_vote)
    post_id, voter = _resolve(work, new_vote)
    vote_id = work.fetch_value(_INSERT, post_id=post_id, user_id=voter[0])
    if vote_id is None:
        raise Conflict("vote.taken")
    count(work, post_id, voter[0], +1)
    if new_vote.follow:
        work.execute(INSERT_FOLLOW, post_id=post_id, user_id=voter[0])
    work.record(Event("vote.cast", post_id=post_id, subject_id=vote_id, user_id=voter[0]))
    return CreatedVote(vote_id, voter[0], voter[1:])


def _cast_in_single_statement(work: UnitOfWork, new_vote: NewVote) -> CreatedVote:
    statement = single_statement.CAST_VOTE[
        isinstance(new_vote.post, str), isinstance(new_vote.voter, str), new_vote.voteable_only, new_vote.follow
    ]
    voter_id, post_id, voteable, vote_id, *voter = single_statement.fetch_result(
        work,
        statement,
        post=new_vote.post,
        user=new_vote.voter,
        actor=work.actor.user_id,
        base_url=work.base_url,
    )
    if voter_id is None:
        raise NotFound("user", new_vote.voter)
    if post_id is None:
        raise NotFound("post", new_vote.post)
    if new_vote.voteable_only and not voteable:
        raise Conflict("post.not_voteable")
    if vote_id is None:
        raise Conflict("vote.taken")
    return CreatedVote(vote_id, voter_id, voter)


def retract(work: UnitOfWork, new_vote: NewVote) -> None:
    """Retract the voter's vote.

    Raises as `cast`, but Conflict("vote.missing"). Records vote.retracted. Of two concurrent calls, one succeeds.
    """
    new_vote = _authorize(work, new_vote, voteable_only=False)
    post_id, (voter_id, *_) = _resolve(work, new_vote)
    vote = work.fetch_one(_DELETE, post=post_id, user=voter_id)
    if vote is None:
        raise Conflict("vote.missing")
    vote_id, created_at = vote
    count(work, post_id, voter_id, -1)
    work.record(retraction(vote_id, post_id=post_id, voter_id=voter_id, created_at=created_at))


def delete(work: UnitOfWork, vote_id: int) -> None:
    """Delete a user's vote by its id. Raises Forbidden, NotFound("vote"). Records vote.retracted."""
    work.authorize(Permission.CAST_VOTE)
    post_id, voter_id, created_at = work.require_row(_DELETE_BY_ID, "vote", vote_id, id=vote_id)
    count(work, post_id, voter_id, -1)
    work.record(retraction(vote_id, post_id=post_id, voter_id=voter_id, created_at=created_at))


def retraction(vote_id: int, *, post_id: int, voter_id: int | None, created_at: Timestamp) -> Event:
    """The event of a deleted vote, which was cast at `created_at`; without a voter it was anonymous."""
    body = {"created_at": to_sqlite(to_datetime(created_at))}
    return Event("vote.retracted", post_id=post_id, subject_id=vote_id, user_id=voter_id, body=body)


def find_post(work: UnitOfWork, post: int | str) -> tuple[int, bool]:
    """The id of the post with this id or code, and whether it accepts votes. Raises NotFound("post")."""
    statement = _POST_BY_CODE if isinstance(post, str) else _POST_BY_ID
    post_id, voteable = work.require_row(statement, "post", post, post=post)
    return post_id, bool(voteable)


def count(work: UnitOfWork, post_id: int, voter_id: int | None, step: int) -> None:
    """Add `step` to the votes of the post, and of the voter unless the vote is anonymous."""
    work.execute(_COUNT_POST, id=post_id, step=step)
    if voter_id is not None:
        work.execute(_COUNT_VOTER, id=voter_id, step=step)


def _authorize(work: UnitOfWork, new_vote: NewVote, *, voteable_only: bool) -> NewVote:
    """The vote as the actor may cast or retract it. Raises Forbidden, NotFound("post")."""
    if is_allowed(work.actor, Permission.CAST_VOTE):
        return new_vote
    work.authorize(Permission.CAST_VOTE, of_user=new_vote.voter if isinstance(new_vote.voter, int) else None)
    post_id = visibility.require_visible(work, new_vote.post)
    return replace(new_vote, post=post_id, voteable_only=voteable_only or new_vote.voteable_only)


def _resolve(work: UnitOfWork, new_vote: NewVote) -> tuple[int, Row]:
    """The post's id, and the voter's id and columns. An unknown voter is reported before an unknown post."""
    find_voter = _VOTER_BY_UUID if isinstance(new_vote.voter, str) else _VOTER_BY_ID
    voter = work.require_row(find_voter, "user", new_vote.voter, user=new_vote.voter)
    post_id, voteable = find_post(work, new_vote.post)
    if new_vote.voteable_only and not voteable:
        raise Conflict("post.not_voteable")
    return post_id, voter
