"""The command line in the process of the test."""

import os
from pathlib import Path

import pytest

from app.domain.portals.bootstrap import FirstPortal
from tests.cli.conftest import Cli


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Commands in an empty folder, without any database."""
    for name in [name for name in os.environ if name.startswith("EARSHOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Cli(capsys, monkeypatch, FirstPortal(0, 0, {}))
