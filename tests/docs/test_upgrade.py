"""The commands of docs/operating/install.md and upgrade.md for a service, in a copy of the checkout."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

PROGRAM = ("app", "migrations", "manage", "pyproject.toml", "uv.lock", "README.md", "LICENSE")


def read_install_command(page: str) -> str:
    """The command of a page that installs the program into /opt/earshot, without `sudo`."""
    text = (ROOT / "docs" / "operating" / page).read_text(encoding="utf-8")
    (command,) = re.findall(r"^ {4}sudo (UV_PROJECT_ENVIRONMENT=/opt/earshot .*\\\n.*)$", text, flags=re.MULTILINE)
    return str(command)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the files that the program is installed from."""
    folder = tmp_path / "src"
    folder.mkdir()
    for name in PROGRAM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    if (ROOT / ".tools").exists():
        (folder / ".tools").symlink_to(ROOT / ".tools")
    return folder


def test_an_upgrade_of_a_service_replaces_the_program_also_if_the_version_is_the_same(
    checkout: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "opt"
    banner = checkout / "app" / "server" / "banner.py"

    def run(page: str) -> None:
        command = read_install_command(page).replace("/opt/earshot", str(environment))
        subprocess.run(["sh", "-eu", "-c", command], cwd=checkout, env=os.environ, timeout=300, check=True)

    run("install.md")
    banner.write_text(banner.read_text(encoding="utf-8") + "\nCHANGED = True\n", encoding="utf-8")
    run("upgrade.md")

    (installed,) = environment.glob("lib/python3*/site-packages/app/server/banner.py")
    assert installed.read_text(encoding="utf-8").endswith("\nCHANGED = True\n")
    done = subprocess.run([environment / "bin" / "earshot", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Earshot ")
