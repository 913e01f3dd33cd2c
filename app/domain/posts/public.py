"""Public data of a portal: approved and published posts with their public comments and files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select

from app.domain.counters.row_counters import add_counts
from app.domain.models import Board, Comment, Portal, Post, Status, Tab, User
from app.domain.posts import attachments
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.posts.queries import AUTHOR
from app.domain.sql.json_rows import encode_rows
from app.domain.sql.statement import PORTAL_ID, Column, Statement, in_list, in_portal_unindexed
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import Row, UnitOfWork

_AFTER_LOCAL_PART: Final = re.compile(r"""(?<=[^\s<>()\[\],;:])[@\uff20\ufe6b][^\s<>(),;]+""")
MAX_DESCRIPTION: Final = 50_000
MAX_COMMENT: Final = 10_000
MAX_COMMENTS: Final = 200
MAX_THREADS: Final = 200_000
"""Limits of a page, which truncates longer texts and threads and says so.

`MAX_THREADS` limits the bodies of all comments together. A page stays in memory while a slow client reads it.
"""
COMMENTS_AT_ONCE: Final = 20
"""The rows of one query. The database reads each body whole, so at most this many are read beyond MAX_THREADS."""


@dataclass(frozen=True, slots=True)
class PublicComment:
    """One comment; `parent_id` is None for the first of a thread. A body above MAX_COMMENT is truncated."""

    id: int
    parent_id: int | None
    author_id: int
    author: str
    author_role: str
    body: str
    is_truncated: bool
    official: bool
    pinned: bool
    created_at: Timestamp


@dataclass(frozen=True, slots=True)
class PublicPost:
    """A public post with its public comments and files."""

    id: int
    code: str
    slug: str
    title: str
    description: str
    is_truncated: bool
    image: str | None
    votes_count: int
    comments_count: int
    created_at: Timestamp
    portal: str
    board: str
    status: str | None
    status_color: str | None
    tab: str | None
    author: str | None
    comments: Sequence[PublicComment]
    files: Sequence[Row]
    """The attachments, as `attachments.of_post` returns them."""


_POST_COLUMNS: Final[Mapping[str, Column]] = {
    "id": Post.id,
    "code": Post.code,
    "slug": Post.slug,
    "title": Post.title,
    "description": func.coalesce(func.substr(Post.description, 1, MAX_DESCRIPTION), ""),
    "is_truncated": func.coalesce(func.length(Post.description), 0) > MAX_DESCRIPTION,
    "image": Post.image,
    "votes_count": Post.votes_count,
    "comments_count": Post.comments_count,
    "created_at": Post.created_at,
    "portal": Portal.title,
    "board": Board.name,
    "status": Status.name,
    "status_color": Status.color,
    "tab": Tab.name,
    "author": AUTHOR.name,
}
"""The columns by the attribute of PublicPost."""


POSTS: Final[Select[*tuple[Any, ...]]] = (
    select(*(column.label(name) for name, column in _POST_COLUMNS.items()))
    .select_from(Post)
    .join(Portal, Portal.id == Post.portal_id)
    .join(Board, Board.id == Post.board_id)
    .outerjoin(AUTHOR, AUTHOR.id == Post.user_id)
    .outerjoin(Status, Status.id == Post.status_id)
    .outerjoin(Tab, Tab.id == Status.tab_id)
    .where(Post.portal_id == PORTAL_ID)
)
"""The rows for `make_public_post`, of all posts of the portal."""

_BY_CODE: Final = Statement(POSTS.where(IS_PUBLIC, Post.code == bindparam("code")))
_BY_SLUG: Final = Statement(POSTS.where(IS_PUBLIC, Post.slug == bindparam("slug")))
_COMMENTS: Final = Statement(
    select(
        Comment.id,
        Comment.parent_id,
        Comment.user_id,
        User.name,
        User.role,
        func.substr(Comment.body, 1, MAX_COMMENT),
        func.length(Comment.body),
        Comment.official,
        Comment.pinned,
        Comment.created_at,
    )
    .join(User, User.id == Comment.user_id)
    .where(Comment.portal_id == PORTAL_ID, Comment.post_id == bindparam("post"), Comment.internal.is_(False))
    .order_by(Comment.created_at, Comment.id)
    .limit(COMMENTS_AT_ONCE)
    .offset(bindparam("start"))
)
_VIEWED = (in_portal_unindexed(Post), in_list(Post.id, "ids"))
_UNLOCKED: Final = Statement(
    select(Post.id).where(*_VIEWED).order_by(Post.id).with_for_update(skip_locked=True, key_share=True)
)
_EXISTING: Final = Statement(select(Post.id).where(*_VIEWED))
_ADD_VIEWS: Final = add_counts(Post.views_count)


def public_name(name: str) -> str:
    """Return the public form of a name: of each e-mail address in it, only the part before the @.

    A user without a name may have the address as name.
    """
    return _AFTER_LOCAL_PART.sub("", name)


def post_url(slug: str, code: str, base_url: str) -> str:
    """The address of the post's page."""
    return f"{base_url}/p/{slug}-{code}"


def by_code(work: UnitOfWork, code: str) -> PublicPost | None:
    """The approved and published post with this code, or None."""
    row = work.fetch_one(_BY_CODE, code=code)
    return None if row is None else make_public_post(work, row)


def by_slug(work: UnitOfWork, slug: str) -> PublicPost | None:
    """The approved and published post with this slug, or None."""
    row = work.fetch_one(_BY_SLUG, slug=slug)
    return None if row is None else make_public_post(work, row)


def record_views(work: UnitOfWork, views: Mapping[int, int]) -> dict[int, int]:
    """Add page views, given by post id, to the counters of the posts.

    Waits for no lock: the views of posts that another transaction has locked are returned, to be added later.
    """
    unlocked = [row[0] for row in work.fetch_all(_UNLOCKED, ids=sorted(views))]
    work.execute(_ADD_VIEWS, rows=encode_rows([(post_id, views[post_id]) for post_id in unlocked]))
    rest = sorted(views.keys() - set(unlocked))
    # Posts that are not found have been deleted.
    return {row[0]: views[row[0]] for row in work.fetch_all(_EXISTING, ids=rest)} if rest else {}


def make_public_post(work: UnitOfWork, row: Row) -> PublicPost:
    """The post of a row of POSTS, with its comments and files."""
    values = {name: row[name] for name in _POST_COLUMNS}
    values["is_truncated"] = bool(values["is_truncated"])
    values["author"] = None if row["author"] is None else public_name(row["author"])
    return PublicPost(
        **values,
        comments=_first_comments(work, row["id"]) if row["comments_count"] else [],
        files=[file for file in attachments.of_post(work, row["id"]) if file["kind"] == "attachment"],
    )


def _first_comments(work: UnitOfWork, post_id: int) -> list[PublicComment]:
    comments: list[PublicComment] = []
    length = 0
    while len(comments) < MAX_COMMENTS:
        rows = work.fetch_all(_COMMENTS, post=post_id, start=len(comments))
        for comment in map(_comment, rows):
            length += len(comment.body)
            if length > MAX_THREADS:
                return comments
            comments.append(comment)
        if len(rows) < COMMENTS_AT_ONCE:
            break
    return comments


def _comment(row: Row) -> PublicComment:
    comment_id, parent_id, author_id, author, role, body, length, official, pinned, created_at = row
    return PublicComment(
        comment_id,
        parent_id,
        author_id,
        public_name(author),
        role,
        body,
        length > MAX_COMMENT,
        bool(official),
        bool(pinned),
        created_at,
    )
