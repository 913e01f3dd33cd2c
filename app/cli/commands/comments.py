"""`earshot comments …`."""

from typing import Any, Final

import typer

from app.cli.lookup import find_post_id
from app.cli.output import Output, table
from app.cli.params import LimitOption, OffsetOption, PostOption
from app.cli.portal_commands import read_command
from app.domain.models import Comment, User
from app.domain.posts.reply_queries import CommentQuery
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(name="comments", help="Comments, internal ones included.", no_args_is_help=True)

QUERY: Final = CommentQuery(
    (
        Comment.id,
        Comment.post_id,
        Comment.parent_id,
        User.name,
        Comment.official,
        Comment.internal,
        Comment.pinned,
        Comment.created_at,
        Comment.body,
    ),
    internal=True,
)


@read_command(group, "list")
def list_(work: UnitOfWork, post: PostOption = None, limit: LimitOption = 100, offset: OffsetOption = 0) -> Output:
    """List comments, newest first.

    \b
    earshot comments list --post 42
    """
    post_ids = None if post is None else [find_post_id(work, post)]
    return table("comments", map(_serialize, QUERY.page(work, offset=offset, limit=limit, post_ids=post_ids)))


def _serialize(row: Row) -> dict[str, Any]:
    comment_id, post_id, parent_id, author, official, internal, pinned, created_at, body = row
    return {
        "id": comment_id,
        "post_id": post_id,
        "parent_id": parent_id,
        "author": author,
        "official": bool(official),
        "internal": bool(internal),
        "pinned": bool(pinned),
        "created_at": format_seconds(created_at),
        "body": body,
    }
