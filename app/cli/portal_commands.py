"""Commands that run one operation in a portal, as the operator, and print its result.

Such a command is declared as its operation: `read_command` and `write_command` add the options --portal and --json, run
the operation on the database, and print what it returns.
"""

from collections.abc import Callable
from inspect import Signature, signature
from typing import Any, TypeVar

import typer

from app.cli.database import run_read, run_write
from app.cli.output import Output, print_result
from app.cli.params import JsonOption, PortalOption

O = TypeVar("O", bound=Callable[..., Output])  # noqa: E741


def read_command(group: typer.Typer, name: str | None = None, *, help_text: str | None = None) -> Callable[[O], O]:
    """Add a command of an operation that changes nothing; its first parameter is the unit of work."""
    return _add_command(run_read, group, name, help_text)


def write_command(group: typer.Typer, name: str | None = None, *, help_text: str | None = None) -> Callable[[O], O]:
    """Add a command of an operation that runs in one transaction; its first parameter is the unit of work."""
    return _add_command(run_write, group, name, help_text)


def _add_command(
    run: Callable[..., Output], group: typer.Typer, name: str | None, help_text: str | None
) -> Callable[[O], O]:
    def add(operation: O) -> O:
        def command(portal: PortalOption = None, as_json: JsonOption = False, **values: Any) -> None:
            print_result(*run(lambda work: operation(work, **values), portal=portal), as_json=as_json)

        _, *parameters = signature(operation).parameters.values()
        shared = list(signature(command).parameters.values())[:2]
        command.__signature__ = Signature([*parameters, *shared])  # type: ignore[attr-defined]
        group.command(name or operation.__name__, help=help_text or operation.__doc__)(command)
        return operation

    return add
