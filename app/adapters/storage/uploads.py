"""Uploads between request and post: cleaned, and gone again when nothing came of the request or the post went."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, BinaryIO, Final

from app.adapters.database import NO_PORTAL, Clock, Database
from app.adapters.images import SanitizedImage, sanitize_image
from app.adapters.storage.base import FileStorage, StorageUnavailable
from app.domain.errors import ServiceUnavailable
from app.domain.posts import attachments

log = logging.getLogger("earshot.uploads")

MAX_WORKERS: Final = 2
"""Each picture takes up to `pictures.MAX_MEMORY`, and a processor for seconds."""
MAX_WAITING: Final = 16
"""Whoever comes later is sent away, instead of waiting for a minute."""
ORPHAN_MIN_AGE: Final = timedelta(hours=1)
"""A stored file without a row is younger than this while its request may still be on its way."""
ORPHAN_BATCH: Final = 500


class Uploads:
    """One server's uploads: where they lie, and how they are tidied."""

    def __init__(self, files: FileStorage, database: Database, *, clock: Clock) -> None:
        self.files = files
        self._database = database
        self._clock = clock
        self._cleaners = ThreadPoolExecutor(MAX_WORKERS, "pictures")
        self._background: set[asyncio.Task[Any]] = set()
        self._cleaning = 0
        self._closed = False

    async def sanitize(self, source: BinaryIO) -> SanitizedImage:
        """See `pictures.cleaned`; at most a few at once, with a few waiting, whoever has gone meanwhile.

        Raises InvalidImage, and Unavailable when too many wait.
        """
        if self._cleaning >= MAX_WORKERS + MAX_WAITING:
            raise ServiceUnavailable("too many pictures that are being drawn")
        self._cleaning += 1
        running = asyncio.get_running_loop().run_in_executor(
            self._cleaners, sanitize_image, source, lambda: not self._closed
        )
        # Whoever hangs up meanwhile leaves the picture behind: it counts until it is done.
        running.add_done_callback(self._cleaned)
        return await asyncio.shield(running)

    def _cleaned(self, _: Any) -> None:
        self._cleaning -= 1

    async def delete(self, names: Iterable[str]) -> None:
        """Remove files that no post has any more. What the storage refuses now, the sweep takes later."""
        for name in names:
            await self._remove(name)

    async def rollback(self, names: Sequence[str], *, in_doubt: bool) -> None:
        """Remove files whose act failed, even while being cancelled; when in doubt only those that no post has."""
        await self._to_the_end(self._undo(names, in_doubt=in_doubt))

    async def delete_orphans(self) -> int:
        """Remove what was stored over an hour ago and belongs to no post; how many files. Raises StorageUnavailable."""
        removed = 0
        batch: list[str] = []
        async for name in self.files.names(before=self._clock() - ORPHAN_MIN_AGE):
            batch.append(name)
            if len(batch) == ORPHAN_BATCH:
                removed += await self._swept(batch)
                batch = []
        return removed + await self._swept(batch)

    async def close(self) -> None:
        """Finish what is being tidied, and draw no further frame: the process ends when its threads have."""
        self._closed = True
        if self._background:
            await asyncio.wait(self._background)
        self._cleaners.shutdown(wait=False, cancel_futures=True)

    async def _undo(self, names: Sequence[str], *, in_doubt: bool) -> None:
        if in_doubt:
            try:
                names = await self._unrecorded(names)
            except ServiceUnavailable:
                return
        await self.delete(names)

    async def _unrecorded(self, names: Sequence[str]) -> list[str]:
        # As a slow write it waits for the act in doubt, which may still run in the writer's thread.
        return await self._database.write(lambda work: attachments.find_orphans(work, names), NO_PORTAL, in_thread=True)

    async def _swept(self, names: Sequence[str]) -> int:
        lost = await self._unrecorded(names) if names else []
        for name in lost:
            await self.files.delete(name)
        return len(lost)

    async def _remove(self, name: str) -> None:
        try:
            await self.files.delete(name)
        except StorageUnavailable as failure:
            log.warning("a file that nobody needs stays until the next sweep: %s", failure)

    async def _to_the_end(self, tidying: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(tidying)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
