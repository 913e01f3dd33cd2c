"""Which posts the actor may see on the pages: one rule for lists, searches and the page of a post.

Visitors see approved and published posts, unless the portal is private. A user also sees their own posts, whatever
their state. The team sees all.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, not_, or_, select

from app.domain.models import Portal, Post
from app.domain.permissions import Actor, Permission, is_allowed, is_team
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.sql.statement import PORTAL_ID, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork

_IS_PRIVATE: Final = select(Portal.is_private).where(Portal.id == PORTAL_ID).scalar_subquery()

CONDITIONS: Final[Mapping[str, ColumnElement[bool]]] = {
    "visitor": and_(IS_PUBLIC, not_(_IS_PRIVATE)),
    "viewer_id": or_(IS_PUBLIC, Post.user_id == bindparam("viewer_id", type_=BigInteger)),
}
"""The conditions by the name of their parameter: see `filters_of`."""


def filters_of(actor: Actor) -> dict[str, Any]:
    """The name of the condition of the posts that the actor may see, with its value; empty for the team."""
    if is_team(actor):
        return {}
    return {"visitor": True} if actor.user_id is None else {"viewer_id": actor.user_id}


Statements: TypeAlias = Mapping[str | None, Statement]
"""A statement for each kind of actor, by the name of its condition; None for the team."""


def statements_of(source: Any) -> Statements:
    """The query with the condition of each kind of actor: see `pick`."""
    return {
        None: Statement(source),
        **{name: Statement(source.where(condition)) for name, condition in CONDITIONS.items()},
    }


def pick(statements: Statements, actor: Actor) -> Statement:
    """Pick the actor's statement of `statements_of`. It has the parameter `viewer_id`, the actor's user."""
    return statements[next(iter(filters_of(actor)), None)]


_BY_ID: Final = statements_of(select(Post.id).where(row_in_portal(Post, "post")))
_BY_CODE: Final = statements_of(select(Post.id).where(Post.portal_id == PORTAL_ID, Post.code == bindparam("post")))
_AUTHOR: Final = Statement(select(Post.user_id).where(row_in_portal(Post, "post")))


def require_visible(work: UnitOfWork, post: int | str) -> int:
    """The id of the post with this id or code. Raises NotFound("post") also if the actor may not see it."""
    statement = pick(_BY_CODE if isinstance(post, str) else _BY_ID, work.actor)
    return int(work.require_row(statement, "post", post, post=post, viewer_id=work.actor.user_id)[0])


def authorize_author(work: UnitOfWork, post_id: int) -> None:
    """Raise Forbidden unless the actor may write this post: the team any, its author this one."""
    if not is_allowed(work.actor, Permission.WRITE_POST):
        author_id = work.fetch_value(_AUTHOR, post=post_id)
        work.authorize(Permission.WRITE_POST, of_user=author_id)
