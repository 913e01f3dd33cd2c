"""Rules about posts: submit, edit, move, change status, delete. How posts are read is in `post_views`."""

import html
import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, update

from app.domain import at_once, codes, slugs, tallies
from app.domain.facts import Fact
from app.domain.model import Board, Category, Follow, Post, PostCategory, Section, Status, User
from app.domain.policy import Act
from app.domain.refusals import Invalid, NotFound, Problem
from app.domain.statements import POSTGRESQL, Statement, now, portal, upsert
from app.domain.title_index import AWAIT
from app.domain.work import Work

_TAG: Final = re.compile(r"<[^>]*>")
SHORT: Final = 160


def shortened(description: str | None) -> str:
    """The lead of a description: tags off, blanks squeezed, the first 160 code points."""
    if not description:
        return ""
    # Nothing past the first few kilobytes can reach the lead unless it is all markup.
    plain = _TAG.sub(" ", description[:8192]) if "<" in description else description[:1024]
    if "&" in plain:
        plain = html.unescape(plain)
    return " ".join(plain.split())[:SHORT].rstrip()


@dataclass(frozen=True, slots=True)
class Submission:
    """A wish to submit a post.

    Author: a number is an id, a text a UUID. Board: the portal's default board when None. Status, section and
    category that don't exist here count as not given.
    """

    title: str
    description: str | None
    author: int | str
    board_id: int | None = None
    status_id: int | None = None
    default_status: bool = False
    """Whether a post without a (known) status gets the portal's default one."""
    section_id: int | None = None
    category_id: int | None = None
    follow: bool = False
    moderation: str = "approved"


_BOARD_BY_ID: Final = Statement(select(Board.id).where(Board.portal_id == portal, Board.id == bindparam("id")))
_DEFAULT_BOARD: Final = Statement(select(Board.id).where(Board.portal_id == portal, Board.is_default))
_USER_BY_ID: Final = Statement(select(User.id).where(User.portal_id == portal, User.id == bindparam("user")))
_USER_BY_UUID: Final = Statement(
    select(User.id).where(User.portal_id == portal, User.uuid == bindparam("user"), User.deleted_at.is_(None))
)
_STATUS_BY_ID: Final = Statement(select(Status.id).where(Status.portal_id == portal, Status.id == bindparam("id")))
_DEFAULT_STATUS: Final = Statement(select(Status.id).where(Status.portal_id == portal, Status.is_default))
_SECTION_BY_ID: Final = Statement(select(Section.id).where(Section.portal_id == portal, Section.id == bindparam("id")))
_CATEGORY_BY_ID: Final = Statement(
    select(Category.id).where(Category.portal_id == portal, Category.id == bindparam("id"))
)

_INSERT: Final = Statement(
    upsert(Post)
    .values(
        portal_id=portal,
        code=bindparam("code"),
        slug=bindparam("slug"),
        board_id=bindparam("board"),
        user_id=bindparam("user"),
        status_id=bindparam("status"),
        section_id=bindparam("section"),
        title=bindparam("title"),
        description=bindparam("description"),
        description_short=bindparam("short"),
        moderation=bindparam("moderation"),
        status_changed_at=now,
        created_at=now,
        updated_at=now,
    )
    .on_conflict_do_nothing()
    .returning(Post.id)
)
_CARRY: Final = Statement(
    upsert(PostCategory)
    .from_select(
        ["post_id", "category_id"],
        select(bindparam("post", type_=Post.id.type), Category.id).where(
            Category.portal_id == portal, Category.id == bindparam("category")
        ),
    )
    .on_conflict_do_nothing()
)
_COUNT_AUTHOR: Final = Statement(
    update(User)
    .where(User.portal_id == portal, User.id == bindparam("user"))
    .values(posts_count=User.posts_count + bindparam("step"))
)
_FOLLOW: Final = Statement(
    upsert(Follow)
    .values(portal_id=portal, post_id=bindparam("post"), user_id=bindparam("user"), created_at=now)
    .on_conflict_do_nothing()
)


def submit(work: Work, wish: Submission) -> int:
    """Put a new post up; its id.

    Raises Invalid (board mandatory), NotFound("user"). Announces post.submitted.
    """
    work.require(Act.WRITE_POST)
    if work.engine == POSTGRESQL:
        return _submit_at_once(work, wish)
    author_id = work.value(_USER_BY_UUID if isinstance(wish.author, str) else _USER_BY_ID, user=wish.author)
    if author_id is None:
        raise NotFound("user", wish.author)
    board_id = _board(work, wish.board_id)
    status_id = None if wish.status_id is None else work.value(_STATUS_BY_ID, id=wish.status_id)
    if status_id is None and wish.default_status:
        status_id = work.value(_DEFAULT_STATUS)
    section_id = None if wish.section_id is None else work.value(_SECTION_BY_ID, id=wish.section_id)
    category_id = None if wish.category_id is None else work.value(_CATEGORY_BY_ID, id=wish.category_id)

    values = {
        "board": board_id,
        "user": author_id,
        "status": status_id,
        "section": section_id,
        "title": wish.title,
        "description": wish.description,
        "short": shortened(wish.description),
        "moderation": wish.moderation,
    }
    wanted = slugs.parameterize(wish.title)
    post_id = work.value(_INSERT, code=codes.post_code(), slug=slugs.free_slug(wanted, taken=False), **values)
    while post_id is None:
        # The slug is taken, or, once in ten thousand portals, the code.
        post_id = work.value(_INSERT, code=codes.post_code(), slug=slugs.free_slug(wanted, taken=True), **values)

    carried = [category_id] if category_id is not None else []
    for carried_id in carried:
        work.run(_CARRY, post=post_id, category=carried_id)
    work.run(_COUNT_AUTHOR, user=author_id, step=1)
    if wish.follow:
        work.run(_FOLLOW, post=post_id, user=author_id)
    tallies.count(
        work, post_id, +1, board_id=board_id, status_id=status_id, section_id=section_id, category_ids=carried
    )
    work.run(AWAIT, post=post_id)
    work.announce(Fact("post.submitted", post_id=post_id, user_id=author_id))
    return int(post_id)


def _submit_at_once(work: Work, wish: Submission) -> int:
    wanted = slugs.parameterize(wish.title)
    taken = False
    while True:
        outcome = work.one(
            at_once.SUBMIT[isinstance(wish.author, str)],
            user=wish.author,
            board=wish.board_id,
            status=wish.status_id,
            default_status=wish.default_status,
            section=wish.section_id,
            category=wish.category_id,
            title=wish.title,
            description=wish.description,
            short=shortened(wish.description),
            moderation=wish.moderation,
            follow=wish.follow,
            code=codes.post_code(),
            slug=slugs.free_slug(wanted, taken=taken),
            actor=work.actor.user_id,
            base_url=work.base_url,
        )
        assert outcome is not None
        author_id, board_id, post_id = outcome
        if author_id is None:
            raise NotFound("user", wish.author)
        if board_id is None:
            raise Invalid([Problem("board", "mandatory")])
        if post_id is not None:
            return int(post_id)
        taken = True


def _board(work: Work, board_id: int | None) -> int:
    found = work.value(_DEFAULT_BOARD) if board_id is None else work.value(_BOARD_BY_ID, id=board_id)
    if found is None:
        raise Invalid([Problem("board", "mandatory")])
    return int(found)


def board_exists(work: Work, board_id: int) -> bool:
    """Whether the portal has this board."""
    return work.value(_BOARD_BY_ID, id=board_id) is not None
