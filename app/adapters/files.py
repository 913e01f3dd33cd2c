"""Where uploads are kept: one small face, a folder or an S3-compatible bucket behind it.

What a file is called by its sender and which kind it is, the database knows; here it has a random name.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

import anyio

from app.domain import codes
from app.domain.refusals import Unavailable

CHUNK: Final = 256 * 1024
EXTENSIONS: Final = frozenset({"jpg", "png", "gif", "bmp", "svg", "webp"})

_MODE: Final = 0o600
_PART: Final = ".part"
_LETTERS: Final = 22
"""Of 62 letters, so many make 131 bits."""

_NAME: Final = re.compile(rf"[0-9A-Za-z]{{{_LETTERS}}}(?:\.(?:{'|'.join(sorted(EXTENSIONS))}))?")


T = TypeVar("T")


class StorageFailed(Unavailable):
    """The storage could not do what was asked. The message names storage and reason, and no secret."""


class BadStorage(ValueError):
    """`EARSHOT_STORAGE_URL` cannot be used; the message is one line that says what to do, and no secret."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file opened for reading. Read `chunks` to the end or await `close`, which does no harm twice."""

    size: int
    chunks: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class Files(Protocol):
    """Uploads by name. Every act may raise StorageFailed. A name that `new_name` cannot have made is not there."""

    async def put(self, name: str, source: BinaryIO | bytes, media_type: str) -> None:
        """Keep the bytes, read from where the source stands, under a name made by `new_name` and never used before.

        The whole file is there when this returns, also after a loss of power, and nothing of it when this raises or
        is cancelled; the source is not read any more then.
        """

    async def open(self, name: str) -> Stored | None:
        """Open a file for reading; None if there is none."""

    async def delete(self, name: str) -> None:
        """Remove a file; none there is fine."""

    def names(self, *, before: datetime) -> AsyncIterator[str]:
        """Names of files stored before that moment, also of those that a crash left half-written, in no order."""


def new_name(extension: str | None = None) -> str:
    """A name that nobody can guess, with the extension if it is one that a picture gets."""
    return codes.text(_LETTERS) + (f".{extension}" if extension in EXTENSIONS else "")


def is_name(name: str) -> bool:
    """Can `new_name` have made this? What it cannot have made never reaches a file system or a bucket."""
    return _NAME.fullmatch(name) is not None


def storage(url: str | None, data_dir: Path) -> Files:
    """The storage that `EARSHOT_STORAGE_URL` asks for; without one, the folder `uploads` of the data directory.

    A folder is given by its path or a `file:` URL. A bucket is given as
    `s3://bucket/prefix?endpoint=https://host&region=name`, optionally with `key:secret@` before the bucket;
    without, the usual `AWS_…` variables count. Nothing is touched yet. Raises BadStorage.
    """
    if not url:
        return FolderFiles(data_dir / "uploads")
    if url.lower().startswith("s3:"):
        # Also with slashes missing: a folder of that name would be made and named, with the secret in it.
        return _bucket(url)
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme == "file":
        place = urlsplit(url)
        if place.netloc not in ("", "localhost") or place.path in ("", "/"):
            raise BadStorage("EARSHOT_STORAGE_URL: write a folder as file:///path/to/folder")
        return FolderFiles(Path(unquote(place.path)))
    if scheme:
        raise BadStorage("EARSHOT_STORAGE_URL: give a folder, or a bucket as s3://bucket/prefix?endpoint=…&region=…")
    return FolderFiles(Path(url).expanduser())


def _bucket(url: str) -> Files:
    try:
        from app.adapters.bucket import bucket
    except ModuleNotFoundError as missing:
        if missing.name != "obstore":
            raise
        raise BadStorage(
            "EARSHOT_STORAGE_URL names a bucket, and its client is not installed: pip install obstore"
        ) from None
    return bucket(url)


async def check(files: Files, name: str | None = None) -> None:
    """Store, read and remove a small file, for those who want to know whether storage works. Raises StorageFailed.

    `name` is the file's, made by `new_name`, for whoever asks again and again; by default a new one.
    """
    name, content = name or new_name(), b"Earshot was here."
    await files.put(name, content, "text/plain")
    try:
        stored = await files.open(name)
        if stored is None or b"".join([chunk async for chunk in stored.chunks]) != content:
            raise StorageFailed(f"{files}: a file was stored and could not be read back")
    finally:
        await files.delete(name)


async def kept_or_gone(keeping: Coroutine[Any, Any, None], undoing: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Keep to the end, even when cancelled meanwhile; when that failed or was cancelled, undo before raising it."""
    task = asyncio.ensure_future(keeping)
    try:
        await asyncio.shield(task)
    except BaseException:
        await _ended(task)
        await _ended(asyncio.ensure_future(undoing()))
        raise


async def _ended(task: asyncio.Task[None]) -> None:
    with anyio.CancelScope(shield=True):
        while not task.done():
            # To be cancelled again changes nothing: the caller raises as soon as nothing is left behind.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # Looked at, so that asyncio does not report it as lost: the first failure is what is raised.


class FolderFiles:
    """Files in a folder, spread over subfolders by the first two letters of their names, for this user alone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"folder {self.root}"

    async def put(self, name: str, source: BinaryIO | bytes, media_type: str) -> None:
        if not is_name(name):
            raise ValueError("a name for a new file is made by new_name")
        await kept_or_gone(self._asked("store", _write, self._path(name), source), lambda: self.delete(name))

    async def open(self, name: str) -> Stored | None:
        if not is_name(name):
            return None
        file = await self._asked("open", _open, self._path(name))
        if file is None:
            return None

        chunks = self._chunks(file)

        async def close() -> None:
            await chunks.aclose()
            file.close()  # The line before does nothing to what has not begun.

        return Stored(os.fstat(file.fileno()).st_size, chunks, close)

    async def _chunks(self, file: BinaryIO) -> AsyncGenerator[bytes, None]:
        with file:
            while chunk := await self._asked("read", file.read, CHUNK):
                yield chunk

    async def delete(self, name: str) -> None:
        if is_name(name):
            await self._asked("remove", _remove, self._path(name))

    async def names(self, *, before: datetime) -> AsyncIterator[str]:
        for folder in await self._asked("list", _folders, self.root):
            for name in await self._asked("list", _names, folder, before.timestamp()):
                yield name

    def _path(self, name: str) -> Path:
        return self.root / name[:2] / name

    async def _asked(self, verb: str, act: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.to_thread(act, *arguments)
        except OSError as failure:
            raise StorageFailed(f"{self}: could not {verb} a file: {failure.strerror or failure}") from None


def _part(path: Path) -> Path:
    return path.with_name(path.name + _PART)


def _write(path: Path, source: BinaryIO | bytes) -> None:
    _make(path.parent)
    part = _part(path)
    try:
        with part.open("xb") as file:
            os.fchmod(file.fileno(), _MODE)  # Whatever the mask of the process says.
            for chunk in _pieces(source):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _pieces(source: BinaryIO | bytes) -> Iterable[bytes]:
    return (source,) if isinstance(source, bytes) else iter(lambda: source.read(CHUNK), b"")


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


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
    found = set()
    for path in folder.iterdir():
        name = path.name.removesuffix(_PART)
        # A file may be removed while the folder is read.
        with suppress(FileNotFoundError):
            if is_name(name) and name[:2] == folder.name and path.stat().st_mtime < before:
                found.add(name)
    return found
