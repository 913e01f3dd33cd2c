"""A real server with the sample portal, and how its clients are run."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Earshot
from tests.support.requirements import need
from tests.support.servers import Postgres

_numbers = count()
SECONDS = 60


class Clients:
    """Runs the samples of one dialect against the server: with curl, in Python, in Node."""

    def __init__(self, address: str, key: str, folder: Path) -> None:
        self.address = address
        self.key = key
        self.folder = folder

    def curl(self, sample: str, **places: str) -> Any:
        """Paste a sample into a shell; the JSON that it prints."""
        need("curl", shutil.which("curl"), "it runs the samples that are lines for a shell")
        need("bash", shutil.which("bash"), "it runs the samples that are lines for a shell")
        return self._run(["bash", "-c", self._fill_in(sample, places)])

    def python(self, sample: str, **places: str) -> Any:
        """Run a sample as a program of its own; the JSON of its last line."""
        return self._run([sys.executable, self._file("sample.py", sample, places)])

    def node(self, sample: str, **places: str) -> Any:
        """Run a sample as a module; the JSON of its last line."""
        need("node", shutil.which("node"), "it runs the fetch samples")
        return self._run(["node", self._file("sample.mjs", sample, places)])

    def _fill_in(self, sample: str, places: Mapping[str, str]) -> str:
        text = sample.replace("{PORTAL-URL}", self.address).replace("{AUTH_KEY}", self.key)
        for name, value in places.items():
            text = text.replace("{" + name + "}", value)
        return text

    def _file(self, name: str, sample: str, places: Mapping[str, str]) -> str:
        path = self.folder / name
        path.write_text(self._fill_in(sample, places))
        return str(path)

    def _run(self, command: list[str]) -> Any:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "NO_PROXY": "*"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="package")
def output(engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The output of `earshot serve --demo`, which runs meanwhile."""
    folder = tmp_path_factory.mktemp("served")
    settings, name = {}, f"clients_{next(_numbers)}"
    if engine == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        settings = {"EARSHOT_DATABASE_URL": postgres.create(name)}
    with Earshot(folder, tmp_path_factory.mktemp("compiled"), settings).serving("--demo") as serving:
        yield serving.output
    if engine == "postgresql":
        postgres.drop(name)


@pytest.fixture
def productlift(output: str, tmp_path: Path) -> Clients:
    """ProductLift's clients."""
    return _clients(output, "ProductLift", tmp_path)


@pytest.fixture
def astuto(output: str, tmp_path: Path) -> Clients:
    """Astuto's clients."""
    return _clients(output, "Astuto", tmp_path)


def _clients(output: str, dialect: str, folder: Path) -> Clients:
    lines = dict(found for line in output.splitlines() if len(found := line.split(maxsplit=1)) == 2)
    return Clients(lines["address"].split()[0], lines[dialect], folder)
