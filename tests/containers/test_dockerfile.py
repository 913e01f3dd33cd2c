"""The image: linted, small on purpose, run as nobody in particular, and asked whether it is ready.

That it builds is not tested here, since that takes a container engine; docs/containers.md says how it was built.
"""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.checkout import ROOT, tool
from tests.support.processes import free_port
from tests.support.requirements import need

Stage = list[tuple[str, str]]


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    """Read the Dockerfile as its stages, each a list of (instruction, rest of the line)."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[Stage] = []
    for line in filter(None, text.splitlines()):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            stages.append([])
        stages[-1].append((instruction, " ".join(rest.split())))
    return stages


def test_hadolint_finds_nothing_to_say() -> None:
    hadolint = tool("hadolint")
    need("hadolint", hadolint, "it lints the Dockerfile; `./manage test` installs it")
    assert hadolint is not None

    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_runs_the_server_as_a_numbered_user_with_its_data_in_a_volume(stages: list[Stage]) -> None:
    told = {instruction: rest for instruction, rest in stages[-1] if instruction not in {"RUN", "COPY", "LABEL"}}

    health = told.pop("HEALTHCHECK")
    settings = dict(part.split("=", 1) for part in told.pop("ENV").split())

    assert health.startswith("--interval=10s --timeout=5s --start-period=60s --retries=3 CMD [")
    assert settings == {
        "PATH": "/opt/earshot/bin:$PATH",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "EARSHOT_DATA_DIR": "/data",
    }
    assert told == {
        "FROM": "python:3.11-slim-bookworm",
        "USER": "10001:10001",
        "WORKDIR": "/data",
        "VOLUME": "/data",
        "EXPOSE": "8000",
        "CMD": '["earshot", "serve", "--host", "0.0.0.0"]',
    }


def test_the_final_stage_gets_the_environment_and_no_tool_that_built_it(stages: list[Stage]) -> None:
    build, final = stages

    assert [rest for instruction, rest in final if instruction == "COPY"] == ["--from=build /opt/earshot /opt/earshot"]
    assert [rest.split()[0] for instruction, rest in final if instruction == "RUN"] == ["useradd"]
    assert final[0] == ("FROM", build[0][1].removesuffix(" AS build"))


def test_the_builder_gets_only_what_it_copies(stages: list[Stage]) -> None:
    copied = {source for instruction, rest in stages[0] if instruction == "COPY" for source in rest.split()[:-1]}
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]

    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_is_built_with_the_uv_that_the_checkout_uses(stages: list[Stage]) -> None:
    pinned = re.search(r'^UV = "(.+)"$', (ROOT / "manage").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert pinned is not None
    assert ("RUN", f"pip install --no-cache-dir uv=={pinned.group(1)}") in stages[0]


@contextmanager
def answering(status: int) -> Iterator[tuple[int, list[str]]]:
    """Serve every GET with one status; give the port and the list that the paths go to."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The base class's own name.
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def check_health(stages: list[Stage], port: int) -> int:
    told = next(rest for instruction, rest in stages[-1] if instruction == "HEALTHCHECK")
    python, *arguments = json.loads(told.partition("CMD ")[2])
    assert python == "python"
    # A proxy that is set for the container must not be asked about the container itself.
    surroundings = {"EARSHOT_PORT": str(port), "http_proxy": f"http://127.0.0.1:{free_port()}"}
    return subprocess.run(
        [sys.executable, *arguments], env=surroundings, stderr=subprocess.DEVNULL, check=False
    ).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_follows_the_servers_readiness(stages: list[Stage], status: int, code: int) -> None:
    with answering(status) as (port, asked):
        assert check_health(stages, port) == code

    assert asked == ["/health/ready"]


def test_the_health_check_fails_where_nobody_listens(stages: list[Stage]) -> None:
    assert check_health(stages, free_port()) == 1
