"""`earshot statuses …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.catalogue import Catalogue
from app.cli.errors import CommandError
from app.cli.lookup import find_tab_id
from app.cli.params import JsonOption, PortalOption, color, id_param, text_param
from app.domain.portals import statuses, tabs
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(help="Statuses of posts. Each tab shows its own, in their order.", no_args_is_help=True)

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
    bool, typer.Option("--default", help="New posts from ProductLift's API without a status get this one.")
]

_COLUMN_NAMES: Final = tuple(column.key for column in statuses.COLUMNS)


def _serialize(row: Row) -> dict[str, Any]:
    status = dict(zip(_COLUMN_NAMES, row, strict=True))
    return {
        "id": status["id"],
        "name": status["name"],
        "tab": status["tab_name"],
        "tab_id": status["tab_id"],
        "color": status["color"],
        "text_color": status["text_color"],
        "roadmap": bool(status["show_in_roadmap"]),
        "voteable": bool(status["is_voteable"]),
        "default": bool(status["is_default"]),
    }


CATALOGUE: Final = Catalogue(
    name="status",
    plural="statuses",
    created="status {id} was created on the tab {tab}",
    get=statuses.get,
    list_all=statuses.list_all,
    reorder=statuses.reorder,
    serialize=_serialize,
)


@group.command()
def create(
    name: Annotated[str, typer.Option(parser=text_param(), metavar="NAME", help="Unique in the portal.")],
    tab: TabOption = None,
    color: ColorOption = None,
    text_color: TextColorOption = None,
    roadmap: RoadmapOption = None,
    not_voteable: Annotated[bool, typer.Option("--not-voteable", help="Its posts accept no votes.")] = False,
    default: DefaultOption = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a status, after the others. Without --tab it is on the first tab.

    \b
    earshot statuses create --name "In Review" --tab roadmap --color "#ffaa00" --roadmap
    """

    def add(work: UnitOfWork) -> int:
        status_id = statuses.add(
            work,
            name=name,
            tab_id=_first_tab_id(work) if tab is None else find_tab_id(work, tab),
            color=color,
            text_color=text_color,
            is_voteable=not not_voteable,
            show_in_roadmap=bool(roadmap),
        )
        if default:
            statuses.make_default(work, status_id)
        return status_id

    CATALOGUE.create(add, portal=portal, as_json=as_json)


@group.command()
def edit(
    status: StatusArgument,
    name: Annotated[str | None, typer.Option(parser=text_param(), metavar="NAME")] = None,
    tab: TabOption = None,
    color: ColorOption = None,
    text_color: TextColorOption = None,
    roadmap: RoadmapOption = None,
    voteable: Annotated[
        bool | None, typer.Option("--voteable/--not-voteable", help="Whether its posts accept votes.")
    ] = None,
    default: DefaultOption = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a status; options left out change nothing.

    \b
    earshot statuses edit 4 --name Shipped --not-voteable
    """

    def change(work: UnitOfWork, status_id: int) -> None:
        statuses.edit(
            work,
            status_id,
            name=name,
            color=color,
            tab_id=None if tab is None else find_tab_id(work, tab),
            text_color=text_color,
            is_voteable=voteable,
            show_in_roadmap=roadmap,
        )
        if default:
            statuses.make_default(work, status_id)

    CATALOGUE.edit(status, change, portal, as_json)


CATALOGUE.add_delete(
    group,
    statuses.delete,
    "Delete a status. Its posts get the default one, each with a row in its history.\n\n"
    "Nothing shows that history yet, and nobody is notified yet.",
)
CATALOGUE.add_list_and_reorder(group, "3 2")


def _first_tab_id(work: UnitOfWork) -> int:
    rows = tabs.list_all(work)
    if not rows:
        raise CommandError("there is no tab yet: create one with `earshot tabs create --name N --url U`")
    return int(rows[0][0])
