"""No text for operators promises what does not exist yet."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from tests.cli.conftest import COMMANDS, Cli
from tests.support.checkout import ROOT

NOT_YET: Final = re.compile(r"(?i)\bhears?\b")
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


def messages(path: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings, or the text of a template."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield re.sub(r"<[^>]*>|{[{%#].*?[%#}]}", " ", text)
        return
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


FILES: Final = sorted(
    path
    for pattern in ("app/settings/*.py", "app/cli/doctor/*.py", "app/server/*.py", "app/web/templates/*.html")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_findings_metrics_and_pages_do_not_mention_missing_features(path: Path) -> None:
    texts = list(messages(path))

    assert [text for text in texts if NOT_YET.search(text) and not SAID.search(text)] == []


def test_the_output_of_doctor_and_settings_does_not_mention_missing_features(cli: Cli) -> None:
    for command in ("doctor", "settings"):
        done = cli.run(command)

        assert done.code == 0
        assert NOT_YET.search(done.out) is None


@pytest.mark.parametrize("command", [("statuses", "delete")])
def test_a_command_without_an_effect_says_so(command: tuple[str, ...], cli: Cli) -> None:
    assert re.search(r"(?i)(no (other )?effect|nothing shows that history) yet", cli.run(*command, "--help").out)
