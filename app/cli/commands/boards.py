"""`earshot boards …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.database import discard, run_read, run_write
from app.cli.errors import CommandError
from app.cli.output import print_result, print_table
from app.cli.params import JsonOption, PortalOption, id_param, text_param
from app.domain.models import Board
from app.domain.portals import boards
from app.domain.portals.boards import MAX_DESCRIPTION, MAX_NAME, MAX_SLUG, BoardQuery
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET

group = typer.Typer(help="Boards; every post stands on one.", no_args_is_help=True)

CARD: Final = BoardQuery((Board.id, Board.name, Board.slug, Board.description, Board.is_default))

BoardArgument = Annotated[int, typer.Argument(parser=id_param, metavar="ID", help="As `earshot boards list` shows it.")]
Description = Annotated[
    str | None, typer.Option(parser=text_param(MAX_DESCRIPTION), metavar="TEXT", help="What belongs there.")
]
Slug = Annotated[
    str | None, typer.Option(parser=text_param(MAX_SLUG), metavar="SLUG", help="Its part of an address; from the name.")
]


@group.command()
def create(
    name: Annotated[str, typer.Option(parser=text_param(MAX_NAME), metavar="NAME", help="Unique in the portal.")],
    slug: Slug = None,
    description: Description = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a board.

    \b
    earshot boards create --name "Integrations"
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        return _shown(CARD.by_id(work, boards.add(work, name=name, slug=slug, description=description)))

    made = run_write(operation, portal=portal)
    print_result(made, f"board {made['id']} ({made['slug']}) was created", as_json=as_json)


@group.command("list")
def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """List boards in their order."""
    print_table("boards", [_shown(row) for row in run_read(CARD.in_order, portal=portal)], as_json=as_json)


@group.command()
def edit(
    board: BoardArgument,
    name: Annotated[str | None, typer.Option(parser=text_param(MAX_NAME), metavar="NAME")] = None,
    slug: Slug = None,
    description: Description = None,
    default: Annotated[bool, typer.Option("--default", help="Posts that name no board go here from now on.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a board; what is left out stays.

    \b
    earshot boards edit 2 --name "Bugs" --default
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        boards.edit(
            work,
            board,
            name=UNSET if name is None else name,
            slug=UNSET if slug is None else slug,
            description=UNSET if description is None else description,
        )
        if default:
            boards.make_default(work, board)
        return _shown(CARD.by_id(work, board))

    print_result(run_write(operation, portal=portal), f"board {board} was changed", as_json=as_json)


@group.command()
def delete(
    board: BoardArgument,
    with_posts: Annotated[bool, typer.Option("--with-posts", help="Also when there are posts on it.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a board. With --with-posts it takes all its posts with their votes and comments."""

    def operation(work: UnitOfWork) -> list[str]:
        posts = boards.count_posts(work, board)
        if posts and not with_posts:
            raise CommandError(f"there are {posts} posts on this board: add --with-posts to delete them with it")
        return boards.delete(work, board)

    discard(run_write(operation, portal=portal))
    print_result({"id": board, "deleted": True}, f"board {board} was deleted", as_json=as_json)


@group.command()
def reorder(
    ids: Annotated[
        list[int], typer.Argument(parser=id_param, metavar="ID...", help="These come first, in this order.")
    ],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order the boards.

    \b
    earshot boards reorder 3 1 2
    """

    def operation(work: UnitOfWork) -> list[dict[str, Any]]:
        boards.reorder(work, ids)
        return [_shown(row) for row in CARD.in_order(work)]

    print_table("boards", run_write(operation, portal=portal), as_json=as_json)


def _shown(row: Row) -> dict[str, Any]:
    return {"id": row[0], "name": row[1], "slug": row[2], "description": row[3], "default": bool(row[4])}
