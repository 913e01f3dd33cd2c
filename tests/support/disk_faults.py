"""Places with a fault: a disk of little room, a folder that nobody may write. Made by mounting."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.requirements import need


def _mount(*arguments: str) -> str | None:
    """Mount something; what was wrong, None when it is done."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return "there is no mount"
    return None if done.returncode == 0 else done.stderr.strip() or f"mount gave up with {done.returncode}"


def _unmount(place: Path) -> None:
    # At once, whoever still looks at it: it must be gone before the folder is removed.
    subprocess.run(["umount", "--lazy", str(place)], timeout=60, check=True)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A disk of its own at `place`, with room for `size`."""
    place.mkdir()
    wrong = _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "earshot-tests", str(place))
    need("the right to mount", wrong is None, f"a small disk is filled ({wrong})")
    try:
        yield place
    finally:
        _unmount(place)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may write in the folder. For root, whom modes don't hold, it is mounted so."""
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
    wrong = _mount("--bind", str(folder), str(folder))
    need("the right to mount", wrong is None, f"a folder is made read-only for root, too ({wrong})")
    try:
        assert _mount("-o", "remount,bind,ro", str(folder)) is None
        yield
    finally:
        _unmount(folder)


@contextmanager
def write_protected(*files: Path) -> Iterator[None]:
    """Nobody may write in the files, not even who has them open, nor root."""

    def change(how: str) -> str | None:
        try:
            done = subprocess.run(["chattr", how, *map(str, files)], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return "there is no chattr"
        return None if done.returncode == 0 else done.stderr.strip()

    wrong = change("+i")
    need(
        "the right to protect a file from writing", wrong is None, f"a file becomes read-only under a server ({wrong})"
    )
    try:
        yield
    finally:
        assert change("-i") is None


def fill(disk: Path) -> Path:
    """Take all room that is left; the file that takes it."""
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
