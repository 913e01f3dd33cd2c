"""`earshot follows …`."""

from typing import Annotated

import typer

from app.cli.lookup import find_post_id, find_user_id
from app.cli.output import Output
from app.cli.portal_commands import write_command
from app.domain.posts import follows
from app.domain.unit_of_work import UnitOfWork

group = typer.Typer(
    name="follows", help="Follows. Who follows a post is told of its updates and statuses.", no_args_is_help=True
)

PostOption = Annotated[str, typer.Option("--post", metavar="POST", help="Number or code.")]
UserOption = Annotated[str, typer.Option("--user", metavar="USER", help="Address, id or UUID.")]


@write_command(group)
def add(work: UnitOfWork, post: PostOption, user: UserOption) -> Output:
    """Make a user follow a post.

    `earshot users notifications` shows how often the user is told.

    \b
    earshot follows add --post 42 --user jane@example.com
    """
    ids = {"post_id": find_post_id(work, post), "user_id": find_user_id(work, user)}
    return {**ids, "changed": follows.add(work, **ids)}, f"{user} follows post {post}"


@write_command(group)
def remove(work: UnitOfWork, post: PostOption, user: UserOption) -> Output:
    """Make a user no longer follow a post."""
    ids = {"post_id": find_post_id(work, post), "user_id": find_user_id(work, user)}
    return {**ids, "changed": follows.remove(work, **ids)}, f"{user} does not follow post {post}"
