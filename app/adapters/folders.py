"""The rights to folders that the server creates or writes to."""

import os
from pathlib import Path

from app.adapters.problem import Problem


def may_access(path: Path, mode: int) -> bool:
    """Whether this user may access the path; see `os.access`. False below a folder that the user may not search."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def first_existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that this user can see."""
    return next(each for each in (folder, *folder.parents) if may_access(each, os.F_OK))


def require_writable(name: str, folder: Path, setting: str) -> None:
    """Raise Problem if this user can't write to the folder of the setting, or can't create it."""
    folder = folder.absolute()
    existing = first_existing(folder)
    effect = "can't be used" if existing == folder else "can't be created"
    if not existing.is_dir():
        raise Problem(
            f"{name} {folder} {effect}, because {existing} is no folder",
            f"move this file away, or choose another folder with {setting}",
        )
    if not may_access(existing, os.W_OK | os.X_OK):
        raise Problem(
            f"{name} {folder} {effect}, because this user may not write to {existing}",
            f"make this user the owner of {existing}, or choose another folder with {setting}",
        )
