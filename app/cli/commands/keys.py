"""`earshot keys …`. A key is printed when it is created and never again."""

import re
import sys
from typing import Annotated, Any, Final

import typer

from app.cli.database import run_write
from app.cli.errors import CommandError
from app.cli.lookup import find_user_id
from app.cli.output import Output, print_result, table
from app.cli.params import JsonOption, PortalOption, choice_param, id_argument
from app.cli.portal_commands import read_command, write_command
from app.domain import installation
from app.domain.errors import Conflict, UniqueViolation
from app.domain.models.portals import DIALECTS
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import api_keys
from app.settings import Settings

MIN_TOKEN_LENGTH: Final = 16
MAX_TOKEN_LENGTH: Final = 255

group = typer.Typer(name="keys", help="API keys: create, import, list and revoke them.", no_args_is_help=True)


UserOption = Annotated[str, typer.Option("--user", metavar="USER", help="The key's user: address, id or UUID.")]
DialectOption = Annotated[
    str,
    typer.Option(callback=choice_param(DIALECTS), metavar="astuto|productlift", help="The API that the key is for."),
]


@write_command(group)
def create(work: UnitOfWork, user: UserOption, dialect: DialectOption) -> Output:
    """Create a key and print it. It is never shown again.

    \b
    earshot keys create --user owner@example.com --dialect productlift
    """
    secret = _require_secret(work, Settings.load())
    key = api_keys.issue(work, user_id=find_user_id(work, user), dialect=dialect, secret=secret)
    return {"key": key}, key


@group.command()
def adopt(
    user: UserOption,
    dialect: DialectOption,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the key, as the client sends it, from standard input.")
    ] = False,
    astuto_digest: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="The key's digest in Astuto's database, if the key is lost."),
    ] = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a key that a client already has.

    The client then needs no new key.

    A digest works once EARSHOT_ASTUTO_SECRET is set to the secret of the Astuto installation that it comes from.

    \b
    printf %s "$OLD_KEY" | earshot keys adopt --user jane@example.com --dialect astuto --token-stdin
    earshot keys adopt --user jane@example.com --dialect astuto --astuto-digest 9f86d081884c7d65…
    """
    if token_stdin == (astuto_digest is not None):
        raise typer.BadParameter("give --token-stdin or --astuto-digest, one of the two")
    settings = Settings.load()
    if astuto_digest is not None:
        digest, prefix, scheme = _parse_digest(astuto_digest, dialect, settings), "tkn_…", "astuto"
    else:
        token = _read_token()
        digest, prefix, scheme = "", api_keys.display_prefix(token)[:32], "earshot"

    def operation(work: UnitOfWork) -> Output:
        key_digest = digest or api_keys.digest(token, _require_secret(work, settings))
        user_id = find_user_id(work, user)
        try:
            key_id = api_keys.import_key(
                work, user_id=user_id, dialect=dialect, digest_=key_digest, prefix=prefix, scheme=scheme
            )
        except UniqueViolation:
            raise Conflict("key.known") from None
        return {"id": key_id}, f"key {key_id} was imported"

    print_result(*run_write(operation, portal=portal), as_json=as_json)


@read_command(group, "list")
def list_(work: UnitOfWork) -> Output:
    """List keys with their last use. Only the first characters of a key are shown."""
    return table("keys", map(_serialize, api_keys.list_keys(work)))


@write_command(group)
def revoke(work: UnitOfWork, key_id: Annotated[int, id_argument("keys")]) -> Output:
    """Revoke a key for good. A running server rejects it within a second."""
    if any(key["id"] == key_id and key["revoked_at"] for key in map(_serialize, api_keys.list_keys(work))):
        raise CommandError(f"key {key_id} is revoked already")
    api_keys.revoke(work, key_id)
    return {"id": key_id, "revoked": True}, f"key {key_id} was revoked"


def _serialize(row: Row) -> dict[str, Any]:
    key_id, dialect, prefix, *times, email, name = row
    created_at, last_used_at, revoked_at = (time and format_seconds(time) for time in times)
    key = {"id": key_id, "dialect": dialect, "prefix": prefix, "user": email or name}
    return {**key, "created_at": created_at, "last_used_at": last_used_at, "revoked_at": revoked_at}


def _require_secret(work: UnitOfWork, settings: Settings) -> bytes:
    """The secret to create keys with. Raises Conflict("secret.other")."""
    has_fingerprint = installation.has_fingerprint(work)
    is_used = has_fingerprint or api_keys.count(work) > 0
    if is_used and not settings.has_secret:
        # A secret created here would not be the one that the keys were made with.
        raise Conflict("secret.other")
    if has_fingerprint or not is_used:
        installation.require_secret(work, settings.secret)
    # Else the keys are older than the fingerprint. A command may run beside another data directory than the server, so
    # the server's next start, not this command, decides which secret is the right one.
    return settings.secret


def _read_token() -> str:
    token = sys.stdin.read(MAX_TOKEN_LENGTH + 2).strip()
    if not MIN_TOKEN_LENGTH <= len(token) <= MAX_TOKEN_LENGTH or not re.fullmatch(r"[!-~]+", token):
        raise CommandError(
            f"a key must have {MIN_TOKEN_LENGTH} to {MAX_TOKEN_LENGTH} visible ASCII characters, without spaces"
        )
    return token


def _parse_digest(digest: str, dialect: str, settings: Settings) -> str:
    if dialect != "astuto":
        raise CommandError("only Astuto's keys can be imported by their digest")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise CommandError("a digest of Astuto is 64 hexadecimal digits")
    if settings.astuto_secret is None:
        raise CommandError(
            "set EARSHOT_ASTUTO_SECRET to the secret of the Astuto installation first: its digests need it"
        )
    return digest.lower()
