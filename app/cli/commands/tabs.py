"""`earshot tabs …`."""

from typing import Annotated, Any

import typer

from app.cli.database import reading, writing
from app.cli.output import tell, tell_rows
from app.cli.params import JsonOption, PortalOption, text_of, url_key
from app.domain.models.portals import TAB_TYPES
from app.domain.portals import tabs
from app.domain.unit_of_work import Row, Work

group = typer.Typer(help="Tabs, the pages of a portal. Each shows the statuses assigned to it.", no_args_is_help=True)

TabArgument = Annotated[str, typer.Argument(metavar="TAB", help="URL key or id.")]


def named(work: Work, tab: str) -> Row:
    """A tab by its URL key, else by its id. Raises NotFound("tab")."""
    if tab.isascii() and tab.isdigit() and len(tab) < 19 and all(row[2] != tab for row in tabs.every(work)):
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
    name: Annotated[str, typer.Option(parser=text_of(), metavar="NAME")],
    url: Annotated[str, typer.Option(parser=url_key, metavar="KEY", help="Its part of an address; unique.")],
    kind: TypeOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a tab, behind the others.

    \b
    earshot tabs create --name "Help" --url help --type knowledgebase
    """

    def act(work: Work) -> dict[str, Any]:
        return _shown(tabs.get(work, tabs.add(work, name=name, url=url, kind=kind or "feedback")))

    made = writing(act, portal=portal)
    tell(made, f"tab {made['id']} ({url}) was created", as_json=as_json)


@group.command("list")
def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """List tabs in their order."""
    tell_rows("tabs", [_shown(row) for row in reading(tabs.every, portal=portal)], as_json=as_json)


@group.command()
def edit(
    tab: TabArgument,
    name: Annotated[str | None, typer.Option(parser=text_of(), metavar="NAME")] = None,
    url: Annotated[str | None, typer.Option(parser=url_key, metavar="KEY")] = None,
    kind: TypeOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a tab; what is left out stays."""

    def act(work: Work) -> dict[str, Any]:
        tab_id = named(work, tab)[0]
        tabs.edit(work, tab_id, name=name, url=url, kind=kind)
        return _shown(tabs.get(work, tab_id))

    tell(writing(act, portal=portal), f"tab {tab} was changed", as_json=as_json)


@group.command()
def delete(tab: TabArgument, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Delete a tab that has neither statuses nor sections."""

    def act(work: Work) -> int:
        tab_id = int(named(work, tab)[0])
        tabs.delete(work, tab_id)
        return tab_id

    tell({"id": writing(act, portal=portal), "deleted": True}, f"tab {tab} was deleted", as_json=as_json)


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

    def act(work: Work) -> list[dict[str, Any]]:
        tabs.reorder(work, [named(work, name)[0] for name in names])
        return [_shown(row) for row in tabs.every(work)]

    tell_rows("tabs", writing(act, portal=portal), as_json=as_json)


def _shown(row: Row) -> dict[str, Any]:
    return {"id": row[0], "name": row[1], "url": row[2], "type": row[3]}
