"""Deletion of users: a tombstone stays; the user's content is deleted or kept."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters.row_counters import add_counts
from app.domain.errors import Conflict
from app.domain.events import Event
from app.domain.models import (
    Comment,
    DigestItem,
    Feedback,
    Follow,
    GroupMember,
    Identity,
    NotificationChoice,
    OneTimeToken,
    Passkey,
    Post,
    Session,
    SignInRequest,
    User,
    Vote,
)
from app.domain.permissions import Permission, is_allowed
from app.domain.posts import delete as post_deletions
from app.domain.posts.snapshots import COMMENT_SNAPSHOT, parse_snapshot
from app.domain.posts.votes import retraction
from app.domain.sql.json_rows import encode_rows
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_portal_unindexed, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys
from app.domain.users.attributes import PERSONAL_ATTRIBUTES
from app.domain.users.users import DELETED_NAME

# Waits for transactions that act in this user's name; later ones find the user deleted.
_LOCK: Final = Statement(
    select(User.role, User.picture).where(row_in_portal(User), User.deleted_at.is_(None)).with_for_update()
)
_ANONYMIZE: Final = Statement(
    update(User)
    .where(row_in_portal(User))
    .values(
        email=None,
        email_key=None,
        name=DELETED_NAME,
        role="user",
        password_hash=None,
        locale=None,
        picture=None,
        awaits_approval=False,
        notifications_enabled=False,
        recap="never",
        deleted_at=NOW,
        updated_at=NOW,
        **dict.fromkeys(PERSONAL_ATTRIBUTES),
    )
)
_UNFOLLOW: Final = Statement(sql_delete(Follow).where(Follow.portal_id == PORTAL_ID, Follow.user_id == bindparam("id")))
_DELETE_ROWS: Final = [
    Statement(sql_delete(table).where(in_portal_unindexed(table), table.user_id == bindparam("id")))
    for table in (NotificationChoice, DigestItem, GroupMember, OneTimeToken, Session, SignInRequest, Passkey, Identity)
]
_DETACH_FEEDBACK: Final = Statement(
    update(Feedback).where(in_portal_unindexed(Feedback), Feedback.user_id == bindparam("id")).values(user_id=None)
)
_in_portal = in_portal_unindexed(Post)
_POSTS: Final = Statement(select(Post.id).where(_in_portal, Post.user_id == bindparam("id")).order_by(Post.id))
_DELETE_VOTES: Final = Statement(
    sql_delete(Vote)
    .where(Vote.portal_id == PORTAL_ID, Vote.user_id == bindparam("id"))
    .returning(Vote.id, Vote.post_id, Vote.created_at)
)
# Replies of other users stay: the database sets their reference to the parent to null.
_DELETE_COMMENTS: Final = Statement(
    sql_delete(Comment)
    .where(Comment.portal_id == PORTAL_ID, Comment.user_id == bindparam("id"))
    .returning(Comment.id, Comment.post_id, Comment.internal, COMMENT_SNAPSHOT.label("snapshot"))
)
_SUBTRACT_FROM_USER: Final = Statement(
    update(User)
    .where(row_in_portal(User))
    .values(
        votes_count=User.votes_count - bindparam("votes"),
        comments_count=User.comments_count - bindparam("comments"),
    )
)
_ADD_TO_VOTES: Final = add_counts(Post.votes_count)
_ADD_TO_COMMENTS: Final = add_counts(Post.comments_count)


@dataclass(frozen=True, slots=True)
class UserDeletion:
    """What the caller of `delete` has to know."""

    files: list[str]
    """The names of the stored files of deleted posts and of the picture, to be deleted after the commit."""
    revoked_keys: int
    """How many keys were revoked."""


def delete(work: UnitOfWork, user_id: int, *, with_content: bool) -> UserDeletion:
    """Delete a user: the keys are revoked and the address becomes free; the id and UUID stay as a tombstone.

    The user leaves all groups; sessions, passkeys and identities end. With `with_content`, the user's posts, comments
    and votes are deleted too. Replies of other users stay, without a parent, and feedback stays, without the user. May
    take long. Users may delete themselves, except the owner. Raises Forbidden, NotFound("user") also for a deleted
    user, Conflict("user.is_owner").
    """
    if not is_allowed(work.actor, Permission.MANAGE_ACCOUNT, of_user=user_id):
        work.authorize(Permission.MANAGE_USERS)
    role, picture = work.require_row(_LOCK, "user", user_id, id=user_id)
    if role == "owner":
        raise Conflict("user.is_owner")
    files = _delete_content(work, user_id) if with_content else []
    work.execute(_UNFOLLOW, id=user_id)
    for statement in _DELETE_ROWS:
        work.execute(statement, id=user_id)
    work.execute(_ANONYMIZE, id=user_id)
    if picture is not None:
        files.append(picture)
    return UserDeletion(files, api_keys.revoke_ineligible(work, user_id=user_id, role=None))


def _delete_content(work: UnitOfWork, user_id: int) -> list[str]:
    files = post_deletions.delete_posts(work, [row[0] for row in work.fetch_all(_POSTS, id=user_id)])
    comments = work.fetch_all(_DELETE_COMMENTS, id=user_id)
    public = sorted((row["id"], row["post_id"], row["snapshot"]) for row in comments if not row["internal"])
    _subtract(work, _ADD_TO_COMMENTS, [post_id for _, post_id, _ in public])
    work.record_all(
        Event(
            "comment.deleted",
            post_id=post_id,
            subject_id=comment_id,
            user_id=user_id,
            body={"replies": [], "snapshot": parse_snapshot(snapshot)},
        )
        for comment_id, post_id, snapshot in public
    )
    votes = sorted((row["id"], row["post_id"], row["created_at"]) for row in work.fetch_all(_DELETE_VOTES, id=user_id))
    _subtract(work, _ADD_TO_VOTES, [post_id for _, post_id, _ in votes])
    work.record_all(
        retraction(vote_id, post_id=post_id, voter_id=user_id, created_at=created_at)
        for vote_id, post_id, created_at in votes
    )
    work.execute(_SUBTRACT_FROM_USER, id=user_id, votes=len(votes), comments=len(public))
    work.execute(_DETACH_FEEDBACK, id=user_id)
    return files


def _subtract(work: UnitOfWork, statement: Statement, post_ids: Sequence[int]) -> None:
    """Subtract deleted rows, given as the id of the post of each, in the order of posts to avoid deadlocks."""
    counts = Counter(post_ids)
    work.execute(statement, rows=encode_rows([(post_id, -count) for post_id, count in sorted(counts.items())]))
