"""Uploads in a local folder."""

import asyncio
import io
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from app.adapters.storage.base import CHUNK, OpenFile, StorageUnavailable, complete_or_undo, is_valid_name

_MODE: Final = 0o600
_PART: Final = ".part"


T = TypeVar("T")


class LocalStorage:
    """Files in a folder, in subfolders by the first two letters of their names. Only this user may read them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"folder {self.root}"

    async def put(self, name: str, source: BinaryIO | bytes, media_type: str) -> None:
        if not is_valid_name(name):
            raise ValueError("a name for a new file is made by generate_name")
        await complete_or_undo(self._run("store", _write, self._path(name), source), lambda: self.delete(name))

    async def open(self, name: str) -> OpenFile | None:
        if not is_valid_name(name):
            return None
        file = await self._run("open", _open, self._path(name))
        if file is None:
            return None

        chunks = self._chunks(file)

        async def close() -> None:
            await chunks.aclose()
            file.close()  # `aclose` does not run a generator that was not started.

        return OpenFile(os.fstat(file.fileno()).st_size, chunks, close)

    async def _chunks(self, file: BinaryIO) -> AsyncGenerator[bytes, None]:
        with file:
            while chunk := await self._run("read", file.read, CHUNK):
                yield chunk

    async def delete(self, name: str) -> None:
        if is_valid_name(name):
            await self._run("remove", _remove, self._path(name))

    async def names(self, *, before: datetime) -> AsyncIterator[str]:
        for folder in await self._run("list", _folders, self.root):
            for name in await self._run("list", _names, folder, before.timestamp()):
                yield name

    def _path(self, name: str) -> Path:
        return self.root / name[:2] / name

    async def _run(self, verb: str, operation: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.to_thread(operation, *arguments)
        except OSError as failure:
            raise StorageUnavailable(
                f"{self}: could not {verb} a file ({failure.strerror or failure})",
                "make this user the owner of the folder, and check that its disk has space",
            ) from None


def _part(path: Path) -> Path:
    return path.with_name(path.name + _PART)


def _write(path: Path, source: BinaryIO | bytes) -> None:
    _make_folder(path.parent)
    part = _part(path)
    try:
        with part.open("xb") as file:
            os.fchmod(file.fileno(), _MODE)  # Independent of the umask of the process.
            shutil.copyfileobj(io.BytesIO(source) if isinstance(source, bytes) else source, file, CHUNK)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _part(path).unlink(missing_ok=True)


def _folders(root: Path) -> list[Path]:
    return [folder for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []


def _names(folder: Path, before: float) -> set[str]:
    names = set()
    for path in folder.iterdir():
        name = path.name.removesuffix(_PART)
        # A file may be removed while the folder is read.
        with suppress(FileNotFoundError):
            if is_valid_name(name) and name[:2] == folder.name and path.stat().st_mtime < before:
                names.add(name)
    return names
