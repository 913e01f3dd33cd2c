"""`earshot tabs …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.catalogue import Catalogue
from app.cli.lookup import find_tab_id
from app.cli.output import Output
from app.cli.params import choice_param, text_param, url_key
from app.cli.portal_commands import write_command
from app.domain.models.portals import TAB_TYPES
from app.domain.portals import tabs
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(
    name="tabs", help="Tabs, the pages of a portal. Each shows the statuses assigned to it.", no_args_is_help=True
)

TypeOption = Annotated[
    str | None,
    typer.Option("--type", callback=choice_param(TAB_TYPES), metavar="|".join(TAB_TYPES), help="The kind of page."),
]


def _serialize(row: Row) -> dict[str, Any]:
    tab_id, name, url, kind = row
    return {"id": tab_id, "name": name, "url": url, "type": kind}


CATALOGUE: Final = Catalogue(
    group,
    "tab",
    "tabs",
    list_all=tabs.list_all,
    serialize=_serialize,
    metavar="TAB",
    key_type=str,
    key_help="URL key or id.",
    find_id=find_tab_id,
)


@write_command(group)
def create(
    work: UnitOfWork,
    name: Annotated[str, typer.Option(parser=text_param(), metavar="NAME")],
    url: Annotated[str, typer.Option(parser=url_key, metavar="KEY", help="Its part of a URL; unique.")],
    kind: TypeOption = None,
) -> Output:
    """Create a tab, after the others.

    \b
    earshot tabs create --name "Help" --url help --type knowledgebase
    """
    tab_id = tabs.add(work, name=name, url=url, kind=kind or "feedback")
    return _serialize(tabs.get(work, tab_id)), f"tab {tab_id} ({url}) was created"


@write_command(group)
def edit(
    work: UnitOfWork,
    tab: Annotated[str, typer.Argument(metavar="TAB", help="URL key or id.")],
    name: Annotated[str | None, typer.Option(parser=text_param(), metavar="NAME")] = None,
    url: Annotated[str | None, typer.Option(parser=url_key, metavar="KEY")] = None,
    kind: TypeOption = None,
) -> Output:
    """Change a tab; options left out change nothing."""
    tab_id = find_tab_id(work, tab)
    tabs.edit(work, tab_id, name=name, url=url, kind=kind)
    return _serialize(tabs.get(work, tab_id)), f"tab {tab} was changed"


CATALOGUE.add_delete(tabs.delete, "Delete a tab that has neither statuses nor sections.")
CATALOGUE.add_list_and_reorder(tabs.reorder, "roadmap feedback")
