"""Rules about posts: submit, edit, move, change status, delete. How posts are read is in `post_views`."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from app.domain import identifiers
from app.domain.counters import post_counters
from app.domain.errors import FieldError, NotFound, ValidationFailed
from app.domain.events import Event
from app.domain.models import Board, Category, Post, PostCategory, User
from app.domain.permissions import Permission
from app.domain.posts import moderation, single_statement
from app.domain.posts.follows import INSERT_FOLLOW
from app.domain.search.index import ENQUEUE_TITLE
from app.domain.sql.statement import NOW, PORTAL_ID, POSTGRESQL, Statement, upsert
from app.domain.unit_of_work import Row, UnitOfWork

_TAG: Final = re.compile(r"<[^>]*>")
EXCERPT_LENGTH: Final = 160


def make_excerpt(description: str | None) -> str:
    """The lead of a description: tags off, blanks squeezed, the first 160 code points."""
    if not description:
        return ""
    # Nothing past the first few kilobytes can reach the lead unless it is all markup.
    plain = _TAG.sub(" ", description[:8192]) if "<" in description else description[:1024]
    if "&" in plain:
        plain = html.unescape(plain)
    return " ".join(plain.split())[:EXCERPT_LENGTH].rstrip()


@dataclass(frozen=True, slots=True)
class NewPost:
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
    deleted_author: bool = True
    """Whether an author who is named by his id may be a deleted one."""
    moderation: str | None = "approved"
    """The state that the post begins with; None leaves it to the portal's policy."""


@dataclass(frozen=True, slots=True)
class CreatedPost:
    """A post just submitted, with all that was chosen for it or found on the way."""

    id: int
    code: str
    slug: str
    excerpt: str
    section_id: int | None
    author: Row
    """As `at_once.VOTER` lists him, before the post was counted."""
    status: Row
    """Id, name, color and the name of its tab; all None when it has none."""
    category: Row
    """Id, name and color; all None when it carries none."""
    moderation: str


_ROLE: Final = 5 + single_statement.USER_SUMMARY_COLUMNS.index(User.role)
"""Where the author's role stands in a row of `at_once.WANTED`."""

_BOARD_BY_ID: Final = Statement(select(Board.id).where(Board.portal_id == PORTAL_ID, Board.id == bindparam("id")))

_INSERT: Final = Statement(
    upsert(Post)
    .values(
        portal_id=PORTAL_ID,
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
        status_changed_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    .on_conflict_do_nothing()
    .returning(Post.id)
)
_ADD_CATEGORY: Final = Statement(
    upsert(PostCategory)
    .from_select(
        ["post_id", "category_id"],
        select(bindparam("post", type_=Post.id.type), Category.id).where(
            Category.portal_id == PORTAL_ID, Category.id == bindparam("category")
        ),
    )
    .on_conflict_do_nothing()
)
COUNT_AUTHOR: Final = Statement(
    update(User)
    .where(User.portal_id == PORTAL_ID, User.id == bindparam("user"))
    .values(posts_count=User.posts_count + bindparam("step"))
)


def create_post(work: UnitOfWork, new_post: NewPost) -> CreatedPost:
    """Put a new post up.

    Raises Invalid (board mandatory), NotFound("user"). Announces post.submitted.
    """
    work.authorize(Permission.WRITE_POST)
    put_up = _insert_post_at_once if work.engine == POSTGRESQL else _insert_post
    wanted_slug, short = identifiers.slugify(new_post.title), make_excerpt(new_post.description)
    taken = False
    while True:
        # Tried again when the slug is taken or, once in ten thousand portals, the code.
        code, slug = identifiers.post_code(), identifiers.unique_slug(wanted_slug, taken=taken)
        post_id, found = put_up(work, new_post, {"code": code, "slug": slug, "short": short})
        if found[0] is None:
            raise NotFound("user", new_post.author)
        if found[1] is None:
            raise ValidationFailed([FieldError("board", "mandatory")])
        if post_id is not None:
            status_id, section_id, category_id, *author = found[2:13]
            status_name, color, tab_name, category_name, category_color, _ = found[13:]
            return CreatedPost(
                id=int(post_id),
                code=code,
                slug=slug,
                excerpt=short,
                section_id=section_id,
                author=author,
                status=(status_id, status_name, color, tab_name),
                category=(category_id, category_name, category_color),
                moderation=_initial_state(new_post, found),
            )
        taken = True


def _reference_params(new_post: NewPost) -> dict[str, Any]:
    """What `at_once.WANTED` looks for."""
    return {
        "user": new_post.author,
        "board": new_post.board_id,
        "status": new_post.status_id,
        "default_status": new_post.default_status,
        "section": new_post.section_id,
        "category": new_post.category_id,
        "deleted_author": new_post.deleted_author,
    }


def _initial_state(new_post: NewPost, found: Sequence[Any]) -> str:
    """The state of the post, after a row of `at_once.WANTED`."""
    return moderation.initial_state(new_post.moderation, policy=found[-1], author_role=found[_ROLE])


def _insert_post(work: UnitOfWork, wish: NewPost, named: Mapping[str, str]) -> tuple[int | None, Sequence[Any]]:
    """The post's id, None when its code or slug is taken; and what it points to, as `at_once.WANTED` lists it."""
    found = work.fetch_one(
        single_statement.RESOLVE_POST_REFERENCES[isinstance(wish.author, str)],
        **_reference_params(wish),
    )
    assert found is not None
    author_id, board_id, status_id, section_id, category_id = found[:5]
    if author_id is None or board_id is None:
        return None, found
    post_id: int | None = work.fetch_value(
        _INSERT,
        board=board_id,
        user=author_id,
        status=status_id,
        section=section_id,
        title=wish.title,
        description=wish.description,
        moderation=_initial_state(wish, found),
        **named,
    )
    if post_id is None:
        return None, found
    if category_id is not None:
        work.execute(_ADD_CATEGORY, post=post_id, category=category_id)
    work.execute(COUNT_AUTHOR, user=author_id, step=1)
    if wish.follow:
        work.execute(INSERT_FOLLOW, post=post_id, user=author_id)
    places = post_counters.counter_keys(
        board_id=board_id,
        status_id=status_id,
        section_id=section_id,
        category_ids=() if category_id is None else (category_id,),
    )
    post_counters.move_counts(work, post_id, after=places)
    work.execute(ENQUEUE_TITLE, post=post_id)
    work.record(Event("post.submitted", post_id=post_id, user_id=author_id))
    return post_id, found


def _insert_post_at_once(work: UnitOfWork, wish: NewPost, named: Mapping[str, str]) -> tuple[int | None, Sequence[Any]]:
    post_id, *found = single_statement.result_select(
        work,
        single_statement.INSERT_POST[isinstance(wish.author, str)],
        **_reference_params(wish),
        title=wish.title,
        description=wish.description,
        moderation=wish.moderation,
        follow=wish.follow,
        actor=work.actor.user_id,
        base_url=work.base_url,
        **named,
    )
    return post_id, found


def board_exists(work: UnitOfWork, board_id: int) -> bool:
    """Whether the portal has this board."""
    return work.fetch_value(_BOARD_BY_ID, id=board_id) is not None
