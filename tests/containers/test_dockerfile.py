"""The container image: it is linted and small, runs as a user without rights, and has a health check.

Building it needs a container engine and is not tested here; docs/contributing/image.md says how it was built.
"""

import json
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler

import pytest

from tests.support.checkout import ROOT, tool
from tests.support.http_server import serve_http
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


def test_hadolint_reports_nothing() -> None:
    hadolint = tool("hadolint")
    need("hadolint", hadolint, "it lints the Dockerfile; `./manage test` installs it")
    assert hadolint is not None

    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_runs_as_a_numeric_user_with_data_in_a_volume(stages: list[Stage]) -> None:
    instructions = {
        instruction: rest for instruction, rest in stages[-1] if instruction not in {"RUN", "COPY", "LABEL"}
    }

    health = instructions.pop("HEALTHCHECK")
    settings = dict(part.split("=", 1) for part in instructions.pop("ENV").split())

    assert health.startswith("--interval=10s --timeout=5s --start-period=60s --retries=3 CMD [")
    assert settings == {
        "PATH": "/opt/earshot/bin:$PATH",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "EARSHOT_DATA_DIR": "/data",
    }
    assert instructions == {
        "FROM": "python:3.11-slim-bookworm",
        "USER": "10001:10001",
        "WORKDIR": "/data",
        "VOLUME": "/data",
        "EXPOSE": "8000",
        "CMD": '["earshot", "serve", "--host", "0.0.0.0"]',
    }


def test_the_final_stage_contains_no_build_tools(stages: list[Stage]) -> None:
    build, final = stages

    assert [rest for instruction, rest in final if instruction == "COPY"] == ["--from=build /opt/earshot /opt/earshot"]
    assert [rest.split()[0] for instruction, rest in final if instruction == "RUN"] == ["useradd"]
    assert final[0] == ("FROM", build[0][1].removesuffix(" AS build"))


def test_the_build_context_contains_only_copied_files(stages: list[Stage]) -> None:
    copied = {source for instruction, rest in stages[0] if instruction == "COPY" for source in rest.split()[:-1]}
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]

    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_and_the_checkout_use_the_same_uv_version(stages: list[Stage]) -> None:
    pinned = re.search(r'^UV = "(.+)"$', (ROOT / "manage").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert pinned is not None
    assert ("RUN", f"pip install --no-cache-dir uv=={pinned.group(1)}") in stages[0]


def check_health(stages: list[Stage], port: int) -> int:
    healthcheck = next(rest for instruction, rest in stages[-1] if instruction == "HEALTHCHECK")
    python, *arguments = json.loads(healthcheck.partition("CMD ")[2])
    assert python == "python"
    # A proxy that is set for the container must not be asked about the container itself.
    env = {"EARSHOT_PORT": str(port), "http_proxy": f"http://127.0.0.1:{free_port()}"}
    return subprocess.run([sys.executable, *arguments], env=env, stderr=subprocess.DEVNULL, check=False).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_reports_the_readiness_of_the_server(stages: list[Stage], status: int, code: int) -> None:
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Log nothing."""

    with serve_http(Handler) as port:
        assert check_health(stages, port) == code

    assert paths == ["/health/ready"]


def test_the_health_check_fails_without_a_server(stages: list[Stage]) -> None:
    assert check_health(stages, free_port()) == 1
