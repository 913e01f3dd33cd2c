"""`earshot sections …`."""

from typing import Annotated, Any

import typer

from app.cli.commands.tabs import named as tab_named
from app.cli.database import reading, writing
from app.cli.output import tell, tell_rows
from app.cli.params import JsonOption, PortalOption, parsed_id, text_of
from app.domain.portals import sections
from app.domain.portals.sections import MAX_TITLE
from app.domain.unit_of_work import Row, Work

group = typer.Typer(help="Sections, groups inside a tab.", no_args_is_help=True)

SectionArgument = Annotated[
    int, typer.Argument(parser=parsed_id, metavar="ID", help="As `earshot sections list` shows it.")
]
ParentOption = Annotated[
    int | None, typer.Option(parser=parsed_id, metavar="ID", help="The section that it lies in, on the same tab.")
]


@group.command()
def create(
    title: Annotated[str, typer.Option(parser=text_of(MAX_TITLE), metavar="TITLE")],
    tab: Annotated[str, typer.Option(metavar="TAB", help="URL key or id.")],
    parent: ParentOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a section, behind the others.

    \b
    earshot sections create --title "This quarter" --tab roadmap
    """

    def act(work: Work) -> dict[str, Any]:
        tab_id = tab_named(work, tab)[0]
        return _shown(sections.get(work, sections.add(work, title=title, tab_id=tab_id, parent_id=parent)))

    made = writing(act, portal=portal)
    tell(made, f"section {made['id']} was created", as_json=as_json)


@group.command("list")
def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """List sections in their order."""
    tell_rows("sections", [_shown(row) for row in reading(sections.every, portal=portal)], as_json=as_json)


@group.command()
def edit(
    section: SectionArgument,
    title: Annotated[str | None, typer.Option(parser=text_of(MAX_TITLE), metavar="TITLE")] = None,
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

    def act(work: Work) -> dict[str, Any]:
        _, old_title, old_tab, old_parent = sections.get_to_change(work, section)
        sections.edit(
            work,
            section,
            title=title or old_title,
            tab_id=old_tab if tab is None else tab_named(work, tab)[0],
            parent_id=None if no_parent else parent or old_parent,
        )
        return _shown(sections.get(work, section))

    tell(writing(act, portal=portal), f"section {section} was changed", as_json=as_json)


@group.command()
def delete(section: SectionArgument, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Delete a section. Its posts stay without one; those below it lie on the tab itself."""
    writing(lambda work: sections.delete(work, section), portal=portal)
    tell({"id": section, "deleted": True}, f"section {section} was deleted", as_json=as_json)


@group.command()
def reorder(
    ids: Annotated[
        list[int], typer.Argument(parser=parsed_id, metavar="ID...", help="These come first, in this order.")
    ],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order the sections.

    \b
    earshot sections reorder 2 1
    """

    def act(work: Work) -> list[dict[str, Any]]:
        sections.reorder(work, ids)
        return [_shown(row) for row in sections.every(work)]

    tell_rows("sections", writing(act, portal=portal), as_json=as_json)


def _shown(row: Row) -> dict[str, Any]:
    return {"id": row[0], "title": row[1], "tab_id": row[2], "parent_id": row[3]}
