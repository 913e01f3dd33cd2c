"""Commands that run one operation in a portal, as the operator, and print its result.

Such a command is declared as its operation: `read_command` and `write_command` add the options --portal and --json, run
the operation on the database, and print what it returns.
"""

from collections.abc import Callable
from functools import partial
from inspect import Signature, signature
from typing import Any, TypeVar

import typer

from app.cli.database import run_read, run_write
from app.cli.output import Output, print_result
from app.cli.params import JsonOption, PortalOption

O = TypeVar("O", bound=Callable[..., Output])  # noqa: E741


def _portal_command(
    run: Callable[..., Output], group: typer.Typer, name: str | None = None, *, help_text: str | None = None
) -> Callable[[O], O]:
    """Decorate the operation of a command; its first parameter is the unit of work."""

    def add(operation: O) -> O:
        def command(portal: PortalOption = None, as_json: JsonOption = False, **values: Any) -> None:
            print_result(*run(lambda work: operation(work, **values), portal=portal), as_json=as_json)

        _, *parameters = signature(operation).parameters.values()
        shared = list(signature(command).parameters.values())[:2]
        command.__signature__ = Signature([*parameters, *shared])  # type: ignore[attr-defined]
        group.command(name or operation.__name__, help=help_text or operation.__doc__)(command)
        return operation

    return add


read_command = partial(_portal_command, run_read)
"""For an operation that changes nothing."""
write_command = partial(_portal_command, run_write)
"""For an operation that runs in one transaction."""
