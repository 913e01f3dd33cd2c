"""Sanitizes uploads, and deletes their files when the request fails or the post is deleted."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, BinaryIO, Final

from app.adapters.avatars import make_avatar
from app.adapters.database import NO_PORTAL, Clock, Database
from app.adapters.images import SanitizedImage, sanitize_image
from app.adapters.storage.base import FileStorage, delete_stored
from app.adapters.thread_pool import BoundedThreadPool
from app.domain.errors import ServiceUnavailable
from app.domain.posts import attachments

log = logging.getLogger("earshot.uploads")

MAX_WORKERS: Final = 2
"""Each image needs up to `images.MAX_MEMORY`, and a CPU for seconds."""
MAX_WAITING: Final = 16
"""A further request is answered 503 instead of waiting for a minute."""
ORPHAN_MIN_AGE: Final = timedelta(hours=1)
"""A stored file without a row is younger than this while its request may still be running."""
ORPHAN_BATCH: Final = 500


class Uploads:
    """The uploads of one server: storage, sanitizing and cleanup."""

    def __init__(self, files: FileStorage, database: Database, *, clock: Clock) -> None:
        self.files = files
        self._database = database
        self._clock = clock
        self._threads = BoundedThreadPool("images", max_workers=MAX_WORKERS, max_queued=MAX_WAITING)
        self._background: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def sanitize(self, source: BinaryIO, image_type: str | None) -> SanitizedImage:
        """Run `sanitize_image` in a thread: `MAX_WORKERS` at a time, and `MAX_WAITING` wait, also if cancelled.

        Raises InvalidImage, and ServiceUnavailable when too many wait.
        """
        return await self._threads.run(sanitize_image, source, image_type, lambda: not self._closed)

    async def make_avatar(self, source: BinaryIO, image_type: str | None) -> SanitizedImage:
        """Run the function `make_avatar` in a thread. Raises as `sanitize`."""
        return await self._threads.run(make_avatar, source, image_type)

    async def delete(self, names: Iterable[str]) -> None:
        """Remove files that no post has any more. If the storage fails, `delete_orphans` removes them later."""
        await delete_stored(self.files, names)

    async def rollback(self, names: Sequence[str], *, in_doubt: bool) -> None:
        """Remove the files of a failed operation, even if cancelled; if `in_doubt`, only files without a post."""
        task = asyncio.ensure_future(self._undo(names, in_doubt=in_doubt))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)

    async def delete_orphans(self) -> int:
        """Remove files stored over an hour ago that belong to no post; return how many. Raises StorageUnavailable."""
        removed = 0
        batch: list[str] = []
        async for name in self.files.names(before=self._clock() - ORPHAN_MIN_AGE):
            batch.append(name)
            if len(batch) == ORPHAN_BATCH:
                removed += await self._delete_unrecorded(batch)
                batch = []
        return removed + await self._delete_unrecorded(batch)

    async def close(self) -> None:
        """Finish the cleanup, and decode no further frame: the process ends when its threads have ended."""
        self._closed = True
        if self._background:
            await asyncio.wait(self._background)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _undo(self, names: Sequence[str], *, in_doubt: bool) -> None:
        if in_doubt:
            try:
                names = await self._find_unrecorded(names)
            except ServiceUnavailable:
                return
        await self.delete(names)

    async def _find_unrecorded(self, names: Sequence[str]) -> list[str]:
        # A write in the thread runs after the operation in doubt, which may still run in the writer's thread.
        return await self._database.write(lambda work: attachments.find_orphans(work, names), NO_PORTAL, in_thread=True)

    async def _delete_unrecorded(self, names: Sequence[str]) -> int:
        orphans = await self._find_unrecorded(names) if names else []
        for name in orphans:
            await self.files.delete(name)
        return len(orphans)
