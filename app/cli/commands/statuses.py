"""`earshot statuses …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.commands.tabs import find_tab as tab_named
from app.cli.database import run_read, run_write
from app.cli.errors import CommandError
from app.cli.output import print_result, print_table
from app.cli.params import JsonOption, PortalOption, color, id_param, text_param
from app.domain.portals import statuses, tabs
from app.domain.unit_of_work import Row, UnitOfWork

_NAMES: Final = tuple(column.key for column in statuses.COLUMNS)

group = typer.Typer(help="Statuses, where a post stands.", no_args_is_help=True)

StatusArgument = Annotated[
    int, typer.Argument(parser=id_param, metavar="ID", help="As `earshot statuses list` shows it.")
]
TabOption = Annotated[str | None, typer.Option(metavar="TAB", help="The tab that shows it: URL key or id.")]
ColorOption = Annotated[str | None, typer.Option(parser=color, metavar="COLOR", help="Such as #0096ff.")]
TextColorOption = Annotated[str | None, typer.Option(parser=color, metavar="COLOR", help="Of text on that color.")]
RoadmapOption = Annotated[
    bool | None, typer.Option("--roadmap/--no-roadmap", help="Whether Astuto's roadmap shows it.")
]
DefaultOption = Annotated[
    bool, typer.Option("--default", help="Posts made through ProductLift get it from now on, unless they name one.")
]


@group.command()
def create(
    name: Annotated[str, typer.Option(parser=text_param(), metavar="NAME", help="Unique in the portal.")],
    tab: TabOption = None,
    color: ColorOption = None,
    text_color: TextColorOption = None,
    roadmap: RoadmapOption = None,
    not_voteable: Annotated[bool, typer.Option("--not-voteable", help="Posts that stand here take no votes.")] = False,
    default: DefaultOption = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a status, behind the others. It lies on the first tab unless one is named.

    \b
    earshot statuses create --name "In Review" --tab roadmap --color "#ffaa00" --roadmap
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        status_id = statuses.add(
            work,
            name=name,
            tab_id=_first_tab(work) if tab is None else tab_named(work, tab)[0],
            color=color,
            text_color=text_color,
            is_voteable=not not_voteable,
            show_in_roadmap=bool(roadmap),
        )
        if default:
            statuses.make_default(work, status_id)
        return _shown(statuses.get(work, status_id))

    made = run_write(operation, portal=portal)
    print_result(made, f"status {made['id']} was created on the tab {made['tab']}", as_json=as_json)


@group.command("list")
def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """List statuses by tab, in their order."""
    print_table("statuses", [_shown(row) for row in run_read(statuses.list_all, portal=portal)], as_json=as_json)


@group.command()
def edit(
    status: StatusArgument,
    name: Annotated[str | None, typer.Option(parser=text_param(), metavar="NAME")] = None,
    tab: TabOption = None,
    color: ColorOption = None,
    text_color: TextColorOption = None,
    roadmap: RoadmapOption = None,
    voteable: Annotated[
        bool | None, typer.Option("--voteable/--not-voteable", help="Whether posts that stand here take votes.")
    ] = None,
    default: DefaultOption = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a status; what is left out stays.

    \b
    earshot statuses edit 4 --name Shipped --not-voteable
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        statuses.edit(
            work,
            status,
            name=name,
            color=color,
            tab_id=None if tab is None else tab_named(work, tab)[0],
            text_color=text_color,
            is_voteable=voteable,
            show_in_roadmap=roadmap,
        )
        if default:
            statuses.make_default(work, status)
        return _shown(statuses.get(work, status))

    print_result(run_write(operation, portal=portal), f"status {status} was changed", as_json=as_json)


@group.command()
def delete(status: StatusArgument, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Delete a status. Its posts come to the default one, each with a row in its history.

    Nothing shows that history yet, and nobody is notified yet.
    """
    run_write(lambda work: statuses.delete(work, status), portal=portal)
    print_result({"id": status, "deleted": True}, f"status {status} was deleted", as_json=as_json)


@group.command()
def reorder(
    ids: Annotated[
        list[int], typer.Argument(parser=id_param, metavar="ID...", help="These come first, in this order.")
    ],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order the statuses; each tab shows its own in this order.

    \b
    earshot statuses reorder 3 2
    """

    def operation(work: UnitOfWork) -> list[dict[str, Any]]:
        statuses.reorder(work, ids)
        return [_shown(row) for row in statuses.list_all(work)]

    print_table("statuses", run_write(operation, portal=portal), as_json=as_json)


def _first_tab(work: UnitOfWork) -> int:
    found = tabs.list_all(work)
    if not found:
        raise CommandError("there is no tab yet: make one with `earshot tabs create --name N --url U`")
    return int(found[0][0])


def _shown(row: Row) -> dict[str, Any]:
    told = dict(zip(_NAMES, row, strict=True))
    return {
        "id": told["id"],
        "name": told["name"],
        "tab": told["tab_name"],
        "tab_id": told["tab_id"],
        "color": told["color"],
        "text_color": told["text_color"],
        "roadmap": bool(told["show_in_roadmap"]),
        "voteable": bool(told["is_voteable"]),
        "default": bool(told["is_default"]),
    }
