"""`earshot widgets …`."""

from typing import Annotated, Any, Final
from uuid import UUID

import typer

from app.cli.lookup import find_tab_id
from app.cli.output import Output, table
from app.cli.params import choice_param, text_param
from app.cli.portal_commands import read_command, write_command
from app.domain.errors import ValidationFailed
from app.domain.models.portals import WIDGET_TYPES
from app.domain.portals import widgets
from app.domain.portals.widgets import ANY_SITE, MAX_FRAME_ANCESTORS
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET

group = typer.Typer(name="widgets", help="Widgets, which show a tab on other sites.", no_args_is_help=True)

WidgetArgument = Annotated[
    str, typer.Argument(parser=str.lower, metavar="WIDGET", help="Its id, as `earshot widgets list` shows it.")
]
NAME: Final[Any] = typer.Option(parser=text_param(), metavar="NAME", help="Its name, for the team.")
TypeOption = Annotated[
    str | None,
    typer.Option(
        "--type",
        callback=choice_param(WIDGET_TYPES),
        metavar="|".join(WIDGET_TYPES),
        help="What it is meant for: to open over a page, at its side, or to be part of it. The page decides.",
    ),
]


def _frame_ancestors(value: str) -> str:
    try:
        return widgets.parse_frame_ancestors(value)
    except ValidationFailed:
        raise typer.BadParameter(
            "must be sites such as https://www.example.com, 'self' or * in one argument, separated by spaces, of at "
            f"most {MAX_FRAME_ANCESTORS} characters"
        ) from None


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise typer.BadParameter("must be a UUID") from None


FrameAncestorsOption = Annotated[
    str | None,
    typer.Option(
        "--frame-ancestors",
        parser=_frame_ancestors,
        metavar="ORIGINS",
        help="The sites that may embed it, such as 'https://a.example https://b.example'; * for any.",
    ),
]


def _serialize(row: Row) -> dict[str, Any]:
    _, uuid, name, kind, tab, frame_ancestors = row
    return {"id": uuid, "name": name, "type": kind, "tab": tab, "frame_ancestors": frame_ancestors}


@read_command(group, "list")
def list_(work: UnitOfWork) -> Output:
    """List widgets by name."""
    return table("widgets", map(_serialize, widgets.list_all(work)))


@write_command(group)
def create(
    work: UnitOfWork,
    name: Annotated[str, NAME],
    kind: TypeOption = None,
    tab: Annotated[
        str | None, typer.Option(metavar="TAB", help="The tab that it shows: URL key or id; by default the first.")
    ] = None,
    frame_ancestors: FrameAncestorsOption = None,
    widget_uuid: Annotated[
        str | None,
        typer.Option("--id", parser=_uuid, metavar="UUID", help="The id that pages use already; by default a new one."),
    ] = None,
) -> Output:
    """Create a widget. Without --type it is meant to open over a page. By default any site may embed it.

    With --id, a widget of ProductLift keeps its id, so that pages need only the new address of the script.

    \b
    earshot widgets create --name "Help menu" --tab feedback
    earshot widgets create --name Intranet --type embed --frame-ancestors https://intranet.example.com
    """
    widget = widgets.add(
        work,
        name=name,
        kind=kind or "widget",
        tab_id=None if tab is None else find_tab_id(work, tab),
        frame_ancestors=frame_ancestors or ANY_SITE,
        widget_uuid=widget_uuid,
    )
    return _serialize(widgets.by_uuid(work, widget)), f"widget {widget} was created"


@write_command(group)
def edit(
    work: UnitOfWork,
    widget: WidgetArgument,
    name: Annotated[str | None, NAME] = None,
    kind: TypeOption = None,
    tab: Annotated[str | None, typer.Option(metavar="TAB", help="The tab that it shows: URL key or id.")] = None,
    first_tab: Annotated[bool, typer.Option("--first-tab", help="Show the first tab of the portal.")] = False,
    frame_ancestors: FrameAncestorsOption = None,
) -> Output:
    """Change a widget; options left out change nothing."""
    if (name, kind, tab, frame_ancestors) == (None, None, None, None) and not first_tab:
        raise typer.BadParameter("give --name, --type, --tab, --first-tab or --frame-ancestors")
    if first_tab and tab is not None:
        raise typer.BadParameter("give --tab or --first-tab, not both")
    tab_id = None if first_tab else UNSET if tab is None else find_tab_id(work, tab)
    widgets.edit(work, widget, name=name, kind=kind, tab_id=tab_id, frame_ancestors=frame_ancestors)
    return _serialize(widgets.by_uuid(work, widget)), f"widget {widget} was changed"


@write_command(group)
def delete(work: UnitOfWork, widget: WidgetArgument) -> Output:
    """Delete a widget. Pages that embed it show an error from then on."""
    widgets.delete(work, widget)
    return {"id": widget, "deleted": True}, f"widget {widget} was deleted"
