"""`earshot keys …`. A key is printed when it is created and never again."""

import re
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from app.adapters.database import utc_now
from app.cli.database import run_write
from app.cli.errors import CommandError
from app.cli.lookup import find_user_id
from app.cli.output import Note, Output, print_result, table
from app.cli.params import JsonOption, PortalOption, choice_param, id_argument, text_param
from app.cli.portal_commands import read_command, write_command
from app.cli.secret import require_secret
from app.domain.models.portals import DIALECTS
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET
from app.domain.users import api_keys, key_formats
from app.domain.users.api_keys import MAX_NAME, KeyDescription
from app.settings import Settings

MIN_TOKEN_LENGTH: Final = 16
MAX_TOKEN_LENGTH: Final = 255
MAX_PREFIX_LENGTH: Final = 32
MAX_DAYS: Final = 36_500
_CREATED: Final = ("id", "prefix", "name", "user", "dialect", "expires_at")
"""What `keys create --json` prints besides the key."""

group = typer.Typer(name="keys", help="API keys: create, import, list, edit and revoke them.", no_args_is_help=True)


def expiry(value: str) -> datetime:
    """Parse a number of days from now, such as 90d, or a date, from whose start in UTC the key is not valid."""
    days = re.fullmatch(r"([0-9]{1,6})d", value)
    if days and 1 <= int(days[1]) <= MAX_DAYS:
        return utc_now() + timedelta(days=int(days[1]))
    if days:
        raise typer.BadParameter(f"must be 1d to {MAX_DAYS}d")
    if value == "none":
        raise typer.BadParameter(
            "a new key without --expires does not expire; `earshot keys edit ID --no-expiry` removes an expiry"
        )
    try:
        # Newer Pythons parse other forms too, such as 20270131.
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValueError
        date = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter("must be a date such as 2027-01-31, or a number of days such as 90d") from None
    if date <= utc_now():
        raise typer.BadParameter("must be in the future: the key is invalid from the start of this date in UTC")
    return date


def prefix_param(value: str) -> str:
    """Parse the part of a key that may be shown."""
    prefix = value.strip()
    if not 1 <= len(prefix) <= MAX_PREFIX_LENGTH or not prefix.isprintable():
        raise typer.BadParameter(f"must have 1 to {MAX_PREFIX_LENGTH} printable characters")
    return prefix


UserOption = Annotated[str, typer.Option("--user", metavar="USER", help="The key's user: address, id or UUID.")]
DialectOption = Annotated[
    str,
    typer.Option(callback=choice_param(DIALECTS), metavar="astuto|productlift", help="The API that the key is for."),
]
NameOption = Annotated[
    str | None,
    typer.Option("--name", parser=text_param(MAX_NAME), metavar="NAME", help="What the key is for; not secret."),
]
ExpiresOption = Annotated[
    datetime | None,
    typer.Option(
        "--expires",
        parser=expiry,
        metavar="DATE|DAYS",
        help="When the key stops working: the start of a date (UTC), or a number of days from now, such as 90d.",
    ),
]
TokenOption = Annotated[
    bool, typer.Option("--token-stdin", help="Read the key, as the client sends it, from standard input.")
]
DigestOption = Annotated[
    str | None, typer.Option(metavar="HEX", help="The key's digest in Astuto's database, if the key is lost.")
]
PrefixOption = Annotated[
    str | None,
    typer.Option(
        parser=prefix_param, metavar="TEXT", help="With a digest: the beginning of the key, as Astuto shows it."
    ),
]


@write_command(group)
def create(
    work: UnitOfWork, user: UserOption, dialect: DialectOption, name: NameOption = None, expires: ExpiresOption = None
) -> Output:
    """Create a key and print it. It is never shown again.

    Standard output is the key alone, or with --json also its id, prefix, name, user, dialect and expiry.

    \b
    earshot keys create --user owner@example.com --dialect productlift
    earshot keys create --user owner@example.com --dialect astuto --name "Weekly report" --expires 90d
    """
    secret = require_secret(work, Settings.load())
    user_id = find_user_id(work, user)
    issued = api_keys.issue(work, user_id=user_id, dialect=dialect, secret=secret, name=name, expires_at=expires)
    description = _serialize(api_keys.get(work, issued.id))
    result = {"key": issued.token, **{name: description[name] for name in _CREATED}}
    return result, issued.token, Note("store this key now: it can't be shown again", with_json=False)


@group.command()
def adopt(
    user: UserOption,
    dialect: DialectOption,
    token_stdin: TokenOption = False,
    astuto_digest: DigestOption = None,
    prefix: PrefixOption = None,
    name: NameOption = None,
    expires: ExpiresOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a key that a client already has.

    The client then needs no new key.

    A digest works once EARSHOT_ASTUTO_SECRET is set to the secret of the Astuto installation that it comes from.

    \b
    printf %s "$OLD_KEY" | earshot keys adopt --user jane@example.com --dialect astuto --token-stdin
    earshot keys adopt --user jane@example.com --dialect astuto --astuto-digest 9f86d081884c7d65… --prefix tkn_admin_4f
    """
    if token_stdin == (astuto_digest is not None):
        raise typer.BadParameter("give --token-stdin or --astuto-digest, one of the two")
    if prefix is not None and astuto_digest is None:
        raise typer.BadParameter("--prefix is for --astuto-digest: the key itself has its prefix")
    settings = Settings.load()
    key = _read_client_key(astuto_digest, prefix, dialect, settings)

    def operation(work: UnitOfWork) -> Output:
        key_id = api_keys.import_key(
            work,
            digest_=key.digest(work, settings),
            user_id=find_user_id(work, user),
            dialect=dialect,
            prefix=key.prefix,
            scheme=key.scheme,
            name=name,
            expires_at=expires,
        )
        return {"id": key_id}, f"key {key_id} was imported"

    print_result(*run_write(operation, portal=portal), as_json=as_json)


@read_command(group, "list")
def list_(work: UnitOfWork) -> Output:
    """List keys with last use, expiry and state. Only the first characters of a key are shown.

    The state is active, expired, revoked or user blocked. The last use is stored within some ten seconds.
    """
    return table("keys", map(_serialize, api_keys.list_keys(work)))


@write_command(group)
def edit(
    work: UnitOfWork,
    key_id: Annotated[int, id_argument("keys")],
    name: NameOption = None,
    expires: ExpiresOption = None,
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="The key does not expire.")] = False,
) -> Output:
    """Change the name or the expiry of a key.

    Options left out change nothing.

    A running server applies a new expiry within a second. A later one makes an expired key valid again.

    \b
    earshot keys edit 3 --name "Weekly report" --expires 2027-01-31
    """
    if no_expiry and expires is not None:
        raise typer.BadParameter("give --expires or --no-expiry, not both")
    if name is None and expires is None and not no_expiry:
        raise typer.BadParameter("give --name, --expires or --no-expiry")
    api_keys.edit(
        work,
        key_id,
        name=UNSET if name is None else name,
        expires_at=UNSET if expires is None and not no_expiry else expires,
    )
    return _serialize(api_keys.get(work, key_id)), f"key {key_id} was changed"


@write_command(group)
def revoke(work: UnitOfWork, key_id: Annotated[int, id_argument("keys")]) -> Output:
    """Revoke a key for good. A running server rejects it within a second."""
    if api_keys.get(work, key_id).revoked_at is not None:
        raise CommandError(f"key {key_id} is revoked already")
    api_keys.revoke(work, key_id)
    return {"id": key_id, "revoked": True}, f"key {key_id} was revoked"


def _serialize(key: KeyDescription) -> dict[str, Any]:
    columns = asdict(key)
    return {name: format_seconds(value) if value and name.endswith("_at") else value for name, value in columns.items()}


@dataclass(frozen=True, slots=True)
class _ClientKey:
    """A key that a client already has."""

    prefix: str
    token: str = field(default="", repr=False)
    astuto_digest: str | None = field(default=None, repr=False)
    """The key's digest in Astuto's database; None where the token is known."""

    @property
    def scheme(self) -> str:
        """Which secret the digest was made with."""
        return "earshot" if self.astuto_digest is None else "astuto"

    def digest(self, work: UnitOfWork, settings: Settings) -> str:
        """The digest to store. Raises Conflict("secret.other")."""
        if self.astuto_digest is not None:
            return self.astuto_digest
        return key_formats.digest(self.token, require_secret(work, settings))


def _read_client_key(astuto_digest: str | None, prefix: str | None, dialect: str, settings: Settings) -> _ClientKey:
    """The key with this digest, or without one the key on standard input. Raises CommandError."""
    if astuto_digest is not None:
        return _ClientKey(prefix or "tkn_…", astuto_digest=_parse_digest(astuto_digest, dialect, settings))
    token = _read_token()
    return _ClientKey(key_formats.display_prefix(token)[:MAX_PREFIX_LENGTH], token)


def _read_token() -> str:
    try:
        token = sys.stdin.read(MAX_TOKEN_LENGTH + 2).strip()
    except UnicodeError:
        token = ""
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
