"""`earshot sections …`."""

from typing import Annotated, Any, Final

import typer

from app.cli.catalogue import Catalogue
from app.cli.lookup import find_tab_id
from app.cli.output import Output
from app.cli.params import id_argument, id_param, text_param
from app.cli.portal_commands import write_command
from app.domain.portals import sections
from app.domain.portals.sections import MAX_TITLE
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(name="sections", help="Sections, groups of posts inside a tab.", no_args_is_help=True)

ParentOption = Annotated[
    int | None, typer.Option(parser=id_param, metavar="ID", help="The parent section, on the same tab.")
]


def _serialize(row: Row) -> dict[str, Any]:
    section_id, title, tab_id, parent_id = row
    return {"id": section_id, "title": title, "tab_id": tab_id, "parent_id": parent_id}


CATALOGUE: Final = Catalogue(group, "section", "sections", list_all=sections.list_all, serialize=_serialize)


@write_command(group)
def create(
    work: UnitOfWork,
    title: Annotated[str, typer.Option(parser=text_param(MAX_TITLE), metavar="TITLE")],
    tab: Annotated[str, typer.Option(metavar="TAB", help="URL key or id.")],
    parent: ParentOption = None,
) -> Output:
    """Create a section, after the others.

    \b
    earshot sections create --title "This quarter" --tab roadmap
    """
    section_id = sections.add(work, title=title, tab_id=find_tab_id(work, tab), parent_id=parent)
    return _serialize(sections.get(work, section_id)), f"section {section_id} was created"


@write_command(group)
def edit(
    work: UnitOfWork,
    section: Annotated[int, id_argument("sections")],
    title: Annotated[str | None, typer.Option(parser=text_param(MAX_TITLE), metavar="TITLE")] = None,
    tab: Annotated[str | None, typer.Option(metavar="TAB", help="The sections below it move to the same tab.")] = None,
    parent: ParentOption = None,
    no_parent: Annotated[bool, typer.Option("--no-parent", help="Put it directly on its tab.")] = False,
) -> Output:
    """Change a section; options left out change nothing.

    \b
    earshot sections edit 2 --tab changelog --no-parent
    """
    if no_parent and parent is not None:
        raise typer.BadParameter("give --parent or --no-parent, not both")
    _, old_title, old_tab_id, old_parent_id = sections.get_to_change(work, section)
    sections.edit(
        work,
        section,
        title=title or old_title,
        tab_id=old_tab_id if tab is None else find_tab_id(work, tab),
        parent_id=None if no_parent else parent or old_parent_id,
    )
    return _serialize(sections.get(work, section)), f"section {section} was changed"


CATALOGUE.add_delete(
    sections.delete, "Delete a section. Its posts stay without one; the sections below it stay directly on the tab."
)
CATALOGUE.add_list_and_reorder(sections.reorder, "2 1")
