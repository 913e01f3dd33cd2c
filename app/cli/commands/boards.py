"""`earshot boards …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.catalogue import Catalogue
from app.cli.database import delete_files, run_write
from app.cli.errors import CommandError
from app.cli.output import Output, print_result
from app.cli.params import JsonOption, PortalOption, id_argument, text_param
from app.cli.portal_commands import write_command
from app.domain.portals import boards
from app.domain.portals.boards import MAX_DESCRIPTION, MAX_NAME, MAX_SLUG
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(name="boards", help="Boards; every post is on one.", no_args_is_help=True)

BoardArgument = Annotated[int, id_argument("boards")]
DescriptionOption = Annotated[
    str | None,
    typer.Option("--description", parser=text_param(MAX_DESCRIPTION), metavar="TEXT", help="The purpose of the board."),
]
SlugOption = Annotated[
    str | None,
    typer.Option(
        "--slug", parser=text_param(MAX_SLUG), metavar="SLUG", help="Its part of a URL; by default from the name."
    ),
]


def _serialize(row: Row) -> dict[str, Any]:
    board_id, name, slug, description, is_default = row
    return {"id": board_id, "name": name, "slug": slug, "description": description, "default": bool(is_default)}


CATALOGUE: Final = Catalogue(group, "board", "boards", list_all=boards.list_all, serialize=_serialize)


@write_command(group)
def create(
    work: UnitOfWork,
    name: Annotated[str, typer.Option(parser=text_param(MAX_NAME), metavar="NAME", help="Unique in the portal.")],
    slug: SlugOption = None,
    description: DescriptionOption = None,
) -> Output:
    """Create a board.

    \b
    earshot boards create --name "Integrations"
    """
    board_id = boards.add(work, name=name, slug=slug, description=description)
    board = _serialize(boards.get(work, board_id))
    return board, f"board {board_id} ({board['slug']}) was created"


@write_command(group)
def edit(
    work: UnitOfWork,
    board: BoardArgument,
    name: Annotated[str | None, typer.Option(parser=text_param(MAX_NAME), metavar="NAME")] = None,
    slug: SlugOption = None,
    description: DescriptionOption = None,
    default: Annotated[bool, typer.Option("--default", help="New posts without a board go to this one.")] = False,
) -> Output:
    """Change a board; options left out change nothing.

    \b
    earshot boards edit 2 --name "Bugs" --default
    """
    changes = {"name": name, "slug": slug, "description": description}
    boards.edit(work, board, **{field: value for field, value in changes.items() if value is not None})
    if default:
        boards.make_default(work, board)
    return _serialize(boards.get(work, board)), f"board {board} was changed"


@group.command()
def delete(
    board: BoardArgument,
    with_posts: Annotated[bool, typer.Option("--with-posts", help="Delete its posts, too.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a board. With --with-posts its posts are deleted with their votes and comments."""

    def operation(work: UnitOfWork) -> list[str]:
        posts = boards.count_posts(work, board)
        if posts and not with_posts:
            raise CommandError(f"there are {posts} posts on this board: add --with-posts to delete them with it")
        return boards.delete(work, board)

    delete_files(run_write(operation, portal=portal))
    print_result({"id": board, "deleted": True}, f"board {board} was deleted", as_json=as_json)


CATALOGUE.add_list_and_reorder(boards.reorder, "3 1 2")
