"""The checkout that is tested: its folder, its files under version control, and the tools of its environment."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = Path(sys.prefix) / "bin"

# The Python that the environment was made from: that one has pip, should uv be missing.
PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def tool(name: str) -> str | None:
    """Find a program of the test environment, also when that is not on PATH; else any on PATH."""
    return shutil.which(name, path=str(ENVIRONMENT)) or shutil.which(name)


def manage(*arguments: str, cwd: Path = ROOT, timeout: int = 240) -> str:
    """Run ./manage and give its standard output; its error output goes to the test's own."""
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
