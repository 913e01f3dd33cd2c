"""How commands find a user, a post or a tab by what an operator types. Each raises NotFound."""

from typing import Any, Final

from sqlalchemy import bindparam, func, select

from app.domain.errors import NotFound
from app.domain.models import Board, Follow, Post, Section, Status, User
from app.domain.portals import tabs
from app.domain.posts.queries import parse_code_or_id
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users.queries import UserQuery

MAX_ID: Final = 2**63 - 1

USERS: Final = UserQuery(
    (
        User.id,
        User.uuid,
        User.email,
        User.name,
        User.role,
        User.blocked_at,
        User.deleted_at,
        User.posts_count,
        User.votes_count,
        User.comments_count,
        User.created_at,
    ),
    deleted=True,
)
_POST_ROWS = (
    select(
        Post.id,
        Post.code,
        Post.slug,
        Post.title,
        Post.description,
        Post.moderation,
        Post.votes_count.label("votes"),
        Post.comments_count.label("comments"),
        Post.views_count.label("views"),
        Post.position,
        Post.created_at,
        Post.updated_at,
        Board.name.label("board"),
        Status.name.label("status"),
        Section.title.label("section"),
        User.id.label("author_id"),
        User.name.label("author"),
        select(func.count())
        .select_from(Follow)
        .where(Follow.portal_id == PORTAL_ID, Follow.post_id == Post.id)
        .scalar_subquery()
        .label("followers"),
    )
    .join(Board, Board.id == Post.board_id)
    .outerjoin(Status, Status.id == Post.status_id)
    .outerjoin(Section, Section.id == Post.section_id)
    .outerjoin(User, User.id == Post.user_id)
    .where(Post.portal_id == PORTAL_ID)
)
_POST_COLUMNS: Final = tuple(_POST_ROWS.selected_columns.keys())
_POST_BY_ID: Final = Statement(_POST_ROWS.where(Post.id == bindparam("key")))
_POST_BY_CODE: Final = Statement(_POST_ROWS.where(Post.code == bindparam("key")))


def find_user(work: UnitOfWork, user: str) -> Row:
    """The row of `USERS` with this id, UUID or email address."""
    if "@" in user:
        try:
            return USERS.by_email(work, user)
        except NotFound:
            raise NotFound("user", user) from None
    if user.isascii() and user.isdigit():
        if not 0 < int(user[:20]) <= MAX_ID:
            raise NotFound("user", user)
        return USERS.by_id(work, int(user))
    return USERS.by_uuid(work, user)


def find_user_id(work: UnitOfWork, user: str) -> int:
    """The id of the user with this id, UUID or email address."""
    return int(find_user(work, user)[0])


def find_post(work: UnitOfWork, post: str) -> dict[str, Any]:
    """The post with this id or code, with the names of its board, status, section and author."""
    key = parse_code_or_id(post)
    row = work.fetch_one(_POST_BY_ID if isinstance(key, int) else _POST_BY_CODE, key=key)
    if row is None:
        raise NotFound("post", post)
    return dict(zip(_POST_COLUMNS, row, strict=True))


def find_post_id(work: UnitOfWork, post: str) -> int:
    """The id of the post with this id or code."""
    return int(find_post(work, post)["id"])


def find_tab_id(work: UnitOfWork, tab: str) -> int:
    """The id of the tab with this URL key, else with this id."""
    if tab.isascii() and tab.isdigit() and len(tab) < 19 and all(url != tab for _, _, url, _ in tabs.list_all(work)):
        return int(tabs.get(work, int(tab))[0])
    return int(tabs.by_url(work, tab)[0])
