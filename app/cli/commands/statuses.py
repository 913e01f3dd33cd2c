"""`earshot statuses …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.catalogue import Catalogue
from app.cli.errors import CommandError
from app.cli.lookup import find_tab_id
from app.cli.output import Output
from app.cli.params import color, id_argument, text_param
from app.cli.portal_commands import write_command
from app.domain.portals import statuses, tabs
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(
    name="statuses", help="Statuses of posts. Each tab shows its own, in their order.", no_args_is_help=True
)

TabOption = Annotated[str | None, typer.Option(metavar="TAB", help="The tab that shows it: URL key or id.")]
ColorOption = Annotated[str | None, typer.Option(parser=color, metavar="COLOR", help="Such as #0096ff.")]
TextColorOption = Annotated[str | None, typer.Option(parser=color, metavar="COLOR", help="Of text on that color.")]
RoadmapOption = Annotated[bool | None, typer.Option("--roadmap/--no-roadmap", help="Whether the roadmap shows it.")]
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


CATALOGUE: Final = Catalogue(group, "status", "statuses", list_all=statuses.list_all, serialize=_serialize)


@write_command(group)
def create(
    work: UnitOfWork,
    name: Annotated[str, typer.Option(parser=text_param(), metavar="NAME", help="Unique in the portal.")],
    tab: TabOption = None,
    color: ColorOption = None,
    text_color: TextColorOption = None,
    roadmap: RoadmapOption = None,
    not_voteable: Annotated[bool, typer.Option("--not-voteable", help="Its posts accept no votes.")] = False,
    default: DefaultOption = False,
) -> Output:
    """Create a status, after the others. Without --tab it is on the first tab.

    \b
    earshot statuses create --name "In Review" --tab roadmap --color "#ffaa00" --roadmap
    """
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
    status = _serialize(statuses.get(work, status_id))
    return status, f"status {status_id} was created on the tab {status['tab']}"


@write_command(group)
def edit(
    work: UnitOfWork,
    status: Annotated[int, id_argument("statuses")],
    name: Annotated[str | None, typer.Option(parser=text_param(), metavar="NAME")] = None,
    tab: TabOption = None,
    color: ColorOption = None,
    text_color: TextColorOption = None,
    roadmap: RoadmapOption = None,
    voteable: Annotated[
        bool | None, typer.Option("--voteable/--not-voteable", help="Whether its posts accept votes.")
    ] = None,
    default: DefaultOption = False,
) -> Output:
    """Change a status; options left out change nothing.

    \b
    earshot statuses edit 4 --name Shipped --not-voteable
    """
    statuses.edit(
        work,
        status,
        name=name,
        color=color,
        tab_id=None if tab is None else find_tab_id(work, tab),
        text_color=text_color,
        is_voteable=voteable,
        show_in_roadmap=roadmap,
    )
    if default:
        statuses.make_default(work, status)
    return _serialize(statuses.get(work, status)), f"status {status} was changed"


CATALOGUE.add_delete(
    statuses.delete,
    "Delete a status. Its posts get the default one, each with a row in its history.\n\n"
    "Nothing shows that history yet. The followers of each post are told of its new status.",
)
CATALOGUE.add_list_and_reorder(statuses.reorder, "3 2")


def _first_tab_id(work: UnitOfWork) -> int:
    rows = tabs.list_all(work)
    if not rows:
        raise CommandError("there is no tab yet: create one with `earshot tabs create --name N --url U`")
    return int(rows[0][0])
