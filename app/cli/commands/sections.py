"""`earshot sections …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.catalogue import Catalogue
from app.cli.lookup import find_tab_id
from app.cli.params import JsonOption, PortalOption, id_param, text_param
from app.domain.portals import sections
from app.domain.portals.sections import MAX_TITLE
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(help="Sections, groups of posts inside a tab.", no_args_is_help=True)

SectionArgument = Annotated[
    int, typer.Argument(parser=id_param, metavar="ID", help="As `earshot sections list` shows it.")
]
ParentOption = Annotated[
    int | None, typer.Option(parser=id_param, metavar="ID", help="The parent section, on the same tab.")
]


def _serialize(row: Row) -> dict[str, Any]:
    section_id, title, tab_id, parent_id = row
    return {"id": section_id, "title": title, "tab_id": tab_id, "parent_id": parent_id}


CATALOGUE: Final = Catalogue(
    name="section",
    plural="sections",
    created="section {id} was created",
    get=sections.get,
    list_all=sections.list_all,
    reorder=sections.reorder,
    serialize=_serialize,
)


@group.command()
def create(
    title: Annotated[str, typer.Option(parser=text_param(MAX_TITLE), metavar="TITLE")],
    tab: Annotated[str, typer.Option(metavar="TAB", help="URL key or id.")],
    parent: ParentOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a section, after the others.

    \b
    earshot sections create --title "This quarter" --tab roadmap
    """
    CATALOGUE.create(
        lambda work: sections.add(work, title=title, tab_id=find_tab_id(work, tab), parent_id=parent),
        portal=portal,
        as_json=as_json,
    )


@group.command()
def edit(
    section: SectionArgument,
    title: Annotated[str | None, typer.Option(parser=text_param(MAX_TITLE), metavar="TITLE")] = None,
    tab: Annotated[str | None, typer.Option(metavar="TAB", help="The sections below it move to the same tab.")] = None,
    parent: ParentOption = None,
    no_parent: Annotated[bool, typer.Option("--no-parent", help="Put it directly on its tab.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a section; options left out change nothing.

    \b
    earshot sections edit 2 --tab changelog --no-parent
    """
    if no_parent and parent is not None:
        raise typer.BadParameter("give --parent or --no-parent, not both")

    def change(work: UnitOfWork, section_id: int) -> None:
        _, old_title, old_tab_id, old_parent_id = sections.get_to_change(work, section_id)
        sections.edit(
            work,
            section_id,
            title=title or old_title,
            tab_id=old_tab_id if tab is None else find_tab_id(work, tab),
            parent_id=None if no_parent else parent or old_parent_id,
        )

    CATALOGUE.edit(section, change, portal, as_json)


CATALOGUE.add_delete(
    group,
    sections.delete,
    "Delete a section. Its posts stay without one; the sections below it stay directly on the tab.",
)
CATALOGUE.add_list_and_reorder(group, "2 1")
