"""Rules of existing posts: update, move to another board, change status, delete, set the position."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, bindparam, or_, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters.post_counters import counter_keys_of, move_counts
from app.domain.errors import Conflict, FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.events import Event
from app.domain.models import (
    Board,
    Category,
    Comment,
    Post,
    PostCategory,
    Section,
    Status,
    StatusChange,
    Tab,
    User,
    Vote,
)
from app.domain.models.posts import UNPOSITIONED
from app.domain.models.search import MAX_INDEXED_LENGTH
from app.domain.permissions import Permission, is_team
from app.domain.posts import delete as post_deletions
from app.domain.posts import tagging, visibility
from app.domain.posts.create import ADD_CATEGORIES, COUNT_AUTHOR, make_excerpt
from app.domain.search import vocabulary
from app.domain.sql.statement import (
    NOW,
    PORTAL_ID,
    Statement,
    in_list,
    in_portal_unindexed,
    insert_row,
    parameters,
    row_in_portal,
)
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset


@dataclass(frozen=True, slots=True)
class PostUpdate:
    """The fields to change. `author` is an id, a UUID, or None for an anonymous post.

    The categories replace all categories of the post, and the tags all its tags. An unknown section counts as not
    given, and so do categories if none of them exists; unknown tags are ignored.
    """

    title: str | Unset = UNSET
    description: str | Unset | None = UNSET
    author: int | str | Unset | None = UNSET
    category_ids: Sequence[int] | Unset = UNSET
    section_id: int | Unset | None = UNSET
    tag_ids: Sequence[int] | Unset = UNSET


_POST = select(Post.title, Post.description, Post.user_id, Post.board_id, Post.status_id, Post.section_id)
# Changes of one post wait for each other; votes and comments, which only refer to the post, don't wait.
_TO_UPDATE: Final = Statement(_POST.where(row_in_portal(Post)).with_for_update(key_share=True))
_LOCK_POST: Final = Statement(select(Post.id).where(row_in_portal(Post)).with_for_update())

_USER_BY_UUID: Final = Statement(
    select(User.id)
    .where(User.portal_id == PORTAL_ID, User.uuid == bindparam("user"), User.deleted_at.is_(None))
    # Waits for a concurrent deletion of the user, after which no row is found.
    .with_for_update(read=True, key_share=True)
)
_CATEGORIES: Final = Statement(
    select(Category.id).where(Category.portal_id == PORTAL_ID, in_list(Category.id, "ids")).order_by(Category.id)
)
_POST_CATEGORIES: Final = Statement(
    select(PostCategory.category_id)
    .join(Post, Post.id == PostCategory.post_id)
    .where(Post.portal_id == PORTAL_ID, PostCategory.post_id == bindparam("post"))
    .order_by(PostCategory.category_id)
    # A concurrent deletion of a category has finished, or deletes its counters after this transaction.
    .with_for_update(of=PostCategory)
)

_this = row_in_portal(Post, "post")
_UPDATE: Final = Statement(
    update(Post)
    .where(_this)
    .values(**parameters("title", "description", "description_short", "user_id", "section_id"), updated_at=NOW)
)
_SET_BOARD: Final = Statement(update(Post).where(_this).values(board_id=bindparam("board"), updated_at=NOW))
_CHANGE_STATUS: Final = Statement(
    update(Post).where(_this).values(status_id=bindparam("status"), status_changed_at=NOW, updated_at=NOW)
)
_REMOVE_CATEGORIES: Final = Statement(
    sql_delete(PostCategory).where(
        PostCategory.post_id == bindparam("post"),
        PostCategory.category_id.in_(
            select(Category.id).where(Category.portal_id == PORTAL_ID, in_list(Category.id, "categories"))
        ),
    )
)
_STATUSES: Final = Statement(
    select(Status.id, Status.name, Status.color, Tab.name.label("tab_name"))
    .join(Tab, Tab.id == Status.tab_id)
    .where(in_portal_unindexed(Status), in_list(Status.id, "ids"))
)
_author = bindparam("user", type_=BigInteger)
_HAS_RESPONSES: Final = Statement(
    select(
        or_(
            *(
                select(table.id)
                .where(
                    table.portal_id == PORTAL_ID,
                    table.post_id == bindparam("post"),
                    table.user_id.is_distinct_from(_author),
                )
                .exists()
                for table in (Vote, Comment)
            )
        )
    )
)
_HISTORY: Final = Statement(insert_row(StatusChange, "post_id", "user_id", "actor_id", "status_id").inline())


def update_post(work: UnitOfWork, post_id: int, update: PostUpdate) -> bool:
    """Change the fields that are given; return whether any value changed. If none did, `updated_at` stays.

    The slug never changes. An author below moderator may change title, description and categories. Raises Forbidden,
    NotFound("post"), NotFound("user").
    """
    visibility.authorize_author(work, post_id)
    if not is_team(work.actor) and (update.author, update.section_id, update.tag_ids) != (UNSET, UNSET, UNSET):
        raise Forbidden(Permission.MODERATE)
    post = work.require_row(_TO_UPDATE, "post", post_id, id=post_id)
    old = {name: post[name] for name in ("title", "description", "user_id", "section_id")}
    new: dict[str, Any] = {
        "title": old["title"] if update.title is UNSET else update.title,
        "description": old["description"] if update.description is UNSET else update.description,
        "user_id": _author_id(work, update.author, old["user_id"]),
        "section_id": _section_id(work, update.section_id, old["section_id"]),
    }
    old_categories = _category_ids(work, post_id)
    new_categories = _replace_categories(work, old_categories, update.category_ids)
    has_new_tags = update.tag_ids is not UNSET and tagging.replace(work, post_id, update.tag_ids)
    if new == old and new_categories == old_categories and not has_new_tags:
        return False

    work.execute(_UPDATE, post=post_id, description_short=make_excerpt(new["description"]), **new)
    if (new["title"], new["description"]) != (old["title"], old["description"]):
        # The words of a new post are added when it is indexed; those of a change are indexed at once.
        vocabulary.add_words(work, (new["title"], (new["description"] or "")[:MAX_INDEXED_LENGTH]))
    _move_author_count(work, old["user_id"], new["user_id"])
    if new_categories != old_categories:
        work.execute(_REMOVE_CATEGORIES, post=post_id, categories=sorted(old_categories - new_categories))
        work.execute(ADD_CATEGORIES, post=post_id, categories=sorted(new_categories - old_categories))
        # One of them may have been deleted meanwhile.
        new_categories = _category_ids(work, post_id)
    before = counter_keys_of(post, old_categories)
    after = counter_keys_of(post, new_categories, section_id=new["section_id"])
    move_counts(work, post_id, before=before, after=after)
    return True


def move_to_board(work: UnitOfWork, post_id: int, board_id: int) -> bool:
    """Move the post to a board; return whether it changed. Raises Forbidden, NotFound("post"), NotFound("board")."""
    work.authorize(Permission.WRITE_POST)
    post = work.require_row(_TO_UPDATE, "post", post_id, id=post_id)
    work.require_exists(Board, board_id)
    if post["board_id"] == board_id:
        return False
    work.execute(_SET_BOARD, post=post_id, board=board_id)
    move_counts(work, post_id, before=counter_keys_of(post), after=counter_keys_of(post, board_id=board_id))
    return True


def change_status(work: UnitOfWork, post_id: int, status_id: int | None, *, user_id: int | None) -> bool:
    """Set the status of the post, or remove it, in a user's name; return whether it changed.

    Only a change is added to the history and recorded as post.status_changed. Raises Forbidden, NotFound("post"),
    NotFound("status").
    """
    work.authorize(Permission.MODERATE)
    post = work.require_row(_TO_UPDATE, "post", post_id, id=post_id)
    before = post["status_id"]
    if before == status_id:
        return False
    body = describe_change(work, before, status_id)
    categories = _category_ids(work, post_id)
    work.execute(_CHANGE_STATUS, post=post_id, status=status_id)
    work.execute(_HISTORY, post_id=post_id, status_id=status_id, user_id=user_id, actor_id=work.actor.user_id)
    move_counts(
        work,
        post_id,
        before=counter_keys_of(post, categories),
        after=counter_keys_of(post, categories, status_id=status_id),
    )
    work.record(Event("post.status_changed", post_id=post_id, subject_id=status_id, user_id=user_id, body=body))
    return True


def describe_change(work: UnitOfWork, before: int | None, after: int | None) -> dict[str, Any]:
    """The body of post.status_changed. It has both statuses, because they may be deleted before it is read.

    Raises NotFound("status") if `after` does not exist.
    """
    ids = [status_id for status_id in (before, after) if status_id is not None]
    names = ("id", "name", "color", "tab_name")
    statuses = {row["id"]: {name: row[name] for name in names} for row in work.fetch_all(_STATUSES, ids=ids)}
    if after is not None and after not in statuses:
        raise NotFound("status", after)
    return {
        "old_status_id": before,
        "new_status_id": after,
        "old_status": statuses.get(before),
        "new_status": statuses.get(after),
    }


def delete(work: UnitOfWork, post_id: int) -> list[str]:
    """Delete the post with its votes, follows, history, and comments with all replies, also those on other posts.

    An author below moderator may delete the post while nobody else has voted or commented. Returns the names of its
    stored files, to be deleted after the commit. Raises Forbidden, NotFound("post"), Conflict("post.has_responses").
    Records post.deleted.
    """
    visibility.authorize_author(work, post_id)
    # Of two concurrent deletions, the second waits here and then finds no post. A vote or comment waits, too.
    work.require_row(_LOCK_POST, "post", post_id, id=post_id)
    if not is_team(work.actor) and has_responses(work, post_id, author_id=work.actor.user_id):
        raise Conflict("post.has_responses")
    return post_deletions.delete_posts(work, [post_id])


def has_responses(work: UnitOfWork, post_id: int, *, author_id: int | None) -> bool:
    """Whether anybody but the author has voted for the post or commented on it."""
    return bool(work.fetch_value(_HAS_RESPONSES, post=post_id, user=author_id))


def _author_id(work: UnitOfWork, author: int | str | Unset | None, before: int | None) -> int | None:
    if author is UNSET:
        return before
    if author is None:
        return None
    if isinstance(author, str):
        return int(work.require_row(_USER_BY_UUID, "user", author, user=author)["id"])
    work.require_exists(User, author)
    return author


def _section_id(work: UnitOfWork, section_id: int | Unset | None, before: int | None) -> int | None:
    if section_id is UNSET:
        return before
    if section_id is None:
        return None
    return section_id if work.exists(Section, section_id) else before


def _category_ids(work: UnitOfWork, post_id: int) -> set[int]:
    return {row[0] for row in work.fetch_all(_POST_CATEGORIES, post=post_id)}


def _replace_categories(work: UnitOfWork, before: set[int], category_ids: Sequence[int] | Unset) -> set[int]:
    """The categories of a post after the update."""
    if category_ids is UNSET:
        return before
    known = {row[0] for row in work.fetch_all(_CATEGORIES, ids=list(category_ids))} if category_ids else set()
    return before if category_ids and not known else known


def _move_author_count(work: UnitOfWork, before: int | None, after: int | None) -> None:
    """Subtract the post from one author and add it to another, in the order of ids to avoid deadlocks."""
    if before == after:
        return
    steps = [(user_id, step) for user_id, step in ((before, -1), (after, +1)) if user_id is not None]
    for user_id, step in sorted(steps):
        work.execute(COUNT_AUTHOR, id=user_id, step=step)


_SET_POSITION: Final = Statement(update(Post).where(row_in_portal(Post, "post")).values(position=bindparam("position")))


def set_position(work: UnitOfWork, post_id: int, position: int | None) -> None:
    """Set the position of a post, by which lists may be ordered; None moves it after all posts that have one.

    `updated_at` stays. Raises Forbidden, NotFound("post"), ValidationFailed for a position out of range.
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    if position is not None and not 0 <= position < UNPOSITIONED:
        raise ValidationFailed([FieldError("position", "invalid")])
    if not work.execute(_SET_POSITION, post=post_id, position=UNPOSITIONED if position is None else position):
        raise NotFound("post", post_id)
