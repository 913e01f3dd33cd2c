"""`earshot votes …`."""

from typing import Any, Final

import typer

from app.cli.lookup import find_post_id
from app.cli.output import Output, table
from app.cli.params import LimitOption, OffsetOption, PostOption
from app.cli.portal_commands import read_command
from app.domain.models import User, Vote
from app.domain.posts.reply_queries import VoteQuery
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(name="votes", help="Votes.", no_args_is_help=True)

QUERY: Final = VoteQuery((Vote.id, Vote.post_id, Vote.user_id, User.email, User.name, Vote.created_at))


@read_command(group, "list")
def list_(work: UnitOfWork, post: PostOption = None, limit: LimitOption = 100, offset: OffsetOption = 0) -> Output:
    """List votes, newest first.

    \b
    earshot votes list --post aB3x9Q --json
    """
    post_ids = None if post is None else [find_post_id(work, post)]
    return table("votes", map(_serialize, QUERY.page(work, offset=offset, limit=limit, post_ids=post_ids)))


def _serialize(row: Row) -> dict[str, Any]:
    vote = dict(zip(("id", "post_id", "user_id", "email", "name", "created_at"), row, strict=True))
    return {**vote, "created_at": format_seconds(vote["created_at"])}
