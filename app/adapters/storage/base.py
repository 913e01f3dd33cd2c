"""The interface of every file storage: files by random names. The database has their media types and original names."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final, Protocol

import anyio

from app.adapters.image_types import MEDIA_TYPES
from app.adapters.problem import InvalidValue, Problem
from app.domain import identifiers
from app.domain.errors import ServiceUnavailable

log = logging.getLogger("earshot.uploads")

CHUNK: Final = 256 * 1024

_EXTENSIONS: Final = frozenset(extension for _, extension in MEDIA_TYPES.values())
_LETTERS: Final = 22
"""The length of a random name. With an alphabet of 62 letters and digits it has 131 random bits."""

_NAME: Final = re.compile(rf"[0-9A-Za-z]{{{_LETTERS}}}(?:\.(?:{'|'.join(sorted(_EXTENSIONS))}))?")


class StorageUnavailable(Problem, ServiceUnavailable):
    """The storage failed. The state contains the storage and the reason, and no secret."""


class InvalidStorageUrl(InvalidValue):
    """`EARSHOT_STORAGE_URL` cannot be used. The texts contain no secret."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file opened for reading. Read `chunks` to the end or await `close`, which may be called again."""

    size: int
    chunks: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class FileStorage(Protocol):
    """Uploads by name. Every method may raise StorageUnavailable.

    A name of another form than `generate_name` makes does not exist.
    """

    async def put(self, name: str, source: BinaryIO | bytes, media_type: str) -> None:
        """Store the bytes from the current position of the source under a new name made by `generate_name`.

        When this returns, the whole file is stored, also after a loss of power. When it raises or is cancelled,
        nothing is stored, and the source is not read any more.
        """

    async def open(self, name: str) -> OpenFile | None:
        """Open a file for reading; None if there is none."""

    async def delete(self, name: str) -> None:
        """Remove a file, if there is one."""

    def names(self, *, before: datetime) -> AsyncIterator[str]:
        """The names of files stored before a time, incomplete ones of a crash included, in no order."""


def generate_name(extension: str | None = None) -> str:
    """Generate a random name that cannot be guessed, with the extension if it is one of an image."""
    return identifiers.random_string(_LETTERS) + (f".{extension}" if extension in _EXTENSIONS else "")


def is_valid_name(name: str) -> bool:
    """Whether `generate_name` can have made this name. No other name reaches a file system or a bucket."""
    return _NAME.fullmatch(name) is not None


async def delete_stored(files: FileStorage, names: Iterable[str]) -> None:
    """Remove files that no post has any more. One that can't be removed is logged; a job of the server removes it."""
    for name in names:
        try:
            await files.delete(name)
        except StorageUnavailable as failure:
            log.warning("an orphaned file stays until the next cleanup: %s", failure)


async def probe_storage(files: FileStorage, name: str | None = None) -> None:
    """Store, read and remove a small file to check that the storage works. Raises StorageUnavailable.

    `name` is made by `generate_name`, for repeated checks; by default it is a new one.
    """
    name, content = name or generate_name(), b"A file that Earshot stored to check the storage."
    await files.put(name, content, "text/plain")
    try:
        stored = await files.open(name)
        if stored is None or b"".join([chunk async for chunk in stored.chunks]) != content:
            raise StorageUnavailable(
                f"{files}: a file was stored and could not be read back",
                "check the disk, or the cache in front of the bucket",
            )
    finally:
        await files.delete(name)


async def complete_or_undo(operation: Coroutine[Any, Any, None], undo: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an operation to its end, even when cancelled meanwhile; if it fails or is cancelled, undo it and raise."""
    task = asyncio.ensure_future(operation)
    try:
        await asyncio.shield(task)
    except BaseException:
        await _wait_for(task)
        await _wait_for(asyncio.ensure_future(undo()))
        raise


async def _wait_for(task: asyncio.Task[None]) -> None:
    with anyio.CancelScope(shield=True):
        while not task.done():
            # A second cancellation changes nothing: the caller raises as soon as the cleanup is done.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # Retrieved, so that asyncio does not report it: the first failure is raised.
