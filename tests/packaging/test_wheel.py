"""The wheel: installed alone, in an empty folder, it is a working Earshot."""

import json
import os
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.support.checkout import ROOT, manage
from tests.support.commands import Earshot


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the checkout, as `pip install .` would."""
    folder = tmp_path_factory.mktemp("wheel")
    manage("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with its extras into an environment of its own; return the command.

    The versions are the locked ones, so that a release of tomorrow doesn't fail the test of today.
    """
    folder = tmp_path_factory.mktemp("installed")
    locked = folder / "locked.txt"
    options = ["--no-dev", "--all-extras", "--no-hashes", "--no-emit-project"]
    manage("uv", "export", "--quiet", "--frozen", *options, "--output-file", str(locked))
    environment = folder / "environment"
    python = str(environment / "bin" / "python")
    manage("uv", "venv", "--quiet", "--python", sys.executable, str(environment))
    requirement = f"earshot[postgres,redis,s3,otel] @ {wheel.as_uri()}"
    manage("uv", "pip", "install", "--quiet", "--python", python, "--constraints", str(locked), requirement)
    return environment / "bin" / "earshot"


class InstalledEarshot(Earshot):
    """The installed command, in an environment in which nothing leads back to the checkout."""

    def env(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {"PATH": os.defpath, "HOME": str(self.folder), "LANG": "C.UTF-8", **settings}

    def output(self, *arguments: str) -> str:
        """The standard output of a command that must succeed."""
        done = self.run(*arguments)
        assert done.code == 0, done.err
        return done.out


@pytest.fixture
def earshot(command: Path, folder: Path) -> InstalledEarshot:
    installed = InstalledEarshot(folder, folder, {})
    installed.command = [str(command)]
    return installed


def test_the_wheel_contains_exactly_the_application_and_migrations(wheel: Path) -> None:
    def files(folder: str) -> set[str]:
        found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(ROOT).as_posix() for path in found}

    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == files("app") | {f"app/{name}" for name in files("migrations")}


def test_the_wheel_contains_the_license_and_declares_the_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
        licences = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]

    assert set(re.findall(r"^Provides-Extra: (.+)$", text, flags=re.MULTILINE)) == {"otel", "postgres", "redis", "s3"}
    assert len(licences) == 1


def test_the_installed_command_migrates_in_an_empty_folder(earshot: InstalledEarshot) -> None:
    earshot.output("migrate")
    earshot.output("migrate")

    assert [entry.name for entry in earshot.folder.iterdir()] == ["data"]


def test_the_installed_command_prints_its_settings(earshot: InstalledEarshot) -> None:
    output = earshot.output("settings")

    assert "EARSHOT_DATABASE_URL" in output
    assert "EARSHOT_REDIS_URL" in output


def test_the_installed_server_answers_in_both_dialects(earshot: InstalledEarshot) -> None:
    with earshot.serving() as serving, httpx.Client(base_url=serving.address) as client:
        assert client.get("/health").text == "success"
        assert client.get("/health/ready").json()["database"]

        def get(dialect: str, path: str) -> httpx.Response:
            options = ["--user", "owner@example.com", "--dialect", dialect, "--json"]
            key = json.loads(earshot.output("keys", "create", *options))["key"]
            return client.get(path, headers={"authorization": f"Bearer {key}"}).raise_for_status()

        boards = get("astuto", "/api/v1/boards").json()
        assert [board["name"] for board in boards] == ["Feature Requests", "Bug Reports"]
        tabs = get("productlift", "/api/v1/tabs").json()["data"]
        assert [tab["url"] for tab in tabs] == ["feedback", "roadmap", "changelog"]


def test_the_installed_server_has_its_pages_and_documents(earshot: InstalledEarshot) -> None:
    types = {
        "/docs": "text/html",
        "/astuto/api/v1/docs": "text/html",
        "/productlift/api/v1/docs": "text/html",
        "/astuto/api/v1/openapi.json": "application/json",
        "/productlift/api/v1/openapi.json": "application/json",
    }

    with earshot.serving() as serving, httpx.Client(base_url=serving.address) as client:
        responses = {path: client.get(path).raise_for_status() for path in types}

    assert {path: response.headers["content-type"].split(";")[0] for path, response in responses.items()} == types
