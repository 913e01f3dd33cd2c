"""`earshot sections …`."""

from typing import Annotated, Any

import typer

from app.cli.commands.tabs import find_tab as tab_named
from app.cli.database import run_read, run_write
from app.cli.output import print_result, print_table
from app.cli.params import JsonOption, PortalOption, id_param, text_param
from app.domain.portals import sections
from app.domain.portals.sections import MAX_TITLE
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(help="Sections, groups inside a tab.", no_args_is_help=True)

SectionArgument = Annotated[
    int, typer.Argument(parser=id_param, metavar="ID", help="As `earshot sections list` shows it.")
]
ParentOption = Annotated[
    int | None, typer.Option(parser=id_param, metavar="ID", help="The section that it lies in, on the same tab.")
]


@group.command()
def create(
    title: Annotated[str, typer.Option(parser=text_param(MAX_TITLE), metavar="TITLE")],
    tab: Annotated[str, typer.Option(metavar="TAB", help="URL key or id.")],
    parent: ParentOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a section, behind the others.

    \b
    earshot sections create --title "This quarter" --tab roadmap
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        tab_id = tab_named(work, tab)[0]
        return _shown(sections.get(work, sections.add(work, title=title, tab_id=tab_id, parent_id=parent)))

    made = run_write(operation, portal=portal)
    print_result(made, f"section {made['id']} was created", as_json=as_json)


@group.command("list")
def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """List sections in their order."""
    print_table("sections", [_shown(row) for row in run_read(sections.list_all, portal=portal)], as_json=as_json)


@group.command()
def edit(
    section: SectionArgument,
    title: Annotated[str | None, typer.Option(parser=text_param(MAX_TITLE), metavar="TITLE")] = None,
    tab: Annotated[str | None, typer.Option(metavar="TAB", help="What lies below comes along.")] = None,
    parent: ParentOption = None,
    no_parent: Annotated[bool, typer.Option("--no-parent", help="It lies in no other section any more.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a section; what is left out stays.

    \b
    earshot sections edit 2 --tab changelog --no-parent
    """
    if no_parent and parent is not None:
        raise typer.BadParameter("give --parent or --no-parent, not both")

    def operation(work: UnitOfWork) -> dict[str, Any]:
        _, old_title, old_tab, old_parent = sections.get_to_change(work, section)
        sections.edit(
            work,
            section,
            title=title or old_title,
            tab_id=old_tab if tab is None else tab_named(work, tab)[0],
            parent_id=None if no_parent else parent or old_parent,
        )
        return _shown(sections.get(work, section))

    print_result(run_write(operation, portal=portal), f"section {section} was changed", as_json=as_json)


@group.command()
def delete(section: SectionArgument, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Delete a section. Its posts stay without one; those below it lie on the tab itself."""
    run_write(lambda work: sections.delete(work, section), portal=portal)
    print_result({"id": section, "deleted": True}, f"section {section} was deleted", as_json=as_json)


@group.command()
def reorder(
    ids: Annotated[
        list[int], typer.Argument(parser=id_param, metavar="ID...", help="These come first, in this order.")
    ],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order the sections.

    \b
    earshot sections reorder 2 1
    """

    def operation(work: UnitOfWork) -> list[dict[str, Any]]:
        sections.reorder(work, ids)
        return [_shown(row) for row in sections.list_all(work)]

    print_table("sections", run_write(operation, portal=portal), as_json=as_json)


def _shown(row: Row) -> dict[str, Any]:
    return {"id": row[0], "title": row[1], "tab_id": row[2], "parent_id": row[3]}
