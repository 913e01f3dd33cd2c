"""`earshot portals …`."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from app.cli.database import run_read_all_portals, run_write, run_write_without_portal
from app.cli.errors import CommandError
from app.cli.output import print_result, print_table
from app.cli.params import JsonOption, PortalOption, host_name, text_param
from app.domain.models.portals import DIALECTS, MODERATION_POLICIES
from app.domain.portals import portals
from app.domain.unit_of_work import Row, UnitOfWork

group = typer.Typer(
    help="Portals. The first start makes one; where there are several each needs a host.", no_args_is_help=True
)

SETTINGS: Final = {
    "title": "the portal's name",
    "host": "the host that it answers on, such as feedback.example.com; `none` takes it away",
    "moderation-policy": f"which new posts of ProductLift's API wait: {', '.join(MODERATION_POLICIES)}",
    "default-dialect": f"who answers requests without a key: {', '.join(DIALECTS)}, or `none` for the server's choice",
    "locale": "the language, such as en",
}


@group.command()
def create(
    title: Annotated[str, typer.Option(parser=text_param(), metavar="TITLE", help="The portal's name.")],
    host: Annotated[
        str | None, typer.Option(parser=host_name, metavar="HOST", help="The host that it answers on.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a portal with its first boards, tabs and statuses.

    Its people and keys are its own. Where there are several portals, each answers on its host only, so give the first
    one a host before you make another.

    \b
    earshot portals set host feedback.example.com --portal 1
    earshot portals create --title Ideas --host ideas.example.com
    earshot users create --portal ideas.example.com --email jane@example.com --role owner
    earshot keys create --portal ideas.example.com --user jane@example.com --dialect astuto
    """

    def operation(work: UnitOfWork) -> int:
        _each_with_a_host(portals.list_all(work), host)
        return portals.create(work, title=title, host=host)

    portal_id = run_write_without_portal(operation)
    print_result({"id": portal_id}, f"portal {portal_id} was created", as_json=as_json)


@group.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List portals."""
    print_table("portals", [_shown(row) for row in run_read_all_portals(portals.list_all)], as_json=as_json)


def setting_of(value: str) -> str:
    if value not in SETTINGS:
        raise typer.BadParameter(f"must be one of {', '.join(SETTINGS)}")
    return value


@group.command(
    "set",
    help="Change a setting of a portal.\n\n\b\n"
    + "\n".join(f"{name:<18} {meaning}" for name, meaning in SETTINGS.items())
    + "\n\nUnder `always` a post that ProductLift's API makes in the name of somebody below moderator waits. "
    "Under `anonymous` only a post without an author would, and no API makes one yet. Posts by moderators and above "
    "never wait, and neither does what Astuto's API makes."
    "\n\n\b\nearshot portals set moderation-policy always\n"
    "earshot portals set host feedback.example.com --portal 1",
)
def set_(
    setting: Annotated[str, typer.Argument(callback=setting_of, metavar="SETTING")],
    value: Annotated[str, typer.Argument(metavar="VALUE")],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    column, given = setting.replace("-", "_"), _judged(setting, value)

    def operation(work: UnitOfWork) -> dict[str, Any]:
        portals.update_setting(work, setting=column, value=given)
        return _shown(portals.get_current(work))

    print_result(
        run_write(operation, portal=portal), f"{setting} is {'unset' if given is None else given}", as_json=as_json
    )


def _each_with_a_host(there: Sequence[Row], host: str | None) -> None:
    """A portal without a host answers everywhere while it is alone, and nowhere from then on: refuse to get there."""
    for row in there:
        if row[4] is None:
            raise CommandError(
                f"portal {row[0]} has no host, and beside another one nobody would reach it: give it one first with "
                f"`earshot portals set host HOST --portal {row[0]}`"
            )
    if there and host is None:
        raise CommandError("there is a portal already, and where there are several each needs a host: add --host HOST")


def _judged(setting: str, value: str) -> str | None:
    allowed = {"moderation-policy": MODERATION_POLICIES, "default-dialect": DIALECTS}.get(setting)
    if value == "none" and setting in ("host", "default-dialect"):
        return None
    if allowed is not None:
        if value not in allowed:
            raise typer.BadParameter(f"{setting} must be one of {', '.join(allowed)}")
        return value
    if setting == "host":
        return host_name(value)
    return str(text_param(16 if setting == "locale" else 255)(value))


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": row[0],
        "guid": row[1],
        "title": row[2],
        "locale": row[3],
        "host": row[4],
        "default_dialect": row[5],
        "moderation_policy": row[6],
    }
