"""`earshot votes …`."""

from collections.abc import Sequence
from typing import Any, Final

import typer

from app.cli.database import run_read
from app.cli.lookup import find_post_id
from app.cli.output import print_table
from app.cli.params import JsonOption, LimitOption, OffsetOption, PortalOption, PostOption
from app.domain.models import User, Vote
from app.domain.posts.reply_queries import VoteQuery
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(help="Votes.", no_args_is_help=True)

QUERY: Final = VoteQuery((Vote.id, Vote.post_id, Vote.user_id, User.email, User.name, Vote.created_at))


@group.callback()
def votes() -> None:
    pass


@group.command("list")
def list_(
    post: PostOption = None,
    limit: LimitOption = 100,
    offset: OffsetOption = 0,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """List votes, newest first.

    \b
    earshot votes list --post aB3x9Q --json
    """

    def operation(work: UnitOfWork) -> Sequence[Row]:
        post_ids = None if post is None else [find_post_id(work, post)]
        return QUERY.page(work, offset=offset, limit=limit, post_ids=post_ids)

    print_table("votes", [_serialize(row) for row in run_read(operation, portal=portal)], as_json=as_json)


def _serialize(row: Row) -> dict[str, Any]:
    vote_id, post_id, user_id, email, name, created_at = row
    return {
        "id": vote_id,
        "post_id": post_id,
        "user_id": user_id,
        "email": email,
        "name": name,
        "created_at": format_seconds(created_at),
    }
