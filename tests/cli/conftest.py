"""The command in this process, on a database of each engine that has the first portal."""

import asyncio
import io
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from app.cli import build_app, run
from app.domain.portals.bootstrap import FirstPortal
from app.server import startup
from app.settings import Settings
from tests.cli.database import Rows, rows_of_settings
from tests.conftest import SECRET
from tests.support.commands import Done, message_of

COMMANDS: Final = build_app()


class Cli:
    """Runs commands as the shell would, but for the process."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, first_portal: FirstPortal
    ) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.first_portal = first_portal

    def run(self, *arguments: str, stdin: str = "") -> Done:
        """Run one command to its end."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            run(COMMANDS, arguments)
        captured = self._capsys.readouterr()
        code = end.value.code
        return Done(code if isinstance(code, int) else 0, captured.out, captured.err)

    def json(self, *arguments: str, stdin: str = "") -> Any:
        """The output of a command that succeeds, with --json."""
        done = self.run(*arguments, "--json", stdin=stdin)
        assert (done.code, done.err) == (0, "")
        assert done.out.count("\n") == 1
        return json.loads(done.out)

    def error(self, *arguments: str, stdin: str = "") -> str:
        """The error message of a command that fails."""
        return message_of(self.run(*arguments, stdin=stdin))

    def usage_error(self, *arguments: str, stdin: str = "") -> str:
        """The message for a command that is called wrongly."""
        done = self.run(*arguments, stdin=stdin)
        assert (done.code, done.out) == (2, ""), done
        return done.err.rpartition("Error: ")[2].rstrip("\n")


@pytest.fixture
def operator_settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of an operator, and an empty folder to work in."""
    for name in [name for name in os.environ if name.startswith("EARSHOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EARSHOT_DATABASE_URL", database_url)
    monkeypatch.setenv("EARSHOT_SECRET_KEY", SECRET)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli(operator_settings: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Commands on a database with the first portal."""
    first_portal = asyncio.run(startup.make_first_portal(Settings.load(), demo=False))
    assert first_portal is not None
    return Cli(capsys, monkeypatch, first_portal)


@pytest.fixture
def cli_without_portal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Commands with the settings of the test and without a database."""
    return Cli(capsys, monkeypatch, FirstPortal(0, 0, {}))


@pytest.fixture
def rows(operator_settings: None) -> Rows:
    """Request the database with plain SQL."""
    return rows_of_settings
