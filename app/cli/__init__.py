"""The operator's command line: `earshot …`. Commands parse and print; the rules they call are those of the APIs.

A command starts fast because it imports only what it needs: `main` imports the module of the command that it runs. If
only one command of a module needs another module, its function imports it.
"""

import gc
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated, Final

import typer

_MODULES: Final = (
    *("serve", "maintenance", "portals", "users", "keys", "secret"),
    *("boards", "tabs", "statuses", "sections", "widgets"),
    "webhooks",
    *("posts", "comments", "votes", "follows"),
    *("mail", "outbox"),
    "identity-providers",
)
"""The modules of the commands, in the order of the help. Except `maintenance`, each is named after its command."""
_MAINTENANCE: Final = frozenset({"migrate", "settings", "counters", "doctor"})
"""The commands of the module `maintenance`."""

_HELP: Final = """\
Earshot, a feedback portal with the ProductLift and the Astuto REST APIs.

\b
earshot serve                         start the server; the first start prints an API key for each dialect
earshot serve --demo                  start with a sample portal
earshot keys create --user owner@example.com --dialect astuto
earshot users list --json
earshot doctor                        report problems and how to fix them

Settings are read from the environment and from a file .env; `earshot settings` lists them. Every command but
`serve` accepts --json; commands that act in one portal accept --portal. The exit code is 0 on success, 1 with a
message on standard error on failure, and 2 for wrong usage.
"""


def build_app(modules: Iterable[str] = _MODULES) -> typer.Typer:
    """The command line with the commands of these modules."""
    app = typer.Typer(
        name="earshot",
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for module in modules:
        app.add_typer(import_module(f"app.cli.commands.{module.replace('-', '_')}").group)
    return app


def _print_version(requested: bool) -> None:
    if requested:
        from app.server.startup import program_version

        typer.echo(f"Earshot {program_version()}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options that come before a command."""


def main() -> None:
    """Run the command that this process was started for, and exit with its code."""
    arguments = sys.argv[1:]
    name = arguments[0] if arguments else ""
    module = "maintenance" if name in _MAINTENANCE else name
    # Imports create no garbage. Garbage collection during the imports, and of the imported objects at the exit, would
    # take a third of the time of a short command.
    gc.disable()
    app = build_app([module] if module in _MODULES else _MODULES)
    gc.freeze()
    gc.enable()
    run(app, arguments)


def run(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Run one command and exit with its code."""
    # Not at the top, because it imports the database: `main` has to come first.
    from app.cli.errors import EXPECTED_ERRORS, error_lines

    try:
        app(args=list(arguments), prog_name="earshot")
    except EXPECTED_ERRORS as error:
        print(f"earshot: {error_lines(error)}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has closed it. Python would write to it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
