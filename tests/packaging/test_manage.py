"""The checkout's own command: it teaches, and it refuses in one line that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

MANAGE = ROOT / "manage"


def run(*arguments: str, python: str = sys.executable, path: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [python, str(MANAGE), *arguments],
        env={**os.environ, "PATH": path or os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("asked", [[], ["help"], ["--help"], ["-h"]])
def test_help_shows_every_command(asked: list[str]) -> None:
    code, said, complaint = run(*asked)

    assert (code, complaint) == (0, "")
    shown = [line.split()[1] for line in said.splitlines() if line.startswith("  ./manage ")]
    assert shown == ["serve", "earshot", "test", "audit", "bench", "lock", "uv", "help"]


def test_an_unknown_command_is_wrong_usage() -> None:
    assert run("sevre") == (2, "", "manage: unknown command 'sevre'; ./manage help lists them\n")


def test_a_machine_without_uv_and_pip_is_told_what_to_install(tmp_path: Path) -> None:
    copy = tmp_path / "manage"
    copy.write_text(MANAGE.read_text(encoding="utf-8"), encoding="utf-8")
    # An environment made without pip stands for a machine without it: nothing else differs.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)

    done = subprocess.run(
        [str(tmp_path / "bare" / "bin" / "python"), str(copy), "serve"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "manage: uv is missing, and so is pip, which would fetch it: install one of them "
        "(Debian, Ubuntu: apt-get install python3-pip) and try again\n",
    )


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"PIP_CERT": "/a.pem", "REQUESTS_CA_BUNDLE": "/b.pem"}, "/a.pem"),
        ({"REQUESTS_CA_BUNDLE": "/b.pem"}, "/b.pem"),
        ({"SSL_CERT_FILE": "/c.pem", "PIP_CERT": "/a.pem"}, "/c.pem"),
        ({}, "none"),
    ],
)
def test_an_authority_that_pip_trusts_is_trusted_by_uv(given: dict[str, str], seen: str, tmp_path: Path) -> None:
    copy = tmp_path / "manage"
    copy.write_text(MANAGE.read_text(encoding="utf-8"), encoding="utf-8")
    own = tmp_path / ".tools" / f"uv-{pinned()}" / "bin" / "uv"
    own.parent.mkdir(parents=True)
    own.write_text('#!/bin/sh\necho "${SSL_CERT_FILE:-none}"\n')
    own.chmod(0o755)

    done = subprocess.run(
        [sys.executable, str(copy), "uv", "tree"],
        env={"PATH": str(tmp_path), **given},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{seen}\n"


def test_an_old_uv_is_passed_over(tmp_path: Path) -> None:
    copy = tmp_path / "manage"
    copy.write_text(MANAGE.read_text(encoding="utf-8"), encoding="utf-8")
    old = tmp_path / "path" / "uv"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'uv 0.4.30 (old)'\n")
    own = tmp_path / ".tools" / f"uv-{pinned()}" / "bin" / "uv"
    own.parent.mkdir(parents=True)
    own.write_text('#!/bin/sh\necho "own uv: $*"\n')
    for program in (old, own):
        program.chmod(0o755)

    done = subprocess.run(
        [sys.executable, str(copy), "uv", "tree"],
        env={"PATH": str(old.parent)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "own uv: tree\n"


def test_serve_replaces_itself_by_the_server(tmp_path: Path) -> None:
    copy = tmp_path / "manage"
    copy.write_text(MANAGE.read_text(encoding="utf-8"), encoding="utf-8")
    uv = tmp_path / ".tools" / f"uv-{pinned()}" / "bin" / "uv"
    program = tmp_path / ".venv" / "bin" / "earshot"
    for path, script in ((uv, 'echo "uv: $*"'), (program, 'echo "earshot: $*"; echo "process: $$"')):
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    with subprocess.Popen(
        [sys.executable, str(copy), "serve", "--port", "9000"],
        env={"PATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        output, _ = process.communicate()

    installing = "sync --frozen --no-dev --inexact --extra postgres --extra redis --extra s3 --quiet"
    assert (process.returncode, output) == (
        0,
        f"uv: {installing}\nearshot: serve --port 9000\nprocess: {process.pid}\n",
    )


def test_serve_ends_when_the_environment_cannot_be_made(tmp_path: Path) -> None:
    copy = tmp_path / "manage"
    copy.write_text(MANAGE.read_text(encoding="utf-8"), encoding="utf-8")
    uv = tmp_path / ".tools" / f"uv-{pinned()}" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text("#!/bin/sh\nexit 2\n")
    uv.chmod(0o755)

    done = subprocess.run(
        [sys.executable, str(copy), "serve"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "manage: the environment could not be made; uv says why above\n")


def pinned() -> str:
    line = next(line for line in MANAGE.read_text(encoding="utf-8").splitlines() if line.startswith("UV = "))
    return line.split('"')[1]
