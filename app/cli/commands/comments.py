"""`earshot comments …`."""

from typing import Any, Final

import typer

from app.cli.lookup import find_post_id
from app.cli.output import Output, table
from app.cli.params import LimitOption, OffsetOption, PostOption
from app.cli.portal_commands import read_command
from app.domain.models import Comment, User
from app.domain.posts.reply_queries import CommentQuery
from app.domain.sql.statement import Column
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(name="comments", help="Comments, internal ones included.", no_args_is_help=True)

_COLUMNS: Final[dict[str, Column]] = {
    "id": Comment.id,
    "post_id": Comment.post_id,
    "parent_id": Comment.parent_id,
    "author": User.name,
    "official": Comment.official,
    "internal": Comment.internal,
    "pinned": Comment.pinned,
    "created_at": Comment.created_at,
    "body": Comment.body,
}
QUERY: Final = CommentQuery(tuple(_COLUMNS.values()), internal=True)


@read_command(group, "list")
def list_(work: UnitOfWork, post: PostOption = None, limit: LimitOption = 100, offset: OffsetOption = 0) -> Output:
    """List comments, newest first.

    \b
    earshot comments list --post 42
    """
    post_ids = None if post is None else [find_post_id(work, post)]
    return table("comments", map(_serialize, QUERY.page(work, offset=offset, limit=limit, post_ids=post_ids)))


def _serialize(row: Row) -> dict[str, Any]:
    comment = dict(zip(_COLUMNS, row, strict=True))
    flags = {name: bool(comment[name]) for name in ("official", "internal", "pinned")}
    return {**comment, **flags, "created_at": format_seconds(comment["created_at"])}
