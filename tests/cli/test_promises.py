"""No help text promises what does not exist yet: mail, webhooks, and pages to sign in at."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import typer

from tests.cli.conftest import COMMANDS, Cli

NOT_YET: Final = re.compile(r"(?i)\b(mails|letters?|webhooks?|notif\w+|hears?|outbox|deliver\w*|sign(ed)? in)\b")
SAID: Final = re.compile(r"(?i)\byet\b")


def texts(command: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each command's and each option's help, with the command."""
    yield path, command.help or ""
    for parameter in command.params:
        yield path, getattr(parameter, "help", None) or ""
    for name, below in getattr(command, "commands", {}).items():
        yield from texts(below, f"{path} {name}".strip())


def test_help_texts_do_not_mention_missing_features() -> None:
    promised = [
        (path, text)
        for path, text in texts(typer.main.get_command(COMMANDS))
        if NOT_YET.search(text) and not SAID.search(text)
    ]

    assert promised == []


@pytest.mark.parametrize(
    "command", [("follows", "add"), ("follows", "remove"), ("statuses", "delete"), ("users", "password")]
)
def test_a_command_without_an_effect_says_so(command: tuple[str, ...], cli: Cli) -> None:
    assert re.search(r"(?i)(no effect|nobody is notified) yet", cli.run(*command, "--help").out)
