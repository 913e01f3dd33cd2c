"""`earshot tabs …`."""

from typing import Annotated, Any

import typer

from app.cli.database import run_read, run_write
from app.cli.output import print_result, print_table
from app.cli.params import JsonOption, PortalOption, text_param, url_key
from app.domain.models.portals import TAB_TYPES
from app.domain.portals import tabs
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(help="Tabs, the pages of a portal. Each shows the statuses assigned to it.", no_args_is_help=True)

TabArgument = Annotated[str, typer.Argument(metavar="TAB", help="URL key or id.")]


def find_tab(work: UnitOfWork, tab: str) -> Row:
    """A tab by its URL key, else by its id. Raises NotFound("tab")."""
    if tab.isascii() and tab.isdigit() and len(tab) < 19 and all(row[2] != tab for row in tabs.list_all(work)):
        return tabs.get(work, int(tab))
    return tabs.by_url(work, tab)


def type_of(value: str | None) -> str | None:
    if value is not None and value not in TAB_TYPES:
        raise typer.BadParameter(f"must be one of {', '.join(TAB_TYPES)}")
    return value


TypeOption = Annotated[
    str | None, typer.Option("--type", callback=type_of, metavar="|".join(TAB_TYPES), help="What kind of page it is.")
]


@group.command()
def create(
    name: Annotated[str, typer.Option(parser=text_param(), metavar="NAME")],
    url: Annotated[str, typer.Option(parser=url_key, metavar="KEY", help="Its part of an address; unique.")],
    kind: TypeOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a tab, behind the others.

    \b
    earshot tabs create --name "Help" --url help --type knowledgebase
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        return _shown(tabs.get(work, tabs.add(work, name=name, url=url, kind=kind or "feedback")))

    made = run_write(operation, portal=portal)
    print_result(made, f"tab {made['id']} ({url}) was created", as_json=as_json)


@group.command("list")
def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """List tabs in their order."""
    print_table("tabs", [_shown(row) for row in run_read(tabs.list_all, portal=portal)], as_json=as_json)


@group.command()
def edit(
    tab: TabArgument,
    name: Annotated[str | None, typer.Option(parser=text_param(), metavar="NAME")] = None,
    url: Annotated[str | None, typer.Option(parser=url_key, metavar="KEY")] = None,
    kind: TypeOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a tab; what is left out stays."""

    def operation(work: UnitOfWork) -> dict[str, Any]:
        tab_id = find_tab(work, tab)[0]
        tabs.edit(work, tab_id, name=name, url=url, kind=kind)
        return _shown(tabs.get(work, tab_id))

    print_result(run_write(operation, portal=portal), f"tab {tab} was changed", as_json=as_json)


@group.command()
def delete(tab: TabArgument, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Delete a tab that has neither statuses nor sections."""

    def operation(work: UnitOfWork) -> int:
        tab_id = int(find_tab(work, tab)[0])
        tabs.delete(work, tab_id)
        return tab_id

    print_result(
        {"id": run_write(operation, portal=portal), "deleted": True}, f"tab {tab} was deleted", as_json=as_json
    )


@group.command()
def reorder(
    names: Annotated[list[str], typer.Argument(metavar="TAB...", help="These come first, in this order.")],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order the tabs.

    \b
    earshot tabs reorder roadmap feedback
    """

    def operation(work: UnitOfWork) -> list[dict[str, Any]]:
        tabs.reorder(work, [find_tab(work, name)[0] for name in names])
        return [_shown(row) for row in tabs.list_all(work)]

    print_table("tabs", run_write(operation, portal=portal), as_json=as_json)


def _shown(row: Row) -> dict[str, Any]:
    return {"id": row[0], "name": row[1], "url": row[2], "type": row[3]}
