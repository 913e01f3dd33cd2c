"""Rules about votes: cast and retract. One per user and post, counted in the transaction that makes or takes it."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select, update
from sqlalchemy import delete as sql_delete

from app.domain.errors import Conflict, NotFound
from app.domain.events import Event
from app.domain.models import Post, Status, User, Vote
from app.domain.permissions import Permission
from app.domain.posts import single_statement
from app.domain.posts.follows import INSERT_FOLLOW
from app.domain.posts.single_statement import IS_VOTEABLE, USER_SUMMARY_COLUMNS
from app.domain.sql.statement import NOW, PORTAL_ID, POSTGRESQL, Statement, upsert
from app.domain.unit_of_work import Row, UnitOfWork

_POST = select(Post.id, IS_VOTEABLE.label("voteable")).outerjoin(Status, Status.id == Post.status_id)
_POST_BY_ID: Final = Statement(_POST.where(Post.portal_id == PORTAL_ID, Post.id == bindparam("post")))
_POST_BY_CODE: Final = Statement(_POST.where(Post.portal_id == PORTAL_ID, Post.code == bindparam("post")))
_VOTER_BY_ID: Final = Statement(
    select(User.id, *USER_SUMMARY_COLUMNS).where(User.portal_id == PORTAL_ID, User.id == bindparam("user"))
)
_VOTER_BY_UUID: Final = Statement(
    select(User.id, *USER_SUMMARY_COLUMNS).where(
        User.portal_id == PORTAL_ID, User.uuid == bindparam("user"), User.deleted_at.is_(None)
    )
)
_INSERT: Final = Statement(
    upsert(Vote)
    .values(portal_id=PORTAL_ID, post_id=bindparam("post"), user_id=bindparam("user"), created_at=NOW, updated_at=NOW)
    .on_conflict_do_nothing()
    .returning(Vote.id)
)
_DELETE: Final = Statement(
    sql_delete(Vote)
    .where(Vote.portal_id == PORTAL_ID, Vote.post_id == bindparam("post"), Vote.user_id == bindparam("user"))
    .returning(Vote.id)
)
_DELETE_BY_ID: Final = Statement(
    sql_delete(Vote)
    .where(Vote.portal_id == PORTAL_ID, Vote.id == bindparam("id"))
    .returning(Vote.post_id, Vote.user_id, Vote.created_at)
)
_COUNT_POST: Final = Statement(
    update(Post)
    .where(Post.portal_id == PORTAL_ID, Post.id == bindparam("post"))
    .values(votes_count=Post.votes_count + bindparam("step"))
)
_COUNT_VOTER: Final = Statement(
    update(User)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("user"))
    .values(votes_count=User.votes_count + bindparam("step"))
)


@dataclass(frozen=True, slots=True)
class NewVote:
    """Who votes for what. A text names a post by its code and a user by UUID; a number is the id."""

    post: int | str
    voter: int | str
    voteable_only: bool = False
    """Whether the post must be approved and its status must accept votes."""
    follow: bool = False
    """Whether the voter follows the post from then on."""


@dataclass(frozen=True, slots=True)
class CreatedVote:
    """A vote just cast, and its voter as `at_once.VOTER` lists him, before it was counted."""

    id: int
    voter: Row


def cast(work: UnitOfWork, new_vote: NewVote) -> CreatedVote:
    """Give the voter's one vote to a post.

    Raises NotFound("user"), NotFound("post"), Conflict("post.not_voteable"), Conflict("vote.taken"), Forbidden.
    Announces vote.cast.
    """
    work.authorize(Permission.CAST_VOTE)
    if work.engine == POSTGRESQL:
        return _cast_at_once(work, new_vote)
    post_id, voter = _resolve(work, new_vote)
    vote_id = work.fetch_value(_INSERT, post=post_id, user=voter[0])
    if vote_id is None:
        raise Conflict("vote.taken")
    _count(work, post_id, voter[0], +1)
    if new_vote.follow:
        work.execute(INSERT_FOLLOW, post=post_id, user=voter[0])
    work.record(Event("vote.cast", post_id=post_id, subject_id=vote_id, user_id=voter[0]))
    return CreatedVote(vote_id, voter[1:])


def _cast_at_once(work: UnitOfWork, new_vote: NewVote) -> CreatedVote:
    statement = single_statement.CAST_VOTE[
        isinstance(new_vote.post, str), isinstance(new_vote.voter, str), new_vote.voteable_only, new_vote.follow
    ]
    voter_id, post_id, voteable, vote_id, *voter = single_statement.result_select(
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
    return CreatedVote(vote_id, voter)


def retract(work: UnitOfWork, new_vote: NewVote) -> None:
    """Take the voter's vote back.

    Raises as `cast`, but Conflict("vote.missing"). Announces vote.retracted. Of two at once, one succeeds.
    """
    work.authorize(Permission.CAST_VOTE)
    post_id, (voter_id, *_) = _resolve(work, new_vote)
    vote_id = work.fetch_value(_DELETE, post=post_id, user=voter_id)
    if vote_id is None:
        raise Conflict("vote.missing")
    _count(work, post_id, voter_id, -1)
    work.record(Event("vote.retracted", post_id=post_id, subject_id=vote_id, user_id=voter_id))


def delete(work: UnitOfWork, vote_id: int) -> None:
    """Take any vote away by its own id. Raises NotFound("vote"), Forbidden. Announces vote.retracted."""
    work.authorize(Permission.CAST_VOTE)
    gone = work.fetch_one(_DELETE_BY_ID, id=vote_id)
    if gone is None:
        raise NotFound("vote", vote_id)
    post_id, voter_id, _ = gone
    _count(work, post_id, voter_id, -1)
    work.record(Event("vote.retracted", post_id=post_id, subject_id=vote_id, user_id=voter_id))


def _resolve(work: UnitOfWork, new_vote: NewVote) -> tuple[int, Row]:
    """The post's id, and the voter's id and columns. An unknown voter is reported before an unknown post."""
    by_uuid = isinstance(new_vote.voter, str)
    voter = work.fetch_one(_VOTER_BY_UUID if by_uuid else _VOTER_BY_ID, user=new_vote.voter)
    if voter is None:
        raise NotFound("user", new_vote.voter)
    by_code = isinstance(new_vote.post, str)
    post: Any = work.fetch_one(_POST_BY_CODE if by_code else _POST_BY_ID, post=new_vote.post)
    if post is None:
        raise NotFound("post", new_vote.post)
    if new_vote.voteable_only and not post[1]:
        raise Conflict("post.not_voteable")
    return post[0], voter


def _count(work: UnitOfWork, post_id: int, voter_id: int, step: int) -> None:
    """Add in the database, so that two votes at once both count. Votes never move `updated_at`."""
    work.execute(_COUNT_POST, post=post_id, step=step)
    work.execute(_COUNT_VOTER, user=voter_id, step=step)
