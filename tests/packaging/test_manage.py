"""`./manage`: its help, its errors of one line with a remedy, and the uv that it uses."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from app.cli import build_app
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
    assert commands == ["serve", "earshot", "test", "audit", "bench", "screenshots", "messages", "lock", "uv", "help"]


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run("sevre") == (2, "", "manage: unknown command 'sevre'; ./manage help lists them\n")


def test_a_command_of_earshot_is_named_with_the_word_that_is_missing() -> None:
    names = set(typer.main.get_command(build_app()).commands) - {"serve"}  # type: ignore[attr-defined]

    assert len(names) > 10
    for name in names:
        assert run(name, "list") == (
            2,
            "",
            f"manage: {name} is a command of Earshot; type ./manage earshot {name}\n",
        )


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


@pytest.mark.parametrize("languages", [[], ["fr"]])
def test_the_catalogues_are_updated_and_compiled(languages: list[str], tmp_path: Path) -> None:
    copy = checkout_with_uv(tmp_path, 'echo "$@"')

    lines = run_copy(copy, "messages", *languages).splitlines()

    assert lines[0] == "sync --frozen --quiet"
    steps = [line.removeprefix("run --frozen --no-sync pybabel ").split()[0] for line in lines[1:]]
    assert steps == ["extract", *(["init"] * len(languages)), "update", "compile"]
    assert [line.endswith("-l fr") for line in lines if " init " in line] == [True] * len(languages)


CERTIFICATES = 'echo "$UV_SYSTEM_CERTS|$REQUESTS_CA_BUNDLE|$SSL_CERT_FILE"'


def write_store(folder: Path, cafile: Path | None, capath: Path | None) -> dict[str, str]:
    """The variables of a Python on a system with this store of certificates."""
    paths = f"{cafile and str(cafile)!r}, {capath and str(capath)!r}, '', '', '', ''"
    text = f"import ssl\nssl.get_default_verify_paths = lambda: ssl.DefaultVerifyPaths({paths})\n"
    (folder / "sitecustomize.py").write_text(text)
    return {"PYTHONPATH": str(folder)}


def test_uv_trusts_the_certificates_of_this_system(tmp_path: Path) -> None:
    code = "import ssl; paths = ssl.get_default_verify_paths(); print(paths.cafile or paths.capath or '')"
    clean = {"PATH": str(tmp_path)}
    store = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True).stdout
    copy = checkout_with_uv(tmp_path, CERTIFICATES)

    assert store.strip(), "this system has no certificates"
    assert run_copy(copy, "uv", "tree") == f"true|{store.strip()}|\n"


@pytest.mark.parametrize("store", ["file", "folder", "empty folder", "nothing"])
def test_the_store_of_the_system_is_used_where_there_is_one(store: str, tmp_path: Path) -> None:
    copy = checkout_with_uv(tmp_path, CERTIFICATES)
    file, folder, empty = tmp_path / "cert.pem", tmp_path / "certs", tmp_path / "empty"
    folder.mkdir()
    empty.mkdir()
    (folder / "1234abcd.0").touch()
    cafile, capath, expected = {
        "file": (file, folder, f"true|{file}|"),
        "folder": (None, folder, f"true|{folder}|"),
        "empty folder": (None, empty, "||"),
        "nothing": (None, None, "||"),
    }[store]

    assert run_copy(copy, "uv", "tree", **write_store(tmp_path, cafile, capath)) == f"{expected}\n"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"SSL_CERT_FILE": "/a.pem"}, "|/a.pem|/a.pem"),
        ({"SSL_CERT_FILE": "/a.pem", "REQUESTS_CA_BUNDLE": "/b.pem"}, "|/b.pem|/a.pem"),
        ({"PIP_CERT": "/c.pem"}, "|/c.pem|/c.pem"),
        ({"UV_SYSTEM_CERTS": "false"}, "false|/system.pem|"),
    ],
)
def test_a_given_certificate_authority_replaces_the_store_of_the_system(
    env: dict[str, str], expected: str, tmp_path: Path
) -> None:
    copy = checkout_with_uv(tmp_path, CERTIFICATES)

    assert run_copy(copy, "uv", "tree", **write_store(tmp_path, Path("/system.pem"), None), **env) == f"{expected}\n"


@pytest.mark.parametrize(
    ("env", "settings", "certificate"),
    [
        ({}, "", "/system.pem"),
        ({}, "global.index-url='https://example.com/simple'", "/system.pem"),
        ({}, "global.cert='/company.pem'", "none"),
        ({"REQUESTS_CA_BUNDLE": "/b.pem"}, "", "/b.pem"),
        ({"SSL_CERT_FILE": "/a.pem", "REQUESTS_CA_BUNDLE": "/b.pem"}, "global.cert='/company.pem'", "/a.pem"),
        ({"PIP_CERT": "/c.pem", "SSL_CERT_FILE": "/a.pem"}, "", "/c.pem"),
    ],
)
def test_pip_trusts_the_certificates_of_the_system_or_the_given_ones(
    env: dict[str, str], settings: str, certificate: str, tmp_path: Path
) -> None:
    copy = Path(shutil.copy(MANAGE, tmp_path))
    # Stands for pip: it answers which certificate an installation would trust, and installs nothing.
    pip = tmp_path / "pip" / "__main__.py"
    pip.parent.mkdir()
    pip.with_name("__init__.py").touch()
    pip.write_text(
        f"import os, sys\nif 'config' in sys.argv:\n    print({settings!r})\n    sys.exit()\n"
        "print(os.environ.get('PIP_CERT', 'none'))\nsys.exit(1)\n"
    )

    store = write_store(tmp_path, Path("/system.pem"), None)
    code, out, err = run("uv", "tree", manage=copy, PATH=str(tmp_path), **store, **env)

    assert (code, out) == (1, f"{certificate}\n")
    assert "pip could not install uv" in err


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


def test_earshot_runs_in_the_checkout_from_any_folder(tmp_path: Path) -> None:
    checkout, elsewhere = tmp_path / "checkout", tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = checkout_with_uv(checkout, "exit 0")
    write_script(checkout / ".venv" / "bin" / "earshot", 'echo "$PWD $EARSHOT_DATA_DIR"')

    done = subprocess.run(
        [sys.executable, str(copy), "earshot", "doctor"],
        cwd=elsewhere,
        env={"PATH": str(tmp_path), "EARSHOT_DATA_DIR": "kept"},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, f"{checkout} kept\n")


def test_serve_exits_if_the_environment_can_not_be_created(tmp_path: Path) -> None:
    copy = checkout_with_uv(tmp_path, "exit 2")

    code, _, err = run("serve", manage=copy, PATH=str(tmp_path))

    assert (code, err) == (1, "manage: the environment could not be made; uv says why above\n")
