"""`earshot portals …`."""

import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from app.cli.database import delete_files, run_read_all_portals, run_write, run_write_without_portal
from app.cli.errors import CommandError
from app.cli.output import Note, Output, print_result, table
from app.cli.params import JsonOption, PortalOption, choice_param, host_name, text_param
from app.cli.portal_commands import write_command
from app.cli.secret import require_secret
from app.domain.models.portals import DIALECTS, MODERATION_POLICIES
from app.domain.portals import portals
from app.domain.unit_of_work import Row, UnitOfWork
from app.settings import Settings

group = typer.Typer(
    name="portals",
    help="Portals. The first start creates one; where there are several, each needs a host.",
    no_args_is_help=True,
)

MIN_SSO_SECRET: Final = 16
MAX_SSO_SECRET: Final = 255

SETTINGS: Final = {
    "title": "its name",
    "host": "its host, such as feedback.example.com; `none` removes it",
    "moderation-policy": f"which new posts from ProductLift's API need approval: {', '.join(MODERATION_POLICIES)}",
    "default-dialect": f"the API for requests without a key: {', '.join(DIALECTS)}; `none`: the server's default",
    "locale": "its language, such as en",
}


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


@write_command(
    group,
    "set",
    help_text="Change a setting of a portal.\n\n\b\n"
    + "\n".join(f"{name:<18} {meaning}" for name, meaning in SETTINGS.items())
    + "\n\nWith `always`, a post that ProductLift's API creates for a user below moderator needs approval. With "
    "`anonymous`, only a post without an author would, and no API creates such posts yet. Posts by moderators and "
    "above never need approval, and neither do posts from Astuto's API."
    "\n\n\b\nearshot portals set moderation-policy always\n"
    "earshot portals set host feedback.example.com --portal 1",
)
def set_(
    work: UnitOfWork,
    setting: Annotated[str, typer.Argument(callback=choice_param(tuple(SETTINGS)), metavar="SETTING")],
    value: Annotated[str, typer.Argument(metavar="VALUE")],
) -> Output:
    parsed = _parse_value(setting, value)
    portals.update_setting(work, setting=setting.replace("-", "_"), value=parsed)
    note = None
    if setting == "host" and parsed is not None:
        note = Note(
            f"on a host other than {parsed}, this portal's keys get a 401 now, and the pages of its posts a 404",
            with_json=False,
        )
    return _serialize(portals.get_current(work)), f"{setting} is {'unset' if parsed is None else parsed}", note


@group.command()
def delete(
    portal: Annotated[str, typer.Argument(metavar="HOST_OR_ID", help="As `earshot portals list` shows it.")],
    confirm: Annotated[
        str | None, typer.Option(metavar="TITLE_OR_ID", help="The portal's title or id once more; required.")
    ] = None,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Confirm the deletion; required.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a portal with its users, keys, posts, uploads and events.

    Only a backup can restore them. The last portal can't be deleted. A running server rejects its keys within a second.

    \b
    earshot portals delete ideas.example.com --confirm Ideas --yes
    """
    from app.domain.portals import deletion

    def operation(work: UnitOfWork) -> tuple[int, list[str]]:
        row = _serialize(portals.get_current(work))
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


@group.command("sso-secret")
def sso_secret(
    is_new: Annotated[bool, typer.Option("--new", help="Replace the secret by a new one.")] = False,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the secret from standard input, such as the one used before.")
    ] = False,
    is_off: Annotated[bool, typer.Option("--off", help="Remove the secret, which turns sign-on off.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the secret of single sign-on. The first call creates it, which turns sign-on on.

    Your own server signs a token with it, and sends people to /sso?token=TOKEN. Tokens that were signed with a
    replaced secret are not valid any more.

    \b
    earshot portals sso-secret
    earshot portals sso-secret --new
    printf %s "$SECRET" | earshot portals sso-secret --stdin
    """
    from app.adapters.encryption import SecretCipher, UnreadableSecret
    from app.domain.users import sign_on

    if is_new + from_stdin + is_off > 1:
        raise typer.BadParameter("give one of --new, --stdin and --off")
    given = _read_sso_secret() if from_stdin else None
    settings = Settings.load()

    def operation(work: UnitOfWork) -> str | None:
        cipher, stored = SecretCipher(require_secret(work, settings)), sign_on.get_secret(work)
        if is_off:
            sign_on.set_secret(work, None)
            return None
        if stored is not None and given is None and not is_new:
            try:
                return cipher.decrypt(stored)
            except UnreadableSecret:
                raise CommandError(
                    "the secret was encrypted with another secret key of the server and can't be read: "
                    "replace it with --new or --stdin"
                ) from None
        secret = given or secrets.token_urlsafe(32)
        sign_on.set_secret(work, cipher.encrypt(secret))
        return secret

    secret = run_write(operation, portal=portal)
    print_result({"secret": secret}, secret or "single sign-on is off", as_json=as_json)


def _read_sso_secret() -> str:
    """Read the secret from standard input."""
    try:
        secret = sys.stdin.read(MAX_SSO_SECRET + 2).strip()
    except UnicodeError:
        secret = ""
    if not MIN_SSO_SECRET <= len(secret) <= MAX_SSO_SECRET or not secret.isprintable():
        raise CommandError(f"the secret must have {MIN_SSO_SECRET} to {MAX_SSO_SECRET} printable characters")
    return secret


def _question(work: UnitOfWork, portal: Mapping[str, Any]) -> str:
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


def _parse_value(setting: str, value: str) -> str | None:
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


def _serialize(row: Row) -> dict[str, Any]:
    names = ("id", "guid", "title", "locale", "host", "default_dialect", "moderation_policy")
    return dict(zip(names, row, strict=True))
