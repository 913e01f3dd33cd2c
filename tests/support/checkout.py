"""The checkout that is tested: its folder, its files under version control, and the tools of its environment."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = Path(sys.prefix) / "bin"

# The Python from which the environment was created: it has pip, if uv is missing.
PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def tool(name: str) -> str | None:
    """Find a program of the test environment, even if it is not on PATH; else any on PATH."""
    return shutil.which(name, path=str(ENVIRONMENT)) or shutil.which(name)


def manage(*arguments: str, cwd: Path = ROOT, timeout: int = 240) -> str:
    """Run ./manage and return its standard output; its standard error goes to that of the test."""
    done = subprocess.run(
        [str(PYTHON), str(ROOT / "manage"), *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=timeout,
    )
    return done.stdout
