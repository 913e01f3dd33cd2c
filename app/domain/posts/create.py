"""Creating posts. On PostgreSQL a post is created by one statement, see `single_statement`."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select

from app.domain import identifiers
from app.domain.counters import post_counters
from app.domain.counters.row_counters import add_step
from app.domain.errors import FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.events import Event
from app.domain.models import Category, Post, PostCategory, User
from app.domain.permissions import Permission, is_allowed
from app.domain.posts import moderation, single_statement, tagging
from app.domain.posts.follows import INSERT_FOLLOW
from app.domain.sql.statement import NOW, PORTAL_ID, POSTGRESQL, Statement, in_list, insert_row, upsert
from app.domain.unit_of_work import UnitOfWork

_TAG: Final = re.compile(r"<[^>]*>")
EXCERPT_LENGTH: Final = 160


def make_excerpt(description: str | None) -> str:
    """Make the excerpt of a description: without tags, white space collapsed, the first 160 code points."""
    if not description:
        return ""
    # Text beyond the first kilobytes can't become part of the excerpt, unless what precedes it is markup alone.
    text = _TAG.sub(" ", description[:8192]) if "<" in description else description[:1024]
    if "&" in text:
        text = html.unescape(text)
    return " ".join(text.split())[:EXCERPT_LENGTH].rstrip()


@dataclass(frozen=True, slots=True)
class NewPost:
    """A post to create.

    `author` is an id or a UUID; None only for `insert`. Without `board_id` the post goes to the portal's default board.
    An unknown status, section, category or tag counts as not given.
    """

    title: str
    description: str | None
    author: int | str | None
    board_id: int | None = None
    status_id: int | None = None
    default_status: bool = False
    """Whether a post without a known status gets the portal's default status."""
    section_id: int | None = None
    category_id: int | None = None
    tag_ids: Sequence[int] = ()
    """On PostgreSQL, a post with tags takes a second statement, so its operation must run in a transaction."""
    follow: bool = False
    deleted_author: bool = True
    """Whether an author given by id may be a deleted user."""
    moderation: str | None = "approved"
    """The initial moderation state; None applies the portal's policy."""


@dataclass(frozen=True, slots=True)
class CreatedPost:
    """A new post, with the values that were generated or looked up for it."""

    id: int
    code: str
    slug: str
    excerpt: str
    section_id: int | None
    author_id: int | None
    """None for a post without author, which only `insert` returns."""
    author: Sequence[Any]
    """The USER_SUMMARY_COLUMNS of the author before the post was counted."""
    status: Sequence[Any]
    """Id, name, color and the name of the tab; all None without a status."""
    category: Sequence[Any]
    """Id, name and color; all None without a category."""
    moderation: str


_AUTHOR_ROLE: Final = 5 + single_statement.USER_SUMMARY_COLUMNS.index(User.role)
"""The index of the author's role in a row of RESOLVE_POST_REFERENCES."""

_INSERT: Final = Statement(
    insert_row(
        Post,
        "code",
        "slug",
        "board_id",
        "user_id",
        "status_id",
        "section_id",
        "title",
        "description",
        "description_short",
        "moderation",
    )
    .values(status_changed_at=NOW)
    .on_conflict_do_nothing()
    .returning(Post.id)
)
ADD_CATEGORIES: Final = Statement(
    upsert(PostCategory)
    .from_select(
        ["post_id", "category_id"],
        select(bindparam("post", type_=Post.id.type), Category.id).where(
            Category.portal_id == PORTAL_ID, in_list(Category.id, "categories")
        ),
    )
    .on_conflict_do_nothing()
)
COUNT_AUTHOR: Final = Statement(add_step(User.posts_count))


def create_post(work: UnitOfWork, new_post: NewPost) -> CreatedPost:
    """Create a post.

    Users below moderator create posts of their own, named by id, under the portal's policy, with the default status,
    and without section and tags. Raises Forbidden, ValidationFailed (board mandatory), NotFound("user"). Records
    post.submitted.
    """
    if not is_allowed(work.actor, Permission.WRITE_POST):
        _authorize_user(work, new_post)
    return insert(work, new_post)


def insert(work: UnitOfWork, new_post: NewPost) -> CreatedPost:
    """As `create_post`, also for a post without author. The caller checks the permission."""
    is_single = work.engine == POSTGRESQL and new_post.author is not None
    insert_post = _insert_in_single_statement if is_single else _insert_post
    base_slug, excerpt = identifiers.slugify(new_post.title), make_excerpt(new_post.description)
    is_taken = False
    while True:
        # Repeated if the slug is taken or, very rarely, the code.
        code, slug = identifiers.post_code(), identifiers.unique_slug(base_slug, taken=is_taken)
        post_id, references = insert_post(work, new_post, {"code": code, "slug": slug, "description_short": excerpt})
        if references[0] is None and new_post.author is not None:
            raise NotFound("user", new_post.author)
        if references[1] is None:
            raise ValidationFailed([FieldError("board", "mandatory")])
        if post_id is not None:
            tagging.add(work, post_id, new_post.tag_ids)
            status_id, section_id, category_id, *author = references[2:13]
            status_name, color, tab_name, category_name, category_color, _ = references[13:]
            return CreatedPost(
                id=int(post_id),
                code=code,
                slug=slug,
                excerpt=excerpt,
                section_id=section_id,
                author_id=references[0],
                author=author,
                status=(status_id, status_name, color, tab_name),
                category=(category_id, category_name, category_color),
                moderation=_initial_state(new_post, references),
            )
        is_taken = True


def _authorize_user(work: UnitOfWork, new_post: NewPost) -> None:
    work.authorize(Permission.WRITE_POST, of_user=new_post.author if isinstance(new_post.author, int) else None)
    require_plain(new_post)


def require_plain(new_post: NewPost) -> None:
    """Raise Forbidden unless a user below moderator may choose all values of the post."""
    if new_post.moderation is not None or new_post.status_id or new_post.section_id or new_post.tag_ids:
        raise Forbidden(Permission.MODERATE)


def _reference_params(new_post: NewPost) -> dict[str, Any]:
    """The parameters of RESOLVE_POST_REFERENCES."""
    return {
        "user": new_post.author,
        "board": new_post.board_id,
        "status": new_post.status_id,
        "default_status": new_post.default_status,
        "section": new_post.section_id,
        "category": new_post.category_id,
        "deleted_author": new_post.deleted_author,
    }


def _initial_state(new_post: NewPost, references: Sequence[Any]) -> str:
    """The moderation state of the post, by a row of RESOLVE_POST_REFERENCES."""
    return moderation.initial_state(new_post.moderation, policy=references[-1], author_role=references[_AUTHOR_ROLE])


def _insert_post(work: UnitOfWork, new_post: NewPost, generated: Mapping[str, str]) -> tuple[int | None, Sequence[Any]]:
    """The post's id, or None if its code or slug is taken, and the row of RESOLVE_POST_REFERENCES."""
    references = work.fetch_one(
        single_statement.RESOLVE_POST_REFERENCES[isinstance(new_post.author, str)],
        **_reference_params(new_post),
    )
    assert references is not None
    author_id, board_id, status_id, section_id, category_id = references[:5]
    if (author_id is None and new_post.author is not None) or board_id is None:
        return None, references
    state = _initial_state(new_post, references)
    post_id: int | None = work.fetch_value(
        _INSERT,
        board_id=board_id,
        user_id=author_id,
        status_id=status_id,
        section_id=section_id,
        title=new_post.title,
        description=new_post.description,
        moderation=state,
        **generated,
    )
    if post_id is None:
        return None, references
    if category_id is not None:
        work.execute(ADD_CATEGORIES, post=post_id, categories=[category_id])
    if author_id is not None:
        work.execute(COUNT_AUTHOR, id=author_id, step=1)
    if new_post.follow and author_id is not None:
        work.execute(INSERT_FOLLOW, post_id=post_id, user_id=author_id)
    post_counters.add_post(
        work, post_id, board_id=board_id, status_id=status_id, section_id=section_id, category_id=category_id
    )
    body = moderation.submission_body(state)
    work.record(Event("post.submitted", post_id=post_id, user_id=author_id, body=body))
    return post_id, references


def _insert_in_single_statement(
    work: UnitOfWork, new_post: NewPost, generated: Mapping[str, str]
) -> tuple[int | None, Sequence[Any]]:
    post_id, *references = single_statement.fetch_result(
        work,
        single_statement.INSERT_POST[isinstance(new_post.author, str)],
        **_reference_params(new_post),
        title=new_post.title,
        description=new_post.description,
        moderation=new_post.moderation,
        follow=new_post.follow,
        actor=work.actor.user_id,
        base_url=work.base_url,
        **generated,
    )
    return post_id, references
