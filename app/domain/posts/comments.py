"""Rules of comments: create, edit, delete. Internal comments are for the team: not counted, and without events."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Select, func, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters.row_counters import add_step
from app.domain.errors import FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.events import Event
from app.domain.models import Comment, Post, User
from app.domain.permissions import Permission, is_allowed, is_team
from app.domain.posts import visibility
from app.domain.posts.follows import INSERT_FOLLOW
from app.domain.posts.snapshots import COMMENT_SNAPSHOT, parse_snapshot
from app.domain.sql.statement import (
    NOW,
    SQLITE,
    Statement,
    in_list,
    in_portal_unindexed,
    insert_row,
    parameters,
    row_in_portal,
)
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset

# Counting first also locks the post, so that it can't be deleted before the comment is stored.
_COUNT_POST: Final = Statement(add_step(Post.comments_count).returning(Post.id))
# The current value: the update has waited for a concurrent deletion of the user.
_COUNT_AUTHOR: Final = Statement(add_step(User.comments_count).returning(User.deleted_at))
_PARENT: Final = Statement(
    select(Comment.post_id, Comment.internal).where(row_in_portal(Comment)).with_for_update(read=True, key_share=True)
)
_INSERT: Final = Statement(
    insert_row(Comment, "post_id", "user_id", "parent_id", "body", "official", "internal").returning(Comment.id)
)
_TO_UPDATE: Final = Statement(
    select(Comment.body, Comment.official, Comment.pinned, Comment.post_id, Comment.user_id, Comment.internal)
    .where(row_in_portal(Comment))
    .with_for_update(key_share=True)
)
_TO_DELETE: Final = Statement(
    select(Comment.post_id, Comment.user_id, Comment.internal, COMMENT_SNAPSHOT.label("snapshot"))
    .where(row_in_portal(Comment))
    .with_for_update(key_share=True, of=Comment)
)
_AUTHOR_OF: Final = Statement(select(Comment.user_id).where(row_in_portal(Comment), ~Comment.internal))
_POST_OF: Final = Statement(select(Comment.post_id).where(row_in_portal(Comment)))
_LOCK_POST: Final = Statement(select(Post.id).where(row_in_portal(Post, "post")).with_for_update(key_share=True))
_UPDATE: Final = Statement(
    update(Comment).where(row_in_portal(Comment)).values(**parameters("body", "official", "pinned"), updated_at=NOW)
)


def create(
    work: UnitOfWork,
    *,
    post_id: int,
    author_id: int,
    body: str,
    parent_id: int | None = None,
    official: bool = False,
    internal: bool = False,
    same_post_parent: bool,
    internal_parent: bool = True,
    deleted_author: bool = True,
    follow: bool,
) -> int:
    """Create a comment and return its id.

    With `same_post_parent`, a parent on another post counts as unknown; without `internal_parent`, an internal parent
    does; without `deleted_author`, a deleted author does. With `follow`, the author follows the post from then on.
    Users below moderator write comments of their own, neither official nor internal, on posts that they see. Raises
    Forbidden, ValidationFailed (post mandatory, body blank), NotFound("post") below moderator, NotFound("user"),
    NotFound("comment") for the parent. Records comment.written with `official` and `parent_id`, except for an internal
    comment.
    """
    if not is_allowed(work.actor, Permission.WRITE_COMMENT):
        _authorize_user(work, post_id, author_id, for_team=official or internal)
        same_post_parent, internal_parent = True, False
    step = 0 if internal else 1
    errors = []
    if work.fetch_value(_COUNT_POST, id=post_id, step=step) is None:
        errors.append(FieldError("post_id", "mandatory"))
    errors += _validate(body)
    if errors:
        raise ValidationFailed(errors)
    if parent_id is not None:
        parent = work.require_row(_PARENT, "comment", parent_id, id=parent_id)
        if (same_post_parent and parent["post_id"] != post_id) or (parent["internal"] and not internal_parent):
            raise NotFound("comment", parent_id)
    (deleted_at,) = work.require_row(_COUNT_AUTHOR, "user", author_id, id=author_id, step=step)
    if deleted_at is not None and not deleted_author:
        raise NotFound("user", author_id)
    values = {"post_id": post_id, "user_id": author_id, "parent_id": parent_id, "body": body}
    comment_id = int(work.fetch_value(_INSERT, **values, official=official, internal=internal))
    if follow:
        work.execute(INSERT_FOLLOW, post_id=post_id, user_id=author_id)
    if not internal:
        payload = {"official": official, "parent_id": parent_id}
        work.record(Event("comment.written", post_id=post_id, subject_id=comment_id, user_id=author_id, body=payload))
    return comment_id


def edit(
    work: UnitOfWork,
    comment_id: int,
    *,
    body: str | Unset = UNSET,
    official: bool | Unset = UNSET,
    pinned: bool | Unset = UNSET,
) -> bool:
    """Change the fields that are given; return whether any value changed. If none did, `updated_at` stays.

    Its author may change the body, also below moderator. Raises Forbidden, NotFound("comment"), ValidationFailed (body
    blank).
    """
    _authorize_author(work, comment_id)
    if not is_team(work.actor) and (official, pinned) != (UNSET, UNSET):
        raise Forbidden(Permission.MODERATE)
    row = work.require_row(_TO_UPDATE, "comment", comment_id, id=comment_id)
    errors = [] if body is UNSET else _validate(body)
    if errors:
        raise ValidationFailed(errors)
    old = {name: row[name] for name in ("body", "official", "pinned")}
    values = {"body": body, "official": official, "pinned": pinned}
    new = old | {name: value for name, value in values.items() if value is not UNSET}
    if new == old:
        return False
    work.execute(_UPDATE, id=comment_id, **new)
    return True


def _authorize_user(work: UnitOfWork, post_id: int, author_id: int, *, for_team: bool) -> None:
    work.authorize(Permission.WRITE_COMMENT, of_user=author_id)
    if for_team:
        raise Forbidden(Permission.MODERATE)
    visibility.require_visible(work, post_id)


def _authorize_author(work: UnitOfWork, comment_id: int) -> None:
    """Raise Forbidden unless the actor may write this comment: the team any, its author one that is not internal."""
    if not is_allowed(work.actor, Permission.WRITE_COMMENT):
        author_id = work.fetch_value(_AUTHOR_OF, id=comment_id)
        work.authorize(Permission.WRITE_COMMENT, of_user=author_id)


def _validate(body: str) -> list[FieldError]:
    return [] if body.strip() else [FieldError("body", "blank")]


_root = select(Comment.id).where(row_in_portal(Comment, "root"))
_in_portal = in_portal_unindexed(Comment)
_comments_of_posts = select(Comment.id).where(_in_portal, in_list(Comment.post_id, "posts"))


def _thread_ids(roots: Select[int]) -> Statement:
    """The ids of the roots and of all replies below them, also of replies on other posts."""
    thread = roots.cte("thread", recursive=True)
    # UNION terminates also if the rows form a cycle. Replies belong to their parent's portal, and the statement that
    # deletes them checks the portal. Without the check here, the index has every column that is read, so SQLite never
    # scans the table instead, whatever statistics ANALYZE has stored.
    thread = thread.union(select(Comment.id).join(thread, Comment.parent_id == thread.c.id))
    return Statement(select(thread.c.id).order_by(thread.c.id))


_THREAD: Final = _thread_ids(_root)
_THREADS_OF_POSTS: Final = _thread_ids(_comments_of_posts)
_LOCK: Final = Statement(
    select(Comment.id).where(_in_portal, in_list(Comment.id, "ids")).order_by(Comment.id).with_for_update()
)

_counted = (_in_portal, in_list(Comment.id, "ids"), ~Comment.internal)
_count = func.count().label("count")
_of_posts = (
    select(Comment.post_id, _count)
    .where(*_counted, ~in_list(Comment.post_id, "posts"))
    .group_by(Comment.post_id)
    .subquery("of_posts")
)
_of_users = select(Comment.user_id, _count).where(*_counted).group_by(Comment.user_id).subquery("of_users")
_SUBTRACT_FROM_POSTS: Final = Statement(
    update(Post).where(Post.id == _of_posts.c.post_id).values(comments_count=Post.comments_count - _of_posts.c["count"])
)
_SUBTRACT_FROM_AUTHORS: Final = Statement(
    update(User).where(User.id == _of_users.c.user_id).values(comments_count=User.comments_count - _of_users.c["count"])
)
_DELETE: Final = Statement(sql_delete(Comment).where(_in_portal, in_list(Comment.id, "ids")))


def delete(work: UnitOfWork, comment_id: int, *, with_replies: bool) -> None:
    """Delete a comment. The replies below it are deleted as well, or stay without a parent.

    Its author may delete it, also below moderator, but not the replies. Raises Forbidden, NotFound("comment"). Records
    one comment.deleted, except for an internal comment.
    """
    _authorize_author(work, comment_id)
    if with_replies:
        work.authorize(Permission.WRITE_COMMENT)
    # Lock the post before its comments, in the order of `create`, to avoid a deadlock with a new reply.
    work.fetch_value(_LOCK_POST, post=work.fetch_value(_POST_OF, id=comment_id))
    comment = work.require_row(_TO_DELETE, "comment", comment_id, id=comment_id)
    deleted_ids = _lock_thread(work, _THREAD, root=comment_id) if with_replies else [comment_id]
    _delete(work, deleted_ids)
    if not comment["internal"]:
        post_id, author_id = comment["post_id"], comment["user_id"]
        payload = {
            "replies": [reply_id for reply_id in deleted_ids if reply_id != comment_id],
            "snapshot": parse_snapshot(comment["snapshot"]),
        }
        work.record(Event("comment.deleted", post_id=post_id, subject_id=comment_id, user_id=author_id, body=payload))


def delete_of_posts(work: UnitOfWork, post_ids: Sequence[int]) -> None:
    """Delete all comments of posts that are about to be deleted, and all replies below them, also on other posts.

    The counters of these posts stay as they are. Records no events.
    """
    deleted_ids = _lock_thread(work, _THREADS_OF_POSTS, posts=list(post_ids))
    if deleted_ids:
        _delete(work, deleted_ids, uncounted_posts=list(post_ids))


def _lock_thread(work: UnitOfWork, threads: Statement, **roots: int | list[int]) -> list[int]:
    """Lock whole threads, so that no reply can be added, and return their ids, including replies added meanwhile."""
    locked: list[int] = []
    while True:
        ids = [row[0] for row in work.fetch_all(threads, **roots)]
        # SQLite has a single writer.
        if ids == locked or work.engine == SQLITE:
            return ids
        work.fetch_all(_LOCK, ids=ids)
        locked = ids


def _delete(work: UnitOfWork, ids: Sequence[int], *, uncounted_posts: Sequence[int] = ()) -> None:
    work.execute(_SUBTRACT_FROM_POSTS, ids=ids, posts=list(uncounted_posts))
    work.execute(_SUBTRACT_FROM_AUTHORS, ids=ids)
    work.execute(_DELETE, ids=ids)
