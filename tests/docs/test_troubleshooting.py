"""docs/operating/troubleshooting.md: its commands, options, settings and messages exist."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from app.settings.model import Settings
from tests.cli.conftest import COMMANDS
from tests.support.checkout import ROOT

PAGE = (ROOT / "docs" / "operating" / "troubleshooting.md").read_text(encoding="utf-8")
SPANS = re.findall("`([^`\n]+)`", PAGE)
COMMAND_LINES = sorted({span for span in SPANS if span.startswith("earshot ")})
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "app").rglob("*.py")))


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_its_commands_exist(line: str) -> None:
    words = shlex.split(line)[1:]
    names = [word for word in words if re.fullmatch("[a-z][a-z-]+", word)]

    for count in (2, 1):
        done = CliRunner().invoke(COMMANDS, [*names[:count], "--help"])
        if done.exit_code == 0:
            break

    assert done.exit_code == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in done.output


def test_its_settings_exist() -> None:
    named = {name for span in SPANS for name in re.findall(r"EARSHOT_[A-Z_]+", span)}

    assert len(named) > 10
    assert {name.removeprefix("EARSHOT_").lower() for name in named} <= set(Settings.model_fields)


@pytest.mark.parametrize(
    "message",
    [
        "no process has taken up events since ",
        " must not be called: ",
        "it is encrypted with another secret of the server",
    ],
)
def test_its_messages_are_those_of_the_program(message: str) -> None:
    assert message in PAGE
    assert message in SOURCE


def test_it_lists_the_parts_that_the_doctor_checks() -> None:
    doctor = ROOT / "app" / "cli" / "doctor"
    checked = {name for path in doctor.rglob("*.py") for name in re.findall(r'@check\("([^"]+)"', path.read_text())}
    listed = PAGE.partition("The parts are ")[2].partition("\n\n")[0]

    assert len(checked) > 15
    assert checked - set(re.findall("`([^`]+)`", listed)) == set()
