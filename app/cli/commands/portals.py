"""`earshot portals …`."""

import json
import shlex
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from app.adapters.translations import is_translated, list_languages
from app.cli.commands.sign_on import sso_secret
from app.cli.database import delete_files, run_read_all_portals, run_write, run_write_without_portal
from app.cli.errors import CommandError
from app.cli.output import Note, Output, format_fields, print_result, table
from app.cli.params import JsonOption, choice_param, color, host_name, long_text_param, text_param
from app.cli.portal_commands import read_command, write_command
from app.domain.models.portals import DIALECTS, MODERATION_POLICIES, SIGN_UP_POLICIES
from app.domain.portals import portals
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import emails

group = typer.Typer(
    name="portals",
    help="Portals. The first start creates one; where there are several, each needs a host.",
    no_args_is_help=True,
)

SETTINGS: Final = {
    "title": "its name",
    "host": "its host, such as feedback.example.com; `none` removes it",
    "moderation-policy": f"which new posts need approval, see below: {', '.join(MODERATION_POLICIES)}",
    "default-dialect": f"the API for requests without a key: {', '.join(DIALECTS)}; `none`: the server's default",
    "locale": "the language of its pages and emails, such as en, de or de-AT",
    "invite-message": "the default text of an invitation",
    "private": "on shows its pages to signed-in users only, and no widgets, feeds and public JSON; off shows all",
    "accent-color": "the color of links and buttons, such as #0b57c2",
    "welcome-text": "Markdown above the list of posts on its pages",
    "sign-up": f"who may create an account on its pages: {', '.join(SIGN_UP_POLICIES)}",
    "sign-up-domains": "the domains of e-mail addresses that may: example.com,example.org; `none`: all",
    "anonymous-posts": "on lets visitors of its pages post without an account; off does not",
    "anonymous-votes": "on lets visitors of its pages vote without an account; off does not",
    "voters": "who sees on its pages who voted for a post: public or team",
}
FLAGS: Final = {
    "private": ("is_private", ("off", "on")),
    "anonymous-posts": ("allows_anonymous_posts", ("off", "on")),
    "anonymous-votes": ("allows_anonymous_votes", ("off", "on")),
    "voters": ("shows_voters", ("team", "public")),
}
"""The column of each setting that is yes or no, and the words for no and yes."""
COLUMNS: Final = (
    *("id", "guid", "title", "locale", "host", "default_dialect", "moderation_policy", "private"),
    *("sign_up", "sign_up_domains", "anonymous_posts", "anonymous_votes", "voters"),
    *("accent_color", "welcome_text", "invite_message", "single_sign_on"),
)
_BOOLEANS: Final = ("private", "anonymous_posts", "anonymous_votes", "single_sign_on")
REMOVABLE: Final = ("host", "default-dialect", "invite-message", "accent-color", "welcome-text", "sign-up-domains")
"""The settings that a portal can be without."""
MAX_LOCALE: Final = 16
MAX_INVITE_MESSAGE: Final = 1000
"""Characters; as of a single invitation, docs/contracts/productlift.md, section 7.18."""
MAX_WELCOME_TEXT: Final = 5000
MAX_DOMAINS: Final = 100
"""So many domains may be listed for sign-up."""


@group.command()
def create(
    title: Annotated[str, typer.Option(parser=text_param(), metavar="TITLE", help="The portal's name.")],
    host: Annotated[str | None, typer.Option(parser=host_name, metavar="HOST", help="Its host.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a portal with its first boards, tabs and statuses.

    It has users and keys of its own. Where there are several portals, each is served on its host only, so set the host
    of the first one before you create another.

    \b
    earshot portals set host feedback.example.com --portal 1
    earshot portals create --title Ideas --host ideas.example.com
    earshot users create --portal ideas.example.com --email jane@example.com --role owner
    earshot keys create --portal ideas.example.com --user jane@example.com --dialect astuto
    """

    def operation(work: UnitOfWork) -> int:
        _require_hosts(portals.list_all(work), host)
        return portals.create(work, title=title, host=host)

    portal_id = run_write_without_portal(operation)
    print_result({"id": portal_id}, f"portal {portal_id} was created", as_json=as_json)


@group.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List portals."""
    print_result(*table("portals", map(_serialize, run_read_all_portals(portals.list_all))), as_json=as_json)


@read_command(group)
def show(work: UnitOfWork) -> Output:
    """Show every setting of a portal.

    \b
    earshot portals show --portal feedback.example.com
    """
    details = _serialize(portals.get_current(work))
    return details, format_fields(details)


@write_command(
    group,
    "set",
    help_text="Change a setting of a portal.\n\n\b\n"
    + "\n".join(f"{name:<18} {meaning}" for name, meaning in SETTINGS.items())
    + "\n\nWith `always`, a post that a user below moderator writes on the pages, or that ProductLift's API creates "
    "for such a user, needs approval, and so does a post without an account. With `anonymous`, only a post without an "
    "account does. Posts by moderators and above never need approval, and neither do posts from Astuto's API."
    f"\n\n--none removes {', '.join(REMOVABLE[:-1])} or {REMOVABLE[-1]}."
    "\n\n\b\nearshot portals set moderation-policy always\n"
    "earshot portals set host feedback.example.com --portal 1\n"
    "earshot portals set sign-up-domains example.com,example.org\n"
    "earshot portals set invite-message --none",
)
def set_(
    work: UnitOfWork,
    setting: Annotated[str, typer.Argument(callback=choice_param(tuple(SETTINGS)), metavar="SETTING")],
    value: Annotated[str | None, typer.Argument(metavar="VALUE")] = None,
    none: Annotated[bool, typer.Option("--none", help="Remove the setting.")] = False,
) -> Output:
    if setting == "accent-color" and value is None and not none:
        raise typer.BadParameter(
            "give the color in quotation marks, such as '#0b57c2': a shell ignores what follows a #"
        )
    if none is (value is not None):
        raise typer.BadParameter("give VALUE or --none, and not both")
    if none and setting not in REMOVABLE:
        raise typer.BadParameter(f"{setting} can't be removed: --none is for {', '.join(REMOVABLE)}")
    parsed = None if value is None else _parse_value(setting, value)
    column = FLAGS[setting][0] if setting in FLAGS else setting.replace("-", "_")
    portals.update_setting(work, setting=column, value=parsed)
    note = None
    if setting == "host" and parsed is not None:
        note = Note(
            f"on a host other than {parsed}, this portal's keys get a 401 now, and its public pages a 404",
            with_json=False,
        )
    if setting == "private" and parsed and portals.get_current(work)["sign_up"] != "closed":
        note = Note(
            "everybody with an account sees it: earshot portals set sign-up closed, or sign-up-domains, decides who "
            "may have one",
            with_json=False,
        )
    shown = "unset" if parsed is None else value if setting in (*FLAGS, "sign-up-domains") else parsed
    return _serialize(portals.get_current(work)), f"{setting} is {shown}", note


@group.command()
def delete(
    portal: Annotated[str, typer.Argument(metavar="HOST_OR_ID", help="As `earshot portals list` shows it.")],
    confirm: Annotated[
        str | None, typer.Option(metavar="TITLE_OR_ID", help="The portal's title or id once more; required.")
    ] = None,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Confirm the deletion; required.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a portal and all that belongs to it.

    These are its users, keys, posts, uploads and events. Only a backup can restore them. The last portal can't be
    deleted. A running server rejects its keys within a second.

    \b
    earshot portals delete ideas.example.com --confirm Ideas --yes
    """
    from app.domain.portals import deletion

    def operation(work: UnitOfWork) -> tuple[int, list[str]]:
        row = portals.get_current(work)
        if confirm is not None and confirm not in (row["title"], str(row["id"])):
            raise CommandError(
                f"--confirm must be the portal's title or id: {shlex.quote(row['title'])} or {row['id']}"
            )
        if confirm is None or not is_confirmed:
            raise CommandError(_question(work, row))
        return row["id"], deletion.delete_portal(work)

    portal_id, files = run_write(operation, portal=portal)
    delete_files(files)
    print_result({"id": portal_id, "deleted": True}, f"portal {portal_id} was deleted", as_json=as_json)


def _question(work: UnitOfWork, portal: Row) -> str:
    """Why a deletion needs a confirmation."""
    from app.cli.lookup import USERS
    from app.domain.posts import filters

    posts = filters.total(work, {})
    return (
        f"this deletes portal {portal['id']} ({portal['title']}) for good, with all its posts ({posts}) and users "
        f"({USERS.total(work)}): add --yes, and --confirm with its title or id"
    )


def _require_hosts(rows: Sequence[Row], host: str | None) -> None:
    """Reject a second portal while one has no host: beside another portal, such a portal would be served on no host."""
    for portal in map(_serialize, rows):
        if portal["host"] is None:
            raise CommandError(
                f"portal {portal['id']} has no host, and could not be reached beside another portal: set its host "
                f"first with `earshot portals set host HOST --portal {portal['id']}`"
            )
    if rows and host is None:
        raise CommandError("there is a portal already, and each of several portals needs a host: add --host HOST")


def _parse_value(setting: str, value: str) -> str | bool | None:
    choices = {"moderation-policy": MODERATION_POLICIES, "default-dialect": DIALECTS, "sign-up": SIGN_UP_POLICIES}
    allowed = FLAGS[setting][1] if setting in FLAGS else choices.get(setting)
    if value == "none" and setting in ("host", "default-dialect", "sign-up-domains"):
        return None
    if allowed is not None:
        if value not in allowed:
            raise typer.BadParameter(f"{setting} must be one of {', '.join(allowed)}")
        return value == allowed[1] if setting in FLAGS else value
    if setting == "host":
        return host_name(value)
    if setting == "accent-color":
        return color(value)
    if setting == "sign-up-domains":
        return json.dumps(_parse_domains(value))
    if setting == "welcome-text":
        return str(long_text_param(MAX_WELCOME_TEXT)(value))
    if setting == "invite-message":
        return str(long_text_param(MAX_INVITE_MESSAGE)(value))
    if setting == "locale":
        return _parse_locale(value)
    return str(text_param(255)(value))


def _parse_locale(value: str) -> str:
    locale = str(text_param(MAX_LOCALE)(value))
    if not is_translated(locale):
        languages = ", ".join(list_languages())
        raise typer.BadParameter(f"locale must be one of {languages}, also with a region, such as de-AT")
    # As browsers and BCP 47 write it; the system's `LANG` has `de_AT`.
    return locale.replace("_", "-")


def _parse_domains(value: str) -> list[str]:
    domains = sorted({domain.strip().removeprefix("@").lower() for domain in value.split(",")})
    if len(domains) > MAX_DOMAINS or not all(emails.is_valid_email(f"a@{domain}") for domain in domains):
        raise typer.BadParameter(
            f"sign-up-domains must be domains with commas between them, such as example.com,example.org; at most "
            f"{MAX_DOMAINS}"
        )
    return domains


def _serialize(row: Row) -> dict[str, Any]:
    # A list of all portals does not have the last columns, of which two are long texts.
    portal = dict(zip(COLUMNS, row, strict=False))
    for name in _BOOLEANS:
        if name in portal:
            portal[name] = bool(portal[name])
    if "voters" in portal:
        portal["voters"] = FLAGS["voters"][1][bool(portal["voters"])]
    if portal.get("sign_up_domains") is not None:
        portal["sign_up_domains"] = ",".join(json.loads(portal["sign_up_domains"]))
    return portal


group.command("sso-secret")(sso_secret)
