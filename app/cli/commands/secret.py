"""`earshot secret …`."""

import typer

from app.cli.database import run_write_without_portal
from app.cli.errors import CommandError
from app.cli.output import print_result
from app.cli.params import JsonOption
from app.domain import installation
from app.settings import SECRET_FILE, Settings

group = typer.Typer(help="The server's secret, with which keys are made.", no_args_is_help=True)


@group.callback()
def secret() -> None:
    pass


@group.command()
def accept(as_json: JsonOption = False) -> None:
    """Go on with another secret than the one that the database's keys were made with.

    All these keys end for good, in all portals: nobody can restore them, not even the old secret. Keys taken over by
    Astuto's digest stay. If the old secret can be had, put it back instead. Stop the server first.

    \b
    earshot secret accept
    earshot keys create --user owner@example.com --dialect astuto
    """
    settings = Settings.load()
    if not settings.has_secret:
        path = settings.data_dir.absolute() / SECRET_FILE
        raise CommandError(f"there is no secret to accept: write one with (umask 077; openssl rand -hex 32 > {path})")
    chosen = settings.secret
    ended = run_write_without_portal(lambda work: installation.accept_secret(work, chosen))
    told = f"this secret is accepted, and {ended} keys have ended" if ended else "this secret is accepted; no key ended"
    print_result({"ended_keys": ended}, told, as_json=as_json)
