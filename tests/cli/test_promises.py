"""No help and no setting promises what does not exist yet: mail, webhooks, and pages to sign in at."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import typer

from app.cli import app
from app.settings import Settings
from tests.cli.conftest import Cli

NOT_YET: Final = re.compile(r"(?i)\b(mails|letters?|webhooks?|notif\w+|hears?|outbox|deliver\w*|sign(ed)? in)\b")
SAID: Final = re.compile(r"(?i)\byet\b")
OTHERWISE: Final = {"doctor": "looks at mail, whose setting it can check"}
"""Commands that name one of these and promise nothing of it."""
WITHOUT_EFFECT: Final = ("smtp_url", "outbox", "outbound_allow")


def texts(command: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each command's and each option's help, with the command."""
    yield path, command.help or ""
    for parameter in command.params:
        yield path, getattr(parameter, "help", None) or ""
    for name, below in getattr(command, "commands", {}).items():
        yield from texts(below, f"{path} {name}".strip())


def test_no_help_promises_what_does_not_exist_yet() -> None:
    promised = [
        (path, text)
        for path, text in texts(typer.main.get_command(app))
        if NOT_YET.search(text) and not SAID.search(text) and path not in OTHERWISE
    ]

    assert promised == []


@pytest.mark.parametrize(
    "command", [("follows", "add"), ("follows", "remove"), ("statuses", "delete"), ("users", "password")]
)
def test_a_command_without_its_effect_yet_says_so(command: tuple[str, ...], cli: Cli) -> None:
    assert re.search(r"(?i)(no effect|nobody is notified) yet", cli.run(*command, "--help").out)


def test_each_setting_without_effect_says_so_and_no_other_does() -> None:
    told = {
        one.name.removeprefix("EARSHOT_").lower() for one in Settings().describe() if "no effect yet" in one.meaning
    }

    assert told == set(WITHOUT_EFFECT)


def test_the_doctor_promises_no_mail(cli: Cli) -> None:
    assert "it has no effect yet, because no mail is sent" in cli.run("doctor").out
