"""File systems with a fault: a small disk, a read-only folder. Both are mounts."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.requirements import need


def _run(*command: str) -> str | None:
    """Run a command; return the error, or None."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return f"there is no {command[0]}"
    return None if done.returncode == 0 else done.stderr.strip() or f"{command[0]} failed with {done.returncode}"


def _unmount(place: Path) -> None:
    # Lazily, even if it is in use: it must be unmounted before the folder is removed.
    subprocess.run(["umount", "--lazy", str(place)], timeout=60, check=True)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Mount a separate disk of `size` at `place`."""
    place.mkdir()
    error = _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "earshot-tests", str(place))
    need("the right to mount", error is None, f"a small disk is filled ({error})")
    try:
        yield place
    finally:
        _unmount(place)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make the folder read-only. For root, who may ignore file modes, by a mount."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        modes = {path: path.stat().st_mode for path in folder.iterdir()}
        for path in modes:
            path.chmod(0o400)
        try:
            yield
        finally:
            folder.chmod(0o700)
            for path, mode in modes.items():
                path.chmod(mode)
        return
    error = _run("mount", "--bind", str(folder), str(folder))
    need("the right to mount", error is None, f"a folder is made read-only for root, too ({error})")
    try:
        assert _run("mount", "-o", "remount,bind,ro", str(folder)) is None
        yield
    finally:
        _unmount(folder)


@contextmanager
def write_protected(*files: Path) -> Iterator[None]:
    """Make the files read-only, also for root and for processes that have them open."""

    error = _run("chattr", "+i", *map(str, files))
    need(
        "the right to protect a file from writing", error is None, f"a file becomes read-only under a server ({error})"
    )
    try:
        yield
    finally:
        assert _run("chattr", "-i", *map(str, files)) is None


def fill(disk: Path) -> Path:
    """Fill the disk; return the file that fills it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            while True:
                try:
                    if not file.write(b"x" * size):
                        break
                except OSError:
                    break
    return ballast
