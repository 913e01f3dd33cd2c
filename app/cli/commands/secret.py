"""`earshot secret …`."""

import typer

from app.cli.database import run_write_without_portal
from app.cli.errors import CommandError
from app.cli.output import print_result
from app.cli.params import JsonOption
from app.domain import installation
from app.settings import SECRET_FILE, Settings

group = typer.Typer(name="secret", help="The server's secret, which its keys depend on.", no_args_is_help=True)


@group.command()
def accept(as_json: JsonOption = False) -> None:
    """Accept another secret than the one that the keys in the database were created with.

    This revokes these keys for good, in all portals: not even the old secret restores them. Keys imported by Astuto's
    digest stay. If you still have the old secret, put it back instead. Stop the server first.

    \b
    earshot secret accept
    earshot keys create --user owner@example.com --dialect astuto
    """
    settings = Settings.load()
    if not settings.has_secret:
        path = settings.data_dir.absolute() / SECRET_FILE
        raise CommandError(f"there is no secret to accept: write one with (umask 077; openssl rand -hex 32 > {path})")
    new_secret = settings.secret
    revoked = run_write_without_portal(lambda work: installation.accept_secret(work, new_secret))
    message = "this secret is accepted" + (f", and {revoked} keys are revoked" if revoked else "; no key is revoked")
    print_result({"ended_keys": revoked}, message, as_json=as_json)
