"""Rules about comments: write, edit, delete. Internal ones are the team's: neither counted nor announced."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Select, bindparam, func, insert, select, update
from sqlalchemy import delete as sql_delete

from app.domain.errors import FieldError, NotFound, ValidationFailed
from app.domain.events import Event
from app.domain.models import Comment, Post, User
from app.domain.permissions import Permission
from app.domain.posts.follows import INSERT_FOLLOW
from app.domain.sql.statement import NOW, PORTAL_ID, SQLITE, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset

# Counting first also holds the post: it can't be deleted any more until the comment stands.
_COUNT_POST: Final = Statement(
    update(Post)
    .where(Post.portal_id == PORTAL_ID, Post.id == bindparam("post"))
    .values(comments_count=Post.comments_count + bindparam("step"))
    .returning(Post.id)
)
_COUNT_AUTHOR: Final = Statement(
    update(User)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("user"))
    .values(comments_count=User.comments_count + bindparam("step"))
    # As he is now: a deletion that was under way has been waited for.
    .returning(User.deleted_at)
)
_PARENT: Final = Statement(
    select(Comment.post_id, Comment.internal)
    .where(Comment.portal_id == PORTAL_ID, Comment.id == bindparam("id"))
    .with_for_update(read=True, key_share=True)
)
_INSERT: Final = Statement(
    insert(Comment)
    .values(
        portal_id=PORTAL_ID,
        post_id=bindparam("post"),
        user_id=bindparam("user"),
        parent_id=bindparam("parent"),
        body=bindparam("body"),
        official=bindparam("official"),
        internal=bindparam("internal"),
        created_at=NOW,
        updated_at=NOW,
    )
    .returning(Comment.id)
)
_CARD: Final = Statement(
    select(Comment.body, Comment.official, Comment.pinned, Comment.post_id, Comment.user_id, Comment.internal)
    .where(Comment.portal_id == PORTAL_ID, Comment.id == bindparam("id"))
    .with_for_update(key_share=True)
)
_POST_OF: Final = Statement(
    select(Comment.post_id).where(Comment.portal_id == PORTAL_ID, Comment.id == bindparam("id"))
)
_HOLD_POST: Final = Statement(
    select(Post.id).where(Post.portal_id == PORTAL_ID, Post.id == bindparam("post")).with_for_update(key_share=True)
)
_EDIT: Final = Statement(
    update(Comment)
    .where(Comment.portal_id == PORTAL_ID, Comment.id == bindparam("id"))
    .values(body=bindparam("body"), official=bindparam("official"), pinned=bindparam("pinned"), updated_at=NOW)
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
    """A new comment; its id.

    `same_post_parent`: a parent on another post counts as unknown; without `internal_parent`, an internal one does.
    Without `deleted_author`, a deleted one counts as unknown. `follow`: its author follows the post from now on.
    Raises Forbidden, Invalid (post mandatory, body blank), NotFound("user"), NotFound("comment") for the parent.
    Announces comment.written, unless it is internal.
    """
    work.authorize(Permission.WRITE_COMMENT)
    step = 0 if internal else 1
    problems = []
    if work.fetch_value(_COUNT_POST, post=post_id, step=step) is None:
        problems.append(FieldError("post_id", "mandatory"))
    problems += _validate(body)
    if problems:
        raise ValidationFailed(problems)
    if parent_id is not None:
        parent = work.fetch_one(_PARENT, id=parent_id)
        if parent is None or (same_post_parent and parent[0] != post_id) or (parent[1] and not internal_parent):
            raise NotFound("comment", parent_id)
    author = work.fetch_one(_COUNT_AUTHOR, user=author_id, step=step)
    if author is None or (author[0] is not None and not deleted_author):
        raise NotFound("user", author_id)
    comment_id = int(
        work.fetch_value(
            _INSERT,
            post=post_id,
            user=author_id,
            parent=parent_id,
            body=body,
            official=official,
            internal=internal,
        )
    )
    if follow:
        work.execute(INSERT_FOLLOW, post=post_id, user=author_id)
    if not internal:
        work.record(Event("comment.written", post_id=post_id, subject_id=comment_id, user_id=author_id))
    return comment_id


def edit(
    work: UnitOfWork,
    comment_id: int,
    *,
    body: str | Unset = UNSET,
    official: bool | Unset = UNSET,
    pinned: bool | Unset = UNSET,
) -> bool:
    """Change what is given and differs; whether anything did. When nothing does, `updated_at` stays, too.

    Raises Forbidden, NotFound("comment"), Invalid (body blank).
    """
    work.authorize(Permission.WRITE_COMMENT)
    row = work.fetch_one(_CARD, id=comment_id)
    if row is None:
        raise NotFound("comment", comment_id)
    old = (row[0], bool(row[1]), bool(row[2]))
    problems = [] if body is UNSET else _validate(body)
    if problems:
        raise ValidationFailed(problems)
    new = (
        old[0] if body is UNSET else body,
        old[1] if official is UNSET else official,
        old[2] if pinned is UNSET else pinned,
    )
    if new == old:
        return False
    work.execute(_EDIT, id=comment_id, body=new[0], official=new[1], pinned=new[2])
    return True


def _validate(body: str) -> list[FieldError]:
    return [] if body.strip() else [FieldError("body", "blank")]


_one_root = select(Comment.id).where(Comment.portal_id == PORTAL_ID, Comment.id == bindparam("root"))
_in_portal = in_portal_unindexed(Comment)
_all_of_posts = select(Comment.id).where(_in_portal, in_list(Comment.post_id, "posts"))


def _thread_ids(roots: Select[int]) -> Statement:
    """The ids of the roots and of all replies below them, whatever post these hang on."""
    found = roots.cte("found", recursive=True)
    # UNION ends whatever the data says. Replies are in their parent's portal, and what takes them away asks for it;
    # without it here the index has all that is read, so that SQLite never scans the table instead, whatever ANALYZE
    # told it.
    found = found.union(select(Comment.id).join(found, Comment.parent_id == found.c.id))
    return Statement(select(found.c.id).order_by(found.c.id))


_THREAD: Final = _thread_ids(_one_root)
_THREADS_OF_POSTS: Final = _thread_ids(_all_of_posts)
_LOCK: Final = Statement(
    select(Comment.id).where(_in_portal, in_list(Comment.id, "ids")).order_by(Comment.id).with_for_update()
)

_counted = (_in_portal, in_list(Comment.id, "ids"), ~Comment.internal)
_lost = func.count().label("lost")
_of_posts = (
    select(Comment.post_id, _lost)
    .where(*_counted, ~in_list(Comment.post_id, "posts"))
    .group_by(Comment.post_id)
    .subquery("of_posts")
)
_of_users = select(Comment.user_id, _lost).where(*_counted).group_by(Comment.user_id).subquery("of_users")
_UNCOUNT_POSTS: Final = Statement(
    update(Post).where(Post.id == _of_posts.c.post_id).values(comments_count=Post.comments_count - _of_posts.c.lost)
)
_UNCOUNT_AUTHORS: Final = Statement(
    update(User).where(User.id == _of_users.c.user_id).values(comments_count=User.comments_count - _of_users.c.lost)
)
_DELETE: Final = Statement(sql_delete(Comment).where(_in_portal, in_list(Comment.id, "ids")))


def delete(work: UnitOfWork, comment_id: int, *, with_replies: bool) -> None:
    """Take a comment away, and all replies below it or none: then these stay, without a parent.

    Raises Forbidden, NotFound("comment"). Announces comment.deleted, once, unless it is internal.
    """
    work.authorize(Permission.WRITE_COMMENT)
    # The post before its comments, as `write` takes them: else a reply and this would wait for each other.
    work.fetch_value(_HOLD_POST, post=work.fetch_value(_POST_OF, id=comment_id))
    row = work.fetch_one(_CARD, id=comment_id)
    if row is None:
        raise NotFound("comment", comment_id)
    _, _, _, post_id, author_id, internal = row
    gone = _lock_thread(work, _THREAD, root=comment_id) if with_replies else [comment_id]
    _remove(work, gone)
    if not internal:
        told = {"replies": [gone_id for gone_id in gone if gone_id != comment_id]}
        work.record(Event("comment.deleted", post_id=post_id, subject_id=comment_id, user_id=author_id, body=told))


def delete_of_posts(work: UnitOfWork, post_ids: Sequence[int]) -> None:
    """Take away all comments of posts that go, too, and all replies below them, wherever these hang.

    The counters of these posts are left alone. Announces nothing.
    """
    gone = _lock_thread(work, _THREADS_OF_POSTS, posts=list(post_ids))
    if gone:
        _remove(work, gone, leaving=list(post_ids))


def _lock_thread(work: UnitOfWork, trees: Statement, **roots: int | list[int]) -> list[int]:
    """The ids of whole trees that nobody can reply to any more: a reply that came meanwhile is among them."""
    held: list[int] = []
    while True:
        found = [row[0] for row in work.fetch_all(trees, **roots)]
        # On SQLite nobody else writes meanwhile.
        if found == held or work.engine == SQLITE:
            return found
        work.fetch_all(_LOCK, ids=found)
        held = found


def _remove(work: UnitOfWork, ids: Sequence[int], *, leaving: Sequence[int] = ()) -> None:
    work.execute(_UNCOUNT_POSTS, ids=ids, posts=list(leaving))
    work.execute(_UNCOUNT_AUTHORS, ids=ids)
    work.execute(_DELETE, ids=ids)
