"""Rules about posts that stand: edit, move to another board, change the status, delete. `posts` puts them up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters import post_counters
from app.domain.errors import FieldError, NotFound, ValidationFailed
from app.domain.events import Event
from app.domain.models import Category, Post, PostCategory, Section, Status, StatusChange, User
from app.domain.models.posts import UNPOSITIONED
from app.domain.permissions import Permission
from app.domain.posts import delete as post_deletions
from app.domain.posts.create import COUNT_AUTHOR, board_exists, make_excerpt
from app.domain.search.index import ENQUEUE_TITLE
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset

__all__ = ["UNSET", "PostUpdate", "change_status", "delete", "move_to_board", "require_exists", "update_post"]


@dataclass(frozen=True, slots=True)
class PostUpdate:
    """What is to be different. Author: a number is an id, a text a UUID, None nobody (an anonymous post).

    Categories replace all that the post carries. A section that does not exist here counts as not given, and so do
    categories when none of them exists.
    """

    title: str | Unset = UNSET
    description: str | Unset | None = UNSET
    author: int | str | Unset | None = UNSET
    category_ids: Sequence[int] | Unset = UNSET
    section_id: int | Unset | None = UNSET


_COLUMNS = (
    Post.title,
    Post.description,
    Post.user_id,
    Post.board_id,
    Post.status_id,
    Post.section_id,
    Post.code,
    Post.slug,
    Post.created_at,
)
_POST = select(*_COLUMNS).where(Post.portal_id == PORTAL_ID, Post.id == bindparam("id"))
_EXISTS: Final = Statement(select(Post.id).where(Post.portal_id == PORTAL_ID, Post.id == bindparam("id")))
# Two who change one post take turns; votes and comments, which only point to it, don't wait for a change.
_TO_CHANGE: Final = Statement(_POST.with_for_update(key_share=True))
_LOCK_POST: Final = Statement(
    select(Post.id).where(Post.portal_id == PORTAL_ID, Post.id == bindparam("id")).with_for_update()
)

_USER_BY_ID: Final = Statement(select(User.id).where(User.portal_id == PORTAL_ID, User.id == bindparam("user")))
_USER_BY_UUID: Final = Statement(
    select(User.id)
    .where(User.portal_id == PORTAL_ID, User.uuid == bindparam("user"), User.deleted_at.is_(None))
    # A deletion that is under way is waited for, and then the user is gone.
    .with_for_update(read=True, key_share=True)
)
_STATUS: Final = Statement(select(Status.id).where(Status.portal_id == PORTAL_ID, Status.id == bindparam("id")))
_SECTION: Final = Statement(select(Section.id).where(Section.portal_id == PORTAL_ID, Section.id == bindparam("id")))
_CATEGORIES: Final = Statement(
    select(Category.id).where(Category.portal_id == PORTAL_ID, in_list(Category.id, "ids")).order_by(Category.id)
)
_POST_CATEGORIES: Final = Statement(
    select(PostCategory.category_id)
    .join(Post, Post.id == PostCategory.post_id)
    .where(Post.portal_id == PORTAL_ID, PostCategory.post_id == bindparam("post"))
    .order_by(PostCategory.category_id)
    # Whoever is taking a category away has finished, or waits with forgetting its numbers until we have.
    .with_for_update(of=PostCategory)
)

_this = (Post.portal_id == PORTAL_ID, Post.id == bindparam("post"))
_EDIT: Final = Statement(
    update(Post)
    .where(*_this)
    .values(
        title=bindparam("title"),
        description=bindparam("description"),
        description_short=bindparam("short"),
        user_id=bindparam("user"),
        section_id=bindparam("section"),
        updated_at=NOW,
    )
)
_SET_BOARD: Final = Statement(update(Post).where(*_this).values(board_id=bindparam("board"), updated_at=NOW))
_CHANGE_STATUS: Final = Statement(
    update(Post).where(*_this).values(status_id=bindparam("status"), status_changed_at=NOW, updated_at=NOW)
)
_ADD_CATEGORY: Final = Statement(
    insert(PostCategory).from_select(
        ["post_id", "category_id"],
        select(bindparam("post", type_=Post.id.type), Category.id).where(
            Category.portal_id == PORTAL_ID, in_list(Category.id, "categories")
        ),
    )
)
_REMOVE_CATEGORY: Final = Statement(
    sql_delete(PostCategory).where(
        PostCategory.post_id == bindparam("post"),
        PostCategory.category_id.in_(
            select(Category.id).where(Category.portal_id == PORTAL_ID, in_list(Category.id, "categories"))
        ),
    )
)
_HISTORY: Final = Statement(
    insert(StatusChange)
    .values(
        portal_id=PORTAL_ID,
        post_id=bindparam("post"),
        user_id=bindparam("user"),
        actor_id=bindparam("actor"),
        status_id=bindparam("status"),
        created_at=NOW,
    )
    .inline()
)


def require_exists(work: UnitOfWork, post_id: int) -> None:
    """Raise NotFound("post") unless the post is there; for doors that say so before they judge anything else."""
    if work.fetch_value(_EXISTS, id=post_id) is None:
        raise NotFound("post", post_id)


def update_post(work: UnitOfWork, post_id: int, update: PostUpdate) -> bool:
    """Change what is given and differs; whether anything did. When nothing does, `updated_at` stays, too.

    The slug stays as it is. Raises Forbidden, NotFound("post"), NotFound("user").
    """
    work.authorize(Permission.WRITE_POST)
    post = _lock(work, _TO_CHANGE, post_id)
    old = {name: post[name] for name in ("title", "description", "user_id", "section_id")}
    new: dict[str, Any] = {
        "title": old["title"] if update.title is UNSET else update.title,
        "description": old["description"] if update.description is UNSET else update.description,
        "user_id": _author(work, update.author, old["user_id"]),
        "section_id": _section(work, update.section_id, old["section_id"]),
    }
    carried = _category_ids(work, post_id)
    wanted = _replace_categories(work, carried, update.category_ids)
    if new == old and carried == wanted:
        return False

    work.execute(
        _EDIT,
        post=post_id,
        title=new["title"],
        description=new["description"],
        short=make_excerpt(new["description"]),
        user=new["user_id"],
        section=new["section_id"],
    )
    if new["title"] != old["title"]:
        work.execute(ENQUEUE_TITLE, post=post_id)
    _move_counts(work, old["user_id"], new["user_id"])
    if carried != wanted:
        work.execute(_REMOVE_CATEGORY, post=post_id, categories=sorted(carried - wanted))
        work.execute(_ADD_CATEGORY, post=post_id, categories=sorted(wanted - carried))
        # One of them may have gone meanwhile.
        wanted = _category_ids(work, post_id)
    before, after = _counter_keys(post, carried), _counter_keys(post, wanted, section_id=new["section_id"])
    post_counters.move_counts(work, post_id, before=before, after=after)
    return True


def move_to_board(work: UnitOfWork, post_id: int, board_id: int) -> bool:
    """Put the post on another board; whether it stood elsewhere. Raises Forbidden, NotFound("post" or "board")."""
    work.authorize(Permission.WRITE_POST)
    post = _lock(work, _TO_CHANGE, post_id)
    if not board_exists(work, board_id):
        raise NotFound("board", board_id)
    if post["board_id"] == board_id:
        return False
    work.execute(_SET_BOARD, post=post_id, board=board_id)
    post_counters.move_counts(work, post_id, before=_counter_keys(post), after=_counter_keys(post, board_id=board_id))
    return True


def change_status(work: UnitOfWork, post_id: int, status_id: int | None, *, user_id: int | None) -> bool:
    """Give the post another status, or none, in a user's name; whether it had another before.

    Only a real change is remembered in the history and announced as post.status_changed. Raises Forbidden,
    NotFound("post" or "status").
    """
    work.authorize(Permission.MODERATE)
    post = _lock(work, _TO_CHANGE, post_id)
    if status_id is not None and work.fetch_value(_STATUS, id=status_id) is None:
        raise NotFound("status", status_id)
    before = post["status_id"]
    if before == status_id:
        return False
    carried = _category_ids(work, post_id)
    work.execute(_CHANGE_STATUS, post=post_id, status=status_id)
    work.execute(_HISTORY, post=post_id, status=status_id, user=user_id, actor=work.actor.user_id)
    post_counters.move_counts(
        work, post_id, before=_counter_keys(post, carried), after=_counter_keys(post, carried, status_id=status_id)
    )
    told = {"old_status_id": before, "new_status_id": status_id}
    work.record(Event("post.status_changed", post_id=post_id, subject_id=status_id, user_id=user_id, body=told))
    return True


def delete(work: UnitOfWork, post_id: int) -> list[str]:
    """Take the post away with its votes, follows, history, and comments with all their replies, wherever these hang.

    The names of its stored files, to be removed once this is committed. Raises Forbidden, NotFound("post").
    Announces post.deleted with what can't be looked up any more.
    """
    work.authorize(Permission.WRITE_POST)
    # Of two who delete it at once, the second waits here and finds it gone.
    if work.fetch_value(_LOCK_POST, id=post_id) is None:
        raise NotFound("post", post_id)
    return post_deletions.delete_posts(work, [post_id])


def _lock(work: UnitOfWork, statement: Statement, post_id: int) -> dict[str, Any]:
    row: Row | None = work.fetch_one(statement, id=post_id)
    if row is None:
        raise NotFound("post", post_id)
    return dict(zip((column.key for column in _COLUMNS), row, strict=True))


def _author(work: UnitOfWork, wanted: int | str | Unset | None, before: int | None) -> int | None:
    if wanted is UNSET:
        return before
    if wanted is None:
        return None
    found: int | None = work.fetch_value(_USER_BY_UUID if isinstance(wanted, str) else _USER_BY_ID, user=wanted)
    if found is None:
        raise NotFound("user", wanted)
    return found


def _section(work: UnitOfWork, wanted: int | Unset | None, before: int | None) -> int | None:
    if wanted is UNSET:
        return before
    if wanted is None:
        return None
    found: int | None = work.fetch_value(_SECTION, id=wanted)
    return before if found is None else found


def _category_ids(work: UnitOfWork, post_id: int) -> set[int]:
    return {row[0] for row in work.fetch_all(_POST_CATEGORIES, post=post_id)}


def _replace_categories(work: UnitOfWork, carried: set[int], wanted: Sequence[int] | Unset) -> set[int]:
    """What a post that carries these is to carry."""
    if wanted is UNSET:
        return carried
    known = {row[0] for row in work.fetch_all(_CATEGORIES, ids=list(wanted))} if wanted else set()
    return carried if wanted and not known else known


def _move_counts(work: UnitOfWork, before: int | None, after: int | None) -> None:
    """One post less for one author, one more for another; always in the order of ids, so that none deadlock."""
    if before == after:
        return
    steps = [(user_id, step) for user_id, step in ((before, -1), (after, +1)) if user_id is not None]
    for user_id, step in sorted(steps):
        work.execute(COUNT_AUTHOR, user=user_id, step=step)


def _counter_keys(
    post: Mapping[str, Any], carried: Collection[int] = (), **changed: int | None
) -> set[post_counters.CounterKey]:
    """Where the post counts, or will when this has changed."""
    belongs = {name: post[name] for name in ("board_id", "status_id", "section_id")}
    return post_counters.counter_keys(**(belongs | changed), category_ids=carried)


_PLACE: Final = Statement(
    update(Post).where(Post.portal_id == PORTAL_ID, Post.id == bindparam("post")).values(position=bindparam("position"))
)


def set_position(work: UnitOfWork, post_id: int, position: int | None) -> None:
    """Put a post in a place, smaller ones first; None puts it behind all that have one.

    Its `updated_at` stays. Raises Forbidden, NotFound("post"), Invalid for a place below 0 or beyond all.
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    if position is not None and not 0 <= position < UNPOSITIONED:
        raise ValidationFailed([FieldError("position", "invalid")])
    if not work.execute(_PLACE, post=post_id, position=UNPOSITIONED if position is None else position):
        raise NotFound("post", post_id)
