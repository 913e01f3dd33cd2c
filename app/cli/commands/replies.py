"""`earshot comments …` and `earshot votes …`: what people said and voted, in lists."""

from typing import Annotated, Any, Final

import typer

from app.cli.commands.posts import find_post
from app.cli.database import run_read
from app.cli.output import print_table
from app.cli.params import JsonOption, PortalOption
from app.domain.models import Comment, User, Vote
from app.domain.posts.reply_queries import CommentQuery, PostChildQuery, VoteQuery
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork

comments_group = typer.Typer(help="Comments, internal ones included.", no_args_is_help=True)
votes_group = typer.Typer(help="Votes.", no_args_is_help=True)

COMMENTS: Final = CommentQuery(
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
VOTES: Final = VoteQuery((Vote.id, Vote.post_id, Vote.user_id, User.email, User.name, Vote.created_at))

PostOption = Annotated[str | None, typer.Option(metavar="POST", help="Only of this post: number or code.")]
LimitOption = Annotated[int, typer.Option(min=1, max=100_000, help="At most this many.")]
SkipOption = Annotated[int, typer.Option("--skip", min=0, help="Pass over this many first.")]


@comments_group.callback()
def comments() -> None:
    pass


@votes_group.callback()
def votes() -> None:
    pass


@comments_group.command("list")
def list_comments(
    post: PostOption = None,
    limit: LimitOption = 100,
    offset: SkipOption = 0,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """List comments, newest first.

    \b
    earshot comments list --post 42
    """
    rows = run_read(lambda work: _page(work, COMMENTS, post, offset, limit), portal=portal)
    print_table("comments", [_comment(row) for row in rows], as_json=as_json)


@votes_group.command("list")
def list_votes(
    post: PostOption = None,
    limit: LimitOption = 100,
    offset: SkipOption = 0,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """List votes, newest first.

    \b
    earshot votes list --post aB3x9Q --json
    """
    rows = run_read(lambda work: _page(work, VOTES, post, offset, limit), portal=portal)
    print_table("votes", [_vote(row) for row in rows], as_json=as_json)


def _page(work: UnitOfWork, view: PostChildQuery, post: str | None, offset: int, limit: int) -> list[Row]:
    post_ids = None if post is None else [find_post(work, post)["id"]]
    return list(view.page(work, offset=offset, limit=limit, post_ids=post_ids))


def _comment(row: Row) -> dict[str, Any]:
    return {
        "id": row[0],
        "post_id": row[1],
        "parent_id": row[2],
        "author": row[3],
        "official": bool(row[4]),
        "internal": bool(row[5]),
        "pinned": bool(row[6]),
        "created_at": format_seconds(row[7]),
        "body": row[8],
    }


def _vote(row: Row) -> dict[str, Any]:
    return {
        "id": row[0],
        "post_id": row[1],
        "user_id": row[2],
        "email": row[3],
        "name": row[4],
        "created_at": format_seconds(row[5]),
    }
