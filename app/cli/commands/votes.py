"""`earshot votes …`."""

from typing import Any, Final

import typer

from app.cli.lookup import find_post_id
from app.cli.output import Output, table
from app.cli.params import LimitOption, OffsetOption, PostOption
from app.cli.portal_commands import read_command
from app.domain.models import User, Vote
from app.domain.posts.reply_queries import VoteQuery
from app.domain.sql.statement import Column
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(name="votes", help="Votes.", no_args_is_help=True)

_COLUMNS: Final[dict[str, Column]] = {
    "id": Vote.id,
    "post_id": Vote.post_id,
    "user_id": Vote.user_id,
    "email": User.email,
    "name": User.name,
    "created_at": Vote.created_at,
    "anonymous_id": Vote.anonymous_id,
}
QUERY: Final = VoteQuery(tuple(_COLUMNS.values()), anonymous=True)


@read_command(group, "list")
def list_(work: UnitOfWork, post: PostOption = None, limit: LimitOption = 100, offset: OffsetOption = 0) -> Output:
    """List votes, newest first. An anonymous vote has an anonymous id in place of a user.

    \b
    earshot votes list --post aB3x9Q --json
    """
    post_ids = None if post is None else [find_post_id(work, post)]
    return table("votes", map(_serialize, QUERY.page(work, offset=offset, limit=limit, post_ids=post_ids)))


def _serialize(row: Row) -> dict[str, Any]:
    vote = dict(zip(_COLUMNS, row, strict=True))
    return {**vote, "created_at": format_seconds(vote["created_at"])}
