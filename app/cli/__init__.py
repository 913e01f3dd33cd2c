"""The operator's command line: `earshot …`. Commands parse and print; the rules they call are those of the APIs.

A module here imports at its top only what every command needs. What one command needs alone, such as the server, is
imported when that command runs.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli.commands import (
    boards,
    comments,
    follows,
    keys,
    maintenance,
    portals,
    posts,
    secret,
    sections,
    serve,
    statuses,
    tabs,
    users,
    votes,
)
from app.cli.errors import EXPECTED_ERRORS, error_message

__all__ = ["app", "main"]

app = typer.Typer(
    name="earshot",
    help="""
    Earshot, a feedback portal with the ProductLift and the Astuto REST APIs.

    \b
    earshot serve                         start the server; the first start prints an API key for each dialect
    earshot serve --demo                  start with a sample portal
    earshot keys create --user owner@example.com --dialect astuto
    earshot users list --json
    earshot doctor                        report problems and how to fix them

    Settings are read from the environment and from a file .env; `earshot settings` lists them. Every command but
    `serve` accepts --json; commands that act in one portal accept --portal. The exit code is 0 on success, 1 with one
    line on standard error on failure, and 2 for wrong usage.
    """,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        from app.server.startup import program_version

        typer.echo(f"Earshot {program_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options that come before a command."""


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
    "comments": comments.group,
    "votes": votes.group,
    "follows": follows.group,
}.items():
    app.add_typer(group, name=name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="earshot")
    except EXPECTED_ERRORS as error:
        print(f"earshot: {error_message(error)}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has closed it. Python would write to it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
