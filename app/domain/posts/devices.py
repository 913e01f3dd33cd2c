"""Posts and votes of browsers without a user, which become the user's when somebody signs in there.

A browser has a random token in a cookie. The rows have its digest, so nobody learns the token from the database or
through an API.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, literal_column, select, union_all, update

from app.domain.counters.row_counters import add_counts, add_step
from app.domain.errors import Forbidden, NotFound
from app.domain.models import AnonymousPost, Portal, Post, User, Vote
from app.domain.permissions import VISITOR, Permission
from app.domain.posts import create, votes
from app.domain.posts.create import CreatedPost, NewPost
from app.domain.posts.follows import INSERT_FOLLOW
from app.domain.sql.json_rows import encode_rows
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, in_portal_unindexed, insert_row, row_in_portal
from app.domain.unit_of_work import UnitOfWork

_PREFIX: Final = "device:"

_SETTINGS: Final = Statement(
    select(
        Portal.is_private,
        Portal.allows_anonymous_votes.label(Permission.CAST_VOTE),
        Portal.allows_anonymous_posts.label(Permission.WRITE_POST),
    ).where(Portal.id == PORTAL_ID)
)
_INSERT: Final = Statement(insert_row(AnonymousPost, "post_id", "device_digest").inline())


def make_token() -> str:
    """Make the token of a browser."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is stored of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()


def anonymous_id(device_digest: str) -> str:
    """The anonymous id of the votes of a device."""
    return _PREFIX + device_digest


def is_vote_of_device(anonymous_id: str) -> bool:
    """Whether the anonymous id is that of a device, and not one that an API client chose."""
    return anonymous_id.startswith(_PREFIX)


def authorize(work: UnitOfWork, permission: Permission) -> None:
    """Raise Forbidden unless the actor is a visitor, and the portal allows visitors CAST_VOTE or WRITE_POST."""
    if work.actor != VISITOR:
        raise Forbidden(permission)
    settings = work.require_row(_SETTINGS, "portal", work.portal_id)
    if settings["is_private"] or not settings[permission]:
        raise Forbidden(permission)


def create_post(work: UnitOfWork, new_post: NewPost, *, device_digest: str) -> CreatedPost:
    """Create a post without author for a visitor, if the portal allows it; the portal's policy moderates it.

    Raises as `create.create_post` for users below moderator. Records post.submitted. It has no files, because whoever
    uploads one should have an account.
    """
    authorize(work, Permission.WRITE_POST)
    if new_post.author is not None:
        raise Forbidden(Permission.WRITE_POST)
    create.require_plain(new_post)
    created = create.insert(work, new_post)
    work.execute(_INSERT, post_id=created.id, device_digest=device_digest)
    return created


_LOCK_USER: Final = Statement(
    select(User.id)
    .where(row_in_portal(User, "user"), User.deleted_at.is_(None), User.blocked_at.is_(None))
    # Waits for votes in the name of this user, and later ones wait.
    .with_for_update()
)
_RELEASE_POSTS: Final = Statement(
    delete(AnonymousPost)
    .where(AnonymousPost.portal_id == PORTAL_ID, AnonymousPost.device_digest == bindparam("device"))
    .returning(AnonymousPost.post_id)
)
_ASSIGN_POSTS: Final = Statement(
    update(Post)
    # The team may have given it an author.
    .where(in_portal_unindexed(Post), in_list(Post.id, "posts"), Post.user_id.is_(None))
    .values(user_id=bindparam("user"))
    .returning(Post.id)
)
_of_device = (Vote.portal_id == PORTAL_ID, Vote.anonymous_id == bindparam("device"))
_voted_posts = select(Vote.post_id).where(in_portal_unindexed(Vote), Vote.user_id == bindparam("user"))
_FIND_CLAIMS: Final = Statement(
    union_all(
        select(Vote.id).where(*_of_device),
        select(AnonymousPost.post_id).where(
            AnonymousPost.portal_id == PORTAL_ID, AnonymousPost.device_digest == bindparam("digest")
        ),
    ).limit(literal_column("1"))
)
_DROP_VOTES: Final = Statement(
    delete(Vote).where(*_of_device, Vote.post_id.in_(_voted_posts)).returning(Vote.id, Vote.post_id, Vote.created_at)
)
_ASSIGN_VOTES: Final = Statement(
    update(Vote).where(*_of_device).values(user_id=bindparam("user"), anonymous_id=None).returning(Vote.post_id)
)
_ADD_TO_VOTES: Final = add_counts(Post.votes_count)
_COUNT_POSTS: Final = Statement(add_step(User.posts_count))
_COUNT_VOTES: Final = Statement(add_step(User.votes_count))


@dataclass(frozen=True, slots=True)
class Claim:
    """The ids of the posts, and of the posts with the votes, that a user has taken over from a device."""

    posts: list[int]
    voted_posts: list[int]


def has_claims(work: UnitOfWork, device_digest: str) -> bool:
    """Whether `claim` would give posts or votes to the user who signs in on the device."""
    values = {"device": anonymous_id(device_digest), "digest": device_digest}
    return work.fetch_value(_FIND_CLAIMS, **values) is not None


def claim(work: UnitOfWork, *, user_id: int, device_digest: str) -> Claim:
    """Give the posts and votes of a device to the user who signs in there, who follows the posts from then on.

    A vote for a post for which the user has voted already is dropped, which records vote.retracted. Nothing else is
    recorded, because the posts and votes have their events. Of two concurrent claims, one gets them. Raises Forbidden,
    NotFound("user") also for a deleted or blocked user.
    """
    if work.actor.user_id != user_id:
        work.authorize(Permission.OPERATE)
    if work.fetch_one(_LOCK_USER, user=user_id) is None:
        raise NotFound("user", user_id)
    device = anonymous_id(device_digest)
    dropped = sorted(tuple(row) for row in work.fetch_all(_DROP_VOTES, user=user_id, device=device))
    voted = sorted(row[0] for row in work.fetch_all(_ASSIGN_VOTES, user=user_id, device=device))
    released = [row[0] for row in work.fetch_all(_RELEASE_POSTS, device=device_digest)]
    posts = sorted(row[0] for row in work.fetch_all(_ASSIGN_POSTS, user=user_id, posts=released)) if released else []
    if dropped:
        work.execute(_ADD_TO_VOTES, rows=encode_rows([(post_id, -1) for _, post_id, _ in dropped]))
        work.record_all(
            votes.retraction(vote_id, post_id=post_id, voter_id=None, created_at=created_at)
            for vote_id, post_id, created_at in dropped
        )
    if voted:
        work.execute(_COUNT_VOTES, id=user_id, step=len(voted))
    if posts:
        work.execute(_COUNT_POSTS, id=user_id, step=len(posts))
    for post_id in sorted({*posts, *voted}):
        work.execute(INSERT_FOLLOW, post_id=post_id, user_id=user_id)
    return Claim(posts, voted)
