"""`earshot boards …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.database import discard, reading, writing
from app.cli.errors import Refused
from app.cli.output import tell, tell_rows
from app.cli.params import JsonOption, PortalOption, parsed_id, text_of
from app.domain.models import Board
from app.domain.portals import boards
from app.domain.portals.boards import MAX_DESCRIPTION, MAX_NAME, MAX_SLUG, BoardView
from app.domain.unit_of_work import Row, Work
from app.domain.unset import KEEP

group = typer.Typer(help="Boards; every post stands on one.", no_args_is_help=True)

CARD: Final = BoardView((Board.id, Board.name, Board.slug, Board.description, Board.is_default))

BoardArgument = Annotated[
    int, typer.Argument(parser=parsed_id, metavar="ID", help="As `earshot boards list` shows it.")
]
Description = Annotated[
    str | None, typer.Option(parser=text_of(MAX_DESCRIPTION), metavar="TEXT", help="What belongs there.")
]
Slug = Annotated[
    str | None, typer.Option(parser=text_of(MAX_SLUG), metavar="SLUG", help="Its part of an address; from the name.")
]


@group.command()
def create(
    name: Annotated[str, typer.Option(parser=text_of(MAX_NAME), metavar="NAME", help="Unique in the portal.")],
    slug: Slug = None,
    description: Description = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a board.

    \b
    earshot boards create --name "Integrations"
    """

    def act(work: Work) -> dict[str, Any]:
        return _shown(CARD.by_id(work, boards.add(work, name=name, slug=slug, description=description)))

    made = writing(act, portal=portal)
    tell(made, f"board {made['id']} ({made['slug']}) was created", as_json=as_json)


@group.command("list")
def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """List boards in their order."""
    tell_rows("boards", [_shown(row) for row in reading(CARD.in_order, portal=portal)], as_json=as_json)


@group.command()
def edit(
    board: BoardArgument,
    name: Annotated[str | None, typer.Option(parser=text_of(MAX_NAME), metavar="NAME")] = None,
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

    def act(work: Work) -> dict[str, Any]:
        boards.edit(
            work,
            board,
            name=KEEP if name is None else name,
            slug=KEEP if slug is None else slug,
            description=KEEP if description is None else description,
        )
        if default:
            boards.make_default(work, board)
        return _shown(CARD.by_id(work, board))

    tell(writing(act, portal=portal), f"board {board} was changed", as_json=as_json)


@group.command()
def delete(
    board: BoardArgument,
    with_posts: Annotated[bool, typer.Option("--with-posts", help="Also when there are posts on it.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a board. With --with-posts it takes all its posts with their votes and comments."""

    def act(work: Work) -> list[str]:
        posts = boards.count_posts(work, board)
        if posts and not with_posts:
            raise Refused(f"there are {posts} posts on this board: add --with-posts to delete them with it")
        return boards.delete(work, board)

    discard(writing(act, portal=portal))
    tell({"id": board, "deleted": True}, f"board {board} was deleted", as_json=as_json)


@group.command()
def reorder(
    ids: Annotated[
        list[int], typer.Argument(parser=parsed_id, metavar="ID...", help="These come first, in this order.")
    ],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order the boards.

    \b
    earshot boards reorder 3 1 2
    """

    def act(work: Work) -> list[dict[str, Any]]:
        boards.reorder(work, ids)
        return [_shown(row) for row in CARD.in_order(work)]

    tell_rows("boards", writing(act, portal=portal), as_json=as_json)


def _shown(row: Row) -> dict[str, Any]:
    return {"id": row[0], "name": row[1], "slug": row[2], "description": row[3], "default": bool(row[4])}
