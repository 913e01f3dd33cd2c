"""Rules about posts that stand: edit, move to another board, change the status, delete. `posts` puts them up."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy import delete as sql_delete

from app.domain.counters import post_counters
from app.domain.errors import Invalid, NotFound, Problem
from app.domain.events import Fact
from app.domain.models import Board, Category, Post, PostCategory, Section, Status, StatusChange, User
from app.domain.models.posts import UNPLACED
from app.domain.permissions import Act
from app.domain.posts import delete as post_deletions
from app.domain.posts.create import shortened
from app.domain.search.index import AWAIT
from app.domain.sql.statement import Statement, among, now, portal
from app.domain.unit_of_work import Row, Work
from app.domain.unset import KEEP, Kept

__all__ = ["KEEP", "Changes", "change_status", "delete", "edit", "ensure", "move"]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different. Author: a number is an id, a text a UUID, None nobody (an anonymous post).

    Categories replace all that the post carries. A section that does not exist here counts as not given, and so do
    categories when none of them exists.
    """

    title: str | Kept = KEEP
    description: str | Kept | None = KEEP
    author: int | str | Kept | None = KEEP
    category_ids: Sequence[int] | Kept = KEEP
    section_id: int | Kept | None = KEEP


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
_POST = select(*_COLUMNS).where(Post.portal_id == portal, Post.id == bindparam("id"))
_EXISTS: Final = Statement(select(Post.id).where(Post.portal_id == portal, Post.id == bindparam("id")))
# Two who change one post take turns; votes and comments, which only point to it, don't wait for a change.
_TO_CHANGE: Final = Statement(_POST.with_for_update(key_share=True))
_SEIZE: Final = Statement(select(Post.id).where(Post.portal_id == portal, Post.id == bindparam("id")).with_for_update())

_USER_BY_ID: Final = Statement(select(User.id).where(User.portal_id == portal, User.id == bindparam("user")))
_USER_BY_UUID: Final = Statement(
    select(User.id)
    .where(User.portal_id == portal, User.uuid == bindparam("user"), User.deleted_at.is_(None))
    # A deletion that is under way is waited for, and then the user is gone.
    .with_for_update(read=True, key_share=True)
)
_BOARD: Final = Statement(select(Board.id).where(Board.portal_id == portal, Board.id == bindparam("id")))
_STATUS: Final = Statement(select(Status.id).where(Status.portal_id == portal, Status.id == bindparam("id")))
_SECTION: Final = Statement(select(Section.id).where(Section.portal_id == portal, Section.id == bindparam("id")))
_CATEGORIES: Final = Statement(
    select(Category.id).where(Category.portal_id == portal, among(Category.id, "ids")).order_by(Category.id)
)
_CARRIED: Final = Statement(
    select(PostCategory.category_id)
    .join(Post, Post.id == PostCategory.post_id)
    .where(Post.portal_id == portal, PostCategory.post_id == bindparam("post"))
    .order_by(PostCategory.category_id)
    # Whoever is taking a category away has finished, or waits with forgetting its numbers until we have.
    .with_for_update(of=PostCategory)
)

_this = (Post.portal_id == portal, Post.id == bindparam("post"))
_EDIT: Final = Statement(
    update(Post)
    .where(*_this)
    .values(
        title=bindparam("title"),
        description=bindparam("description"),
        description_short=bindparam("short"),
        user_id=bindparam("user"),
        section_id=bindparam("section"),
        updated_at=now,
    )
)
_MOVE: Final = Statement(update(Post).where(*_this).values(board_id=bindparam("board"), updated_at=now))
_CHANGE_STATUS: Final = Statement(
    update(Post).where(*_this).values(status_id=bindparam("status"), status_changed_at=now, updated_at=now)
)
_CARRY: Final = Statement(
    insert(PostCategory).from_select(
        ["post_id", "category_id"],
        select(bindparam("post", type_=Post.id.type), Category.id).where(
            Category.portal_id == portal, among(Category.id, "categories")
        ),
    )
)
_DROP: Final = Statement(
    sql_delete(PostCategory).where(
        PostCategory.post_id == bindparam("post"),
        PostCategory.category_id.in_(
            select(Category.id).where(Category.portal_id == portal, among(Category.id, "categories"))
        ),
    )
)
_HISTORY: Final = Statement(
    insert(StatusChange)
    .values(
        portal_id=portal,
        post_id=bindparam("post"),
        user_id=bindparam("user"),
        actor_id=bindparam("actor"),
        status_id=bindparam("status"),
        created_at=now,
    )
    .inline()
)
_COUNT_AUTHOR: Final = Statement(
    update(User)
    .where(User.portal_id == portal, User.id == bindparam("user"))
    .values(posts_count=User.posts_count + bindparam("step"))
)


def ensure(work: Work, post_id: int) -> None:
    """Raise NotFound("post") unless the post is there; for doors that say so before they judge anything else."""
    if work.value(_EXISTS, id=post_id) is None:
        raise NotFound("post", post_id)


def edit(work: Work, post_id: int, changes: Changes) -> bool:
    """Change what is given and differs; whether anything did. When nothing does, `updated_at` stays, too.

    The slug stays as it is. Raises Forbidden, NotFound("post"), NotFound("user").
    """
    work.require(Act.WRITE_POST)
    post = _locked(work, _TO_CHANGE, post_id)
    old = {name: post[name] for name in ("title", "description", "user_id", "section_id")}
    new: dict[str, Any] = {
        "title": old["title"] if changes.title is KEEP else changes.title,
        "description": old["description"] if changes.description is KEEP else changes.description,
        "user_id": _author(work, changes.author, old["user_id"]),
        "section_id": _section(work, changes.section_id, old["section_id"]),
    }
    carried = _carried(work, post_id)
    wanted = _categories(work, carried, changes.category_ids)
    if new == old and carried == wanted:
        return False

    work.run(
        _EDIT,
        post=post_id,
        title=new["title"],
        description=new["description"],
        short=shortened(new["description"]),
        user=new["user_id"],
        section=new["section_id"],
    )
    if new["title"] != old["title"]:
        work.run(AWAIT, post=post_id)
    _recount(work, old["user_id"], new["user_id"])
    if carried != wanted:
        work.run(_DROP, post=post_id, categories=sorted(carried - wanted))
        work.run(_CARRY, post=post_id, categories=sorted(wanted - carried))
        # One of them may have gone meanwhile.
        wanted = _carried(work, post_id)
    before, after = _places(post, carried), _places(post, wanted, section_id=new["section_id"])
    post_counters.change(work, post_id, before=before, after=after)
    return True


def move(work: Work, post_id: int, board_id: int) -> bool:
    """Put the post on another board; whether it stood elsewhere. Raises Forbidden, NotFound("post" or "board")."""
    work.require(Act.WRITE_POST)
    post = _locked(work, _TO_CHANGE, post_id)
    if work.value(_BOARD, id=board_id) is None:
        raise NotFound("board", board_id)
    if post["board_id"] == board_id:
        return False
    work.run(_MOVE, post=post_id, board=board_id)
    post_counters.change(work, post_id, before=_places(post), after=_places(post, board_id=board_id))
    return True


def change_status(work: Work, post_id: int, status_id: int | None, *, user_id: int | None) -> bool:
    """Give the post another status, or none, in a user's name; whether it had another before.

    Only a real change is remembered in the history and announced as post.status_changed. Raises Forbidden,
    NotFound("post" or "status").
    """
    work.require(Act.MODERATE)
    post = _locked(work, _TO_CHANGE, post_id)
    if status_id is not None and work.value(_STATUS, id=status_id) is None:
        raise NotFound("status", status_id)
    before = post["status_id"]
    if before == status_id:
        return False
    carried = _carried(work, post_id)
    work.run(_CHANGE_STATUS, post=post_id, status=status_id)
    work.run(_HISTORY, post=post_id, status=status_id, user=user_id, actor=work.actor.user_id)
    post_counters.change(
        work, post_id, before=_places(post, carried), after=_places(post, carried, status_id=status_id)
    )
    told = {"old_status_id": before, "new_status_id": status_id}
    work.announce(Fact("post.status_changed", post_id=post_id, subject_id=status_id, user_id=user_id, body=told))
    return True


def delete(work: Work, post_id: int) -> list[str]:
    """Take the post away with its votes, follows, history, and comments with all their replies, wherever these hang.

    The names of its stored files, to be removed once this is committed. Raises Forbidden, NotFound("post").
    Announces post.deleted with what can't be looked up any more.
    """
    work.require(Act.WRITE_POST)
    # Of two who delete it at once, the second waits here and finds it gone.
    if work.value(_SEIZE, id=post_id) is None:
        raise NotFound("post", post_id)
    return post_deletions.delete(work, [post_id])


def _locked(work: Work, statement: Statement, post_id: int) -> dict[str, Any]:
    row: Row | None = work.one(statement, id=post_id)
    if row is None:
        raise NotFound("post", post_id)
    return dict(zip((column.key for column in _COLUMNS), row, strict=True))


def _author(work: Work, wanted: int | str | Kept | None, before: int | None) -> int | None:
    if wanted is KEEP:
        return before
    if wanted is None:
        return None
    found: int | None = work.value(_USER_BY_UUID if isinstance(wanted, str) else _USER_BY_ID, user=wanted)
    if found is None:
        raise NotFound("user", wanted)
    return found


def _section(work: Work, wanted: int | Kept | None, before: int | None) -> int | None:
    if wanted is KEEP:
        return before
    if wanted is None:
        return None
    found: int | None = work.value(_SECTION, id=wanted)
    return before if found is None else found


def _carried(work: Work, post_id: int) -> set[int]:
    return {row[0] for row in work.rows(_CARRIED, post=post_id)}


def _categories(work: Work, carried: set[int], wanted: Sequence[int] | Kept) -> set[int]:
    """What a post that carries these is to carry."""
    if wanted is KEEP:
        return carried
    known = {row[0] for row in work.rows(_CATEGORIES, ids=list(wanted))} if wanted else set()
    return carried if wanted and not known else known


def _recount(work: Work, before: int | None, after: int | None) -> None:
    """One post less for one author, one more for another; always in the order of ids, so that none deadlock."""
    if before == after:
        return
    steps = [(user_id, step) for user_id, step in ((before, -1), (after, +1)) if user_id is not None]
    for user_id, step in sorted(steps):
        work.run(_COUNT_AUTHOR, user=user_id, step=step)


def _places(post: Mapping[str, Any], carried: Collection[int] = (), **changed: int | None) -> set[post_counters.Place]:
    """Where the post counts, or will when this has changed."""
    belongs = {name: post[name] for name in ("board_id", "status_id", "section_id")}
    return post_counters.places_of(**(belongs | changed), category_ids=carried)


_PLACE: Final = Statement(
    update(Post).where(Post.portal_id == portal, Post.id == bindparam("post")).values(position=bindparam("position"))
)


def place(work: Work, post_id: int, position: int | None) -> None:
    """Put a post in a place, smaller ones first; None puts it behind all that have one.

    Its `updated_at` stays. Raises Forbidden, NotFound("post"), Invalid for a place below 0 or beyond all.
    """
    work.require(Act.MANAGE_CATALOGUE)
    if position is not None and not 0 <= position < UNPLACED:
        raise Invalid([Problem("position", "invalid")])
    if not work.run(_PLACE, post=post_id, position=UNPLACED if position is None else position):
        raise NotFound("post", post_id)
