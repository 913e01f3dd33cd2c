"""The wheel: installed alone, in an empty folder, it is a working Earshot."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, manage
from tests.support.processes import free_port

START_SECONDS = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the checkout, as `pip install .` would."""
    folder = tmp_path_factory.mktemp("wheel")
    manage("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def earshot(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with its extras into an environment of its own; give the command.

    The versions are the locked ones, so that a release of tomorrow doesn't fail the test of today.
    """
    folder = tmp_path_factory.mktemp("installed")
    locked = folder / "locked.txt"
    alone = ["--no-dev", "--all-extras", "--no-hashes", "--no-emit-project"]
    manage("uv", "export", "--quiet", "--frozen", *alone, "--output-file", str(locked))
    environment = folder / "environment"
    python = str(environment / "bin" / "python")
    manage("uv", "venv", "--quiet", "--python", sys.executable, str(environment))
    wanted = f"earshot[postgres,redis,s3,otel] @ {wheel.as_uri()}"
    manage("uv", "pip", "install", "--quiet", "--python", python, "--constraints", str(locked), wanted)
    return environment / "bin" / "earshot"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Make the folder that the command runs in."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """Give an environment in which nothing leads back to the checkout."""
    return {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"}


def run(earshot: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(earshot), *arguments],
        cwd=folder,
        env=surroundings(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(earshot: Path, folder: Path) -> Iterator[int]:
    """Run the server in the folder, on a free port, until it has answered; give the port."""
    port = free_port()
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(earshot), "serve", "--port", str(port)],
            cwd=folder,
            env=surroundings(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            said = (folder / "server.log").read_text(errors="replace")
            assert server.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.02)
        yield port
    finally:
        server.terminate()
        assert server.wait(START_SECONDS) is not None


def answers(port: int) -> bool:
    try:
        return send_request(port, "/health")[0] == 200
    except OSError:
        return False


def send_request(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, (response.getheader("content-type") or "").split(";")[0], response.read().decode()
    finally:
        connection.close()


def test_the_wheel_holds_all_of_the_application_and_its_migrations_and_nothing_else(wheel: Path) -> None:
    def files(folder: str) -> set[str]:
        found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(ROOT).as_posix() for path in found}

    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == files("app") | {f"app/{name}" for name in files("migrations")}


def test_the_wheel_carries_the_licence_and_offers_the_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        told = archive.read(metadata).decode()
        licences = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]

    assert sorted(re.findall(r"^Provides-Extra: (.+)$", told, flags=re.MULTILINE)) == [
        "otel",
        "postgres",
        "redis",
        "s3",
    ]
    assert len(licences) == 1


def test_the_installed_command_migrates_in_an_empty_folder(earshot: Path, empty: Path) -> None:
    run(earshot, empty, "migrate")
    run(earshot, empty, "migrate")

    assert [entry.name for entry in empty.iterdir()] == ["data"]


def test_the_installed_command_tells_its_settings(earshot: Path, empty: Path) -> None:
    said = run(earshot, empty, "settings")

    assert "EARSHOT_DATABASE_URL" in said
    assert "EARSHOT_REDIS_URL" in said


def test_the_installed_server_answers_in_both_dialects(earshot: Path, empty: Path) -> None:
    with serving(earshot, empty) as port:
        assert send_request(port, "/health")[2] == "success"
        status, kind, body = send_request(port, "/health/ready")
        assert (status, kind) == (200, "application/json")
        assert json.loads(body)["database"]

        keys = {
            dialect: json.loads(
                run(earshot, empty, "keys", "create", "--user", "owner@example.com", "--dialect", dialect, "--json")
            )["key"]
            for dialect in ("astuto", "productlift")
        }
        status, _, boards = send_request(port, "/api/v1/boards", Authorization=f"Bearer {keys['astuto']}")
        assert status == 200
        assert [board["name"] for board in json.loads(boards)] == ["Feature Requests", "Bug Reports"]
        status, _, tabs = send_request(port, "/api/v1/tabs", Authorization=f"Bearer {keys['productlift']}")
        assert status == 200
        assert [tab["url"] for tab in json.loads(tabs)["data"]] == ["feedback", "roadmap", "changelog"]


def test_the_installed_server_has_its_pages_and_documents(earshot: Path, empty: Path) -> None:
    pages = ["/docs", "/astuto/api/v1/docs", "/productlift/api/v1/docs"]
    documents = ["/astuto/api/v1/openapi.json", "/productlift/api/v1/openapi.json"]

    with serving(earshot, empty) as port:
        answered = {path: send_request(port, path)[:2] for path in [*pages, *documents]}

    assert answered == {
        **dict.fromkeys(pages, (200, "text/html")),
        **dict.fromkeys(documents, (200, "application/json")),
    }
