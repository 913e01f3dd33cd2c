"""The command line of the operator: `earshot …`. Commands ask and tell; the rules they call are the doors' rules."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli.commands import (
    boards,
    follows,
    keys,
    maintenance,
    portals,
    posts,
    replies,
    secret,
    sections,
    serve,
    statuses,
    tabs,
    users,
)
from app.cli.errors import REFUSALS, error_message
from app.server.startup import program_version

__all__ = ["app", "main"]

app = typer.Typer(
    name="earshot",
    help="""
    Earshot, a feedback portal that speaks the ProductLift and the Astuto REST APIs.

    \b
    earshot serve                         start the server; the first start prints an API key for each dialect
    earshot serve --demo                  the same with a sample portal to look at
    earshot keys create --user owner@example.com --dialect astuto
    earshot users list --json
    earshot doctor                        what is wrong, and what to do about it

    Settings come from the environment and from a file .env; `earshot settings` lists them. Each command but `serve`
    takes --json, and --portal where it acts in one of several portals. It exits with 0 when it is done, with 1 and one
    line on standard error when it refuses, with 2 when it is called wrongly.
    """,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _told_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Earshot {program_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_told_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """What stands before a command."""


serve.register(app)
maintenance.register(app)
for name, group in {
    "portals": portals.group,
    "users": users.group,
    "keys": keys.group,
    "secret": secret.group,
    "boards": boards.group,
    "tabs": tabs.group,
    "statuses": statuses.group,
    "sections": sections.group,
    "posts": posts.group,
    "comments": replies.comments_group,
    "votes": replies.votes_group,
    "follows": follows.group,
}.items():
    app.add_typer(group, name=name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="earshot")
    except REFUSALS as error:
        print(f"earshot: {error_message(error)}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read us has seen enough. Nothing more is to be written, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
