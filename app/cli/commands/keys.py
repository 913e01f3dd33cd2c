"""`earshot keys …`. A key's text is printed when it is made and never again."""

import re
import sys
from typing import Annotated, Final

import typer

from app.cli.database import run_read, run_write
from app.cli.errors import CommandError
from app.cli.lookup import find_user_id
from app.cli.output import print_result, print_table
from app.cli.params import JsonOption, PortalOption, id_param
from app.domain import installation
from app.domain.errors import Conflict, UniqueViolation
from app.domain.models.portals import DIALECTS
from app.domain.sql.timestamps import Timestamp, format_seconds
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys
from app.settings import Settings

LEAST_TOKEN: Final = 16
MOST_TOKEN: Final = 255

group = typer.Typer(help="API keys, new ones and those that clients hold already.", no_args_is_help=True)


def dialect_of(value: str) -> str:
    if value not in DIALECTS:
        raise typer.BadParameter(f"must be one of {', '.join(DIALECTS)}")
    return value


UserOption = Annotated[str, typer.Option("--user", metavar="USER", help="Whose key: address, id or UUID.")]
DialectOption = Annotated[
    str, typer.Option(callback=dialect_of, metavar="astuto|productlift", help="The API that the key speaks.")
]


@group.command()
def create(user: UserOption, dialect: DialectOption, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Make a key and print it, this one time.

    \b
    earshot keys create --user owner@example.com --dialect productlift
    """
    settings = Settings.load()

    def operation(work: UnitOfWork) -> str:
        secret = _secret(work, settings)
        return api_keys.issue(work, user_id=find_user_id(work, user), dialect=dialect, secret=secret)

    key = run_write(operation, portal=portal)
    print_result({"key": key}, key, as_json=as_json)


@group.command()
def adopt(
    user: UserOption,
    dialect: DialectOption,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the key as the client sends it from standard input.")
    ] = False,
    astuto_digest: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="Take the digest that Astuto's database has, when nobody knows the key."),
    ] = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take over a key that a client holds.

    The client needs no new one then.

    A digest works once EARSHOT_ASTUTO_SECRET is set to the secret of the Astuto installation it comes from.

    \b
    printf %s "$OLD_KEY" | earshot keys adopt --user jane@example.com --dialect astuto --token-stdin
    earshot keys adopt --user jane@example.com --dialect astuto --astuto-digest 9f86d081884c7d65…
    """
    if token_stdin == (astuto_digest is not None):
        raise typer.BadParameter("give --token-stdin or --astuto-digest, one of the two")
    settings = Settings.load()
    if astuto_digest is not None:
        digest, prefix, scheme = _digest(astuto_digest, dialect, settings), "tkn_…", "astuto"
    else:
        token = _token()
        digest, prefix, scheme = "", api_keys.display_prefix(token)[:32], "earshot"

    def operation(work: UnitOfWork) -> int:
        nonlocal digest
        if scheme == "earshot":
            digest = api_keys.digest(token, _secret(work, settings))
        try:
            return api_keys.import_key(
                work, user_id=find_user_id(work, user), dialect=dialect, digest_=digest, prefix=prefix, scheme=scheme
            )
        except UniqueViolation:
            raise Conflict("key.known") from None

    key_id = run_write(operation, portal=portal)
    print_result({"id": key_id}, f"key {key_id} was taken over", as_json=as_json)


@group.command("list")
def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """List keys with their last use. What is shown of a key lets nobody in."""
    rows = run_read(api_keys.list_keys, portal=portal)
    print_table(
        "keys",
        [
            {
                "id": row[0],
                "dialect": row[1],
                "prefix": row[2],
                "user": row[6] or row[7],
                "created_at": format_seconds(row[3]),
                "last_used_at": _moment(row[4]),
                "revoked_at": _moment(row[5]),
            }
            for row in rows
        ],
        as_json=as_json,
    )


@group.command()
def revoke(
    key_id: Annotated[int, typer.Argument(parser=id_param, metavar="ID", help="As `earshot keys list` shows it.")],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a key for good. A running server forgets it within a second."""

    def operation(work: UnitOfWork) -> None:
        if any(row[0] == key_id and row[5] is not None for row in api_keys.list_keys(work)):
            raise CommandError(f"key {key_id} is revoked already")
        api_keys.revoke(work, key_id)

    run_write(operation, portal=portal)
    print_result({"id": key_id, "revoked": True}, f"key {key_id} is revoked", as_json=as_json)


def _moment(moment: Timestamp | None) -> str | None:
    return None if moment is None else format_seconds(moment)


def _secret(work: UnitOfWork, settings: Settings) -> bytes:
    """The secret to make keys with. Raises Conflict("secret.other")."""
    known = installation.has_fingerprint(work)
    used = known or api_keys.count(work) > 0
    if used and not settings.has_secret:
        # Do not make one here that can't be the right one.
        raise Conflict("secret.other")
    if known or not used:
        installation.require_secret(work, settings.secret)
    # Else the keys are older than the fingerprint. A command may run beside another data directory than the server, so
    # the server's next start says which secret is the right one.
    return settings.secret


def _token() -> str:
    token = sys.stdin.read(MOST_TOKEN + 2).strip()
    if not LEAST_TOKEN <= len(token) <= MOST_TOKEN or not re.fullmatch(r"[!-~]+", token):
        raise CommandError(f"a key has from {LEAST_TOKEN} to {MOST_TOKEN} visible characters, without spaces")
    return token


def _digest(given: str, dialect: str, settings: Settings) -> str:
    if dialect != "astuto":
        raise CommandError("only Astuto's keys can be taken over by their digest")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", given):
        raise CommandError("a digest of Astuto is 64 hexadecimal digits")
    if settings.astuto_secret is None:
        raise CommandError(
            "set EARSHOT_ASTUTO_SECRET to the secret of the Astuto installation first: its digests need it"
        )
    return given.lower()
