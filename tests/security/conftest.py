"""The command line in the process of the test, and the settings of an operator."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, cli, cli_without_portal, operator_settings

__all__ = ["cli", "cli_without_portal", "commands", "operator_settings"]


@pytest.fixture
def commands(cli_without_portal: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Commands in an empty folder, without settings and without any database."""
    for name in [name for name in os.environ if name.startswith("EARSHOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return cli_without_portal
