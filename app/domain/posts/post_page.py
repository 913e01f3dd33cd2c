"""The page of a post, for everybody who may see it: see `visibility`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, String, bindparam, func, literal_column, select

from app.domain.models import Board, Comment, Follow, Portal, Post, Status, StatusChange, User, Vote
from app.domain.permissions import Permission, is_allowed, is_team
from app.domain.posts import public, update, visibility
from app.domain.posts.public import MAX_COMMENT, PublicPost, public_name
from app.domain.posts.single_statement import IS_VOTEABLE
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import Row, UnitOfWork

MAX_VOTERS: Final = 50
MAX_UPDATES: Final = 20
MAX_STATUS_CHANGES: Final = 100
MAX_CHANGELOG: Final = 50_000
"""Characters of the text for the changelog."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A change of the post's status; the first entry, without a status, is the creation of the post."""

    created_at: Timestamp
    status: str | None
    """None also if the status was removed or does not exist any more."""
    color: str | None


@dataclass(frozen=True, slots=True)
class OfficialUpdate:
    """An answer of the team: a comment that is an official update, or the post's text for the changelog."""

    body: str
    is_truncated: bool
    comment_id: int | None
    """None for the text for the changelog, which has neither author nor time."""
    author: str | None
    created_at: Timestamp | None


@dataclass(frozen=True, slots=True)
class Voters:
    """Who voted: the names of the first MAX_VOTERS users, and how many votes without a user there are."""

    names: Sequence[str]
    anonymous_count: int


@dataclass(frozen=True, slots=True)
class PostPage:
    """A post, and what its page shows to the actor."""

    post: PublicPost
    board_slug: str
    author_id: int | None
    moderation: str
    is_published: bool
    is_voteable: bool
    has_voted: bool
    is_following: bool
    may_edit: bool
    may_delete: bool
    timeline: Sequence[TimelineEntry]
    updates: Sequence[OfficialUpdate]
    """The newest first; the text for the changelog comes first of all."""
    voters: Voters | None
    """None unless the portal shows the voters to everybody or the actor belongs to the team."""


_this = (Vote.portal_id == PORTAL_ID, Vote.post_id == Post.id)
_viewer = bindparam("viewer_id", type_=BigInteger)
_HAS_VOTED: Final = select(Vote.id).where(*_this, Vote.user_id == _viewer).exists()
_HAS_DEVICE_VOTED: Final = (
    select(Vote.id).where(*_this, Vote.anonymous_id == bindparam("device", type_=String)).exists()
)
_IS_FOLLOWING: Final = (
    select(Follow.post_id)
    .where(Follow.portal_id == PORTAL_ID, Follow.post_id == Post.id, Follow.user_id == _viewer)
    .exists()
)
_POSTS: Final = public.POSTS.add_columns(
    Board.slug.label("board_slug"),
    Post.user_id.label("author_id"),
    Post.moderation.label("moderation"),
    Post.published.label("is_published"),
    func.substr(Post.changelog, 1, MAX_CHANGELOG + 1).label("changelog"),
    Portal.shows_voters.label("shows_voters"),
    IS_VOTEABLE.label("is_voteable"),
    (_HAS_VOTED | _HAS_DEVICE_VOTED).label("has_voted"),
    _IS_FOLLOWING.label("is_following"),
)
_BY_CODE: Final = visibility.statements_of(_POSTS.where(Post.code == bindparam("code")))
_BY_SLUG: Final = visibility.statements_of(_POSTS.where(Post.slug == bindparam("slug")))
_TIMELINE: Final = Statement(
    select(StatusChange.created_at, Status.name, Status.color)
    .outerjoin(Status, Status.id == StatusChange.status_id)
    .where(StatusChange.portal_id == PORTAL_ID, StatusChange.post_id == bindparam("post"))
    .order_by(StatusChange.id)
    .limit(literal_column(str(MAX_STATUS_CHANGES)))
)
UPDATE_COLUMNS: Final[Sequence[ColumnElement[Any]]] = (
    func.substr(Comment.body, 1, MAX_COMMENT).label("body"),
    (func.length(Comment.body) > MAX_COMMENT).label("is_truncated"),
    Comment.id.label("comment_id"),
    User.name.label("author"),
    Comment.created_at.label("created_at"),
)
"""The columns of an official update, of a comment and its author, for `make_update`."""
_UPDATES: Final = Statement(
    select(*UPDATE_COLUMNS)
    .select_from(Comment)
    .join(User, User.id == Comment.user_id)
    .where(Comment.portal_id == PORTAL_ID, Comment.post_id == bindparam("post"), Comment.official, ~Comment.internal)
    .order_by(Comment.created_at.desc(), Comment.id.desc())
    .limit(literal_column(str(MAX_UPDATES)))
)
_of_post = (Vote.portal_id == PORTAL_ID, Vote.post_id == bindparam("post"))
_VOTERS: Final = Statement(
    select(User.name)
    .join(Vote, Vote.user_id == User.id)
    .where(*_of_post)
    # In the order of an index, because a post may have many votes.
    .order_by(Vote.user_id)
    .limit(literal_column(str(MAX_VOTERS)))
)
_ANONYMOUS_COUNT: Final = Statement(
    select(func.count()).select_from(Vote).where(*_of_post, Vote.anonymous_id.is_not(None))
)


def find_by_code(work: UnitOfWork, code: str, *, device: str | None = None) -> PostPage | None:
    """The page of the post with this code, or None if the actor may not see it.

    `device` is the anonymous id of a visitor. The number of statements does not depend on that of votes.
    """
    return _find(work, _BY_CODE, device, code=code)


def find_by_slug(work: UnitOfWork, slug: str, *, device: str | None = None) -> PostPage | None:
    """As `find_by_code`, by the slug."""
    return _find(work, _BY_SLUG, device, slug=slug)


def _find(work: UnitOfWork, statements: visibility.Statements, device: str | None, **key: str) -> PostPage | None:
    work.authorize(Permission.VIEW)
    user_id = work.actor.user_id
    statement = visibility.pick(statements, work.actor)
    row = work.fetch_one(statement, viewer_id=user_id, device=device if user_id is None else None, **key)
    if row is None:
        return None
    author_id, changelog = row["author_id"], row["changelog"]
    may_edit = is_allowed(work.actor, Permission.WRITE_POST, of_user=author_id)
    shows_voters = bool(row["shows_voters"]) or is_team(work.actor)
    return PostPage(
        post=public.make_public_post(work, row),
        board_slug=row["board_slug"],
        author_id=author_id,
        moderation=row["moderation"],
        is_published=bool(row["is_published"]),
        is_voteable=bool(row["is_voteable"]),
        has_voted=bool(row["has_voted"]),
        is_following=bool(row["is_following"]),
        may_edit=may_edit,
        may_delete=may_edit and (is_team(work.actor) or not update.has_responses(work, row["id"], author_id=author_id)),
        timeline=_list_timeline(work, row),
        updates=[*make_changelog_updates(changelog), *map(make_update, work.fetch_all(_UPDATES, post=row["id"]))],
        voters=_list_voters(work, row) if shows_voters else None,
    )


def _list_timeline(work: UnitOfWork, row: Row) -> list[TimelineEntry]:
    changes = work.fetch_all(_TIMELINE, post=row["id"])
    return [TimelineEntry(row["created_at"], None, None), *(TimelineEntry(*change) for change in changes)]


def _list_voters(work: UnitOfWork, row: Row) -> Voters:
    if not row["votes_count"]:
        return Voters((), 0)
    names = [public_name(voter[0]) for voter in work.fetch_all(_VOTERS, post=row["id"])]
    return Voters(names, int(work.fetch_value(_ANONYMOUS_COUNT, post=row["id"])))


def make_changelog_updates(changelog: str) -> list[OfficialUpdate]:
    """The text for the changelog as an official update; nothing without a text."""
    text = changelog[:MAX_CHANGELOG]
    return [OfficialUpdate(text, len(changelog) > MAX_CHANGELOG, None, None, None)] if text.strip() else []


def make_update(row: Row) -> OfficialUpdate:
    """The official update of a row of UPDATE_COLUMNS."""
    return OfficialUpdate(
        row["body"], bool(row["is_truncated"]), row["comment_id"], public_name(row["author"]), row["created_at"]
    )
