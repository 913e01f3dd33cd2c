"""`./manage`: its help, its errors of one line with a remedy, and the uv that it uses."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

MANAGE = ROOT / "manage"


def run(
    *arguments: str, manage: Path = MANAGE, python: str | Path = sys.executable, **env: str
) -> tuple[int, str, str]:
    """Run `manage` with this environment, by default that of the tests: the exit code and the output."""
    done = subprocess.run(
        [str(python), str(manage), *arguments],
        env=env or None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def write_script(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def checkout_with_uv(folder: Path, script: str) -> Path:
    """Copy `manage` into the folder, beside a uv that runs the shell script instead; return the copy."""
    text = MANAGE.read_text(encoding="utf-8")
    version = next(line for line in text.splitlines() if line.startswith("UV = ")).split('"')[1]
    write_script(folder / ".tools" / f"uv-{version}" / "bin" / "uv", script)
    return Path(shutil.copy(MANAGE, folder))


def run_copy(copy: Path, *arguments: str, **env: str) -> str:
    """Run a copy of `manage` that finds no other program on PATH than those of its folder; return its output."""
    code, out, err = run(*arguments, manage=copy, PATH=str(copy.parent), **env)
    assert code == 0, err
    return out


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"]])
def test_help_shows_every_command(arguments: list[str]) -> None:
    code, out, err = run(*arguments)

    assert (code, err) == (0, "")
    commands = [line.split()[1] for line in out.splitlines() if line.startswith("  ./manage ")]
    assert commands == ["serve", "earshot", "test", "audit", "bench", "lock", "uv", "help"]


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run("sevre") == (2, "", "manage: unknown command 'sevre'; ./manage help lists them\n")


def test_without_uv_and_pip_an_error_reports_what_to_install(tmp_path: Path) -> None:
    copy = Path(shutil.copy(MANAGE, tmp_path))
    # An environment made without pip stands for a machine without it: nothing else differs.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)

    assert run("serve", manage=copy, python=tmp_path / "bare" / "bin" / "python", PATH=str(tmp_path)) == (
        1,
        "",
        "manage: uv and pip are missing, and pip is needed to install uv: install one of them "
        "(Debian, Ubuntu: apt-get install python3-pip) and try again\n",
    )


@pytest.mark.parametrize(
    ("env", "certificate"),
    [
        ({"PIP_CERT": "/a.pem", "REQUESTS_CA_BUNDLE": "/b.pem"}, "/a.pem"),
        ({"REQUESTS_CA_BUNDLE": "/b.pem"}, "/b.pem"),
        ({"SSL_CERT_FILE": "/c.pem", "PIP_CERT": "/a.pem"}, "/c.pem"),
        ({}, "none"),
    ],
)
def test_uv_trusts_the_certificate_authority_of_pip(env: dict[str, str], certificate: str, tmp_path: Path) -> None:
    copy = checkout_with_uv(tmp_path, 'echo "${SSL_CERT_FILE:-none}"')

    assert run_copy(copy, "uv", "tree", **env) == f"{certificate}\n"


def test_an_old_version_of_uv_is_ignored(tmp_path: Path) -> None:
    copy = checkout_with_uv(tmp_path, 'echo "own uv: $*"')
    write_script(tmp_path / "uv", "echo 'uv 0.4.30 (old)'")

    assert run_copy(copy, "uv", "tree") == "own uv: tree\n"


@pytest.mark.parametrize(
    ("options", "pytest_options"),
    [
        ([], "-n 2"),
        (["--quick"], "tests/domain tests/api --engine sqlite -n 2"),
        (["--quick", "-x"], "tests/domain tests/api --engine sqlite -n 2 -x"),
        (["tests/api", "-k", "vote"], "tests/api -k vote"),
    ],
)
def test_the_tests_run_after_every_check(options: list[str], pytest_options: str, tmp_path: Path) -> None:
    copy = checkout_with_uv(tmp_path, 'echo "$*"')
    (tmp_path / "pyproject.toml").write_text("[tool.importlinter]\n")

    assert run_copy(copy, "test", *options).splitlines() == [
        "sync --frozen",
        "run --frozen --no-sync ruff check . manage",
        "run --frozen --no-sync ruff format --check . manage",
        "run --frozen --no-sync mypy",
        "run --frozen --no-sync lint-imports",
        f"run --frozen --no-sync pytest {pytest_options}",
    ]


def test_the_paths_of_the_quick_tests_exist() -> None:
    line = next(line for line in MANAGE.read_text(encoding="utf-8").splitlines() if line.startswith("QUICK_TESTS = "))
    paths = [word for word in line.split('"') if word.startswith("tests/")]

    assert paths
    assert all((ROOT / path).is_dir() for path in paths)


def test_serve_replaces_its_process_with_the_server(tmp_path: Path) -> None:
    copy = checkout_with_uv(tmp_path, 'echo "uv: $*"')
    write_script(tmp_path / ".venv" / "bin" / "earshot", 'echo "earshot: $*"; echo "process: $$"')

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


def test_serve_exits_if_the_environment_can_not_be_created(tmp_path: Path) -> None:
    copy = checkout_with_uv(tmp_path, "exit 2")

    code, _, err = run("serve", manage=copy, PATH=str(tmp_path))

    assert (code, err) == (1, "manage: the environment could not be made; uv says why above\n")
