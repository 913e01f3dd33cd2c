"""`earshot tabs …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.catalogue import Catalogue
from app.cli.lookup import find_tab_id
from app.cli.params import JsonOption, PortalOption, choice_param, text_param, url_key
from app.domain.models.portals import TAB_TYPES
from app.domain.portals import tabs
from app.domain.unit_of_work import Row

group = typer.Typer(help="Tabs, the pages of a portal. Each shows the statuses assigned to it.", no_args_is_help=True)

TabArgument = Annotated[str, typer.Argument(metavar="TAB", help="URL key or id.")]
TypeOption = Annotated[
    str | None,
    typer.Option("--type", callback=choice_param(TAB_TYPES), metavar="|".join(TAB_TYPES), help="The kind of page."),
]


def _serialize(row: Row) -> dict[str, Any]:
    tab_id, name, url, kind = row
    return {"id": tab_id, "name": name, "url": url, "type": kind}


CATALOGUE: Final = Catalogue(
    name="tab",
    plural="tabs",
    created="tab {id} ({url}) was created",
    get=tabs.get,
    list_all=tabs.list_all,
    reorder=tabs.reorder,
    serialize=_serialize,
    metavar="TAB",
    key_type=str,
    key_help="URL key or id.",
    find_id=find_tab_id,
)


@group.command()
def create(
    name: Annotated[str, typer.Option(parser=text_param(), metavar="NAME")],
    url: Annotated[str, typer.Option(parser=url_key, metavar="KEY", help="Its part of a URL; unique.")],
    kind: TypeOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a tab, after the others.

    \b
    earshot tabs create --name "Help" --url help --type knowledgebase
    """
    CATALOGUE.create(
        lambda work: tabs.add(work, name=name, url=url, kind=kind or "feedback"), portal=portal, as_json=as_json
    )


@group.command()
def edit(
    tab: TabArgument,
    name: Annotated[str | None, typer.Option(parser=text_param(), metavar="NAME")] = None,
    url: Annotated[str | None, typer.Option(parser=url_key, metavar="KEY")] = None,
    kind: TypeOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a tab; options left out change nothing."""
    CATALOGUE.edit(tab, lambda work, tab_id: tabs.edit(work, tab_id, name=name, url=url, kind=kind), portal, as_json)


CATALOGUE.add_delete(group, tabs.delete, "Delete a tab that has neither statuses nor sections.")
CATALOGUE.add_list_and_reorder(group, "roadmap feedback")
