"""`earshot follows …`."""

from typing import Annotated, Any

import typer

from app.cli.database import run_write
from app.cli.lookup import find_post_id, find_user_id
from app.cli.output import print_result
from app.cli.params import JsonOption, PortalOption
from app.domain.posts import follows
from app.domain.unit_of_work import UnitOfWork

group = typer.Typer(help="Follows. They have no effect yet, because there is no mail.", no_args_is_help=True)

PostOption = Annotated[str, typer.Option("--post", metavar="POST", help="Number or code.")]
UserOption = Annotated[str, typer.Option("--user", metavar="USER", help="Address, id or UUID.")]


@group.command()
def add(post: PostOption, user: UserOption, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Make a user follow a post.

    No effect yet: Earshot sends no mail to followers.

    \b
    earshot follows add --post 42 --user jane@example.com
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        post_id, user_id = find_post_id(work, post), find_user_id(work, user)
        return {"post_id": post_id, "user_id": user_id, "changed": follows.add(work, post_id=post_id, user_id=user_id)}

    print_result(run_write(operation, portal=portal), f"{user} follows post {post}", as_json=as_json)


@group.command()
def remove(post: PostOption, user: UserOption, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Make a user no longer follow a post. No effect yet, as `earshot follows add`."""

    def operation(work: UnitOfWork) -> dict[str, Any]:
        post_id, user_id = find_post_id(work, post), find_user_id(work, user)
        changed = follows.remove(work, post_id=post_id, user_id=user_id)
        return {"post_id": post_id, "user_id": user_id, "changed": changed}

    print_result(run_write(operation, portal=portal), f"{user} does not follow post {post}", as_json=as_json)
