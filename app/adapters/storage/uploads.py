"""Uploads between request and post: cleaned, and gone again when nothing came of the request or the post went."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, BinaryIO, Final

from app.adapters.database import NOWHERE, Clock, Database
from app.adapters.images import Picture, cleaned
from app.adapters.storage.base import Files, StorageFailed
from app.domain.errors import Unavailable
from app.domain.posts import attachments

log = logging.getLogger("earshot.uploads")

CLEANED_AT_ONCE: Final = 2
"""Each picture takes up to `pictures.MAX_MEMORY`, and a processor for seconds."""
MAX_WAITING: Final = 16
"""Whoever comes later is sent away, instead of waiting for a minute."""
LEFT_ALONE: Final = timedelta(hours=1)
"""A stored file without a row is younger than this while its request may still be on its way."""
SWEPT_AT_ONCE: Final = 500


class Uploads:
    """One server's uploads: where they lie, and how they are tidied."""

    def __init__(self, files: Files, database: Database, *, clock: Clock) -> None:
        self.files = files
        self._database = database
        self._clock = clock
        self._cleaners = ThreadPoolExecutor(CLEANED_AT_ONCE, "pictures")
        self._behind: set[asyncio.Task[Any]] = set()
        self._cleaning = 0
        self._closed = False

    async def clean(self, source: BinaryIO) -> Picture:
        """See `pictures.cleaned`; at most a few at once, with a few waiting, whoever has gone meanwhile.

        Raises NotAPicture, and Unavailable when too many wait.
        """
        if self._cleaning >= CLEANED_AT_ONCE + MAX_WAITING:
            raise Unavailable("too many pictures that are being drawn")
        self._cleaning += 1
        running = asyncio.get_running_loop().run_in_executor(self._cleaners, cleaned, source, lambda: not self._closed)
        # Whoever hangs up meanwhile leaves the picture behind: it counts until it is done.
        running.add_done_callback(self._cleaned)
        return await asyncio.shield(running)

    def _cleaned(self, _: Any) -> None:
        self._cleaning -= 1

    async def discard(self, names: Iterable[str]) -> None:
        """Remove files that no post has any more. What the storage refuses now, the sweep takes later."""
        for name in names:
            await self._remove(name)

    async def undo(self, names: Sequence[str], *, in_doubt: bool) -> None:
        """Remove files whose act failed, even while being cancelled; when in doubt only those that no post has."""
        await self._to_the_end(self._undo(names, in_doubt=in_doubt))

    async def sweep(self) -> int:
        """Remove what was stored over an hour ago and belongs to no post; how many files. Raises StorageFailed."""
        removed = 0
        batch: list[str] = []
        async for name in self.files.names(before=self._clock() - LEFT_ALONE):
            batch.append(name)
            if len(batch) == SWEPT_AT_ONCE:
                removed += await self._swept(batch)
                batch = []
        return removed + await self._swept(batch)

    async def close(self) -> None:
        """Finish what is being tidied, and draw no further frame: the process ends when its threads have."""
        self._closed = True
        if self._behind:
            await asyncio.wait(self._behind)
        self._cleaners.shutdown(wait=False, cancel_futures=True)

    async def _undo(self, names: Sequence[str], *, in_doubt: bool) -> None:
        if in_doubt:
            try:
                names = await self._unrecorded(names)
            except Unavailable:
                return
        await self.discard(names)

    async def _unrecorded(self, names: Sequence[str]) -> list[str]:
        # As a slow write it waits for the act in doubt, which may still run in the writer's thread.
        return await self._database.writing(lambda work: attachments.unrecorded(work, names), NOWHERE, slow=True)

    async def _swept(self, names: Sequence[str]) -> int:
        lost = await self._unrecorded(names) if names else []
        for name in lost:
            await self.files.delete(name)
        return len(lost)

    async def _remove(self, name: str) -> None:
        try:
            await self.files.delete(name)
        except StorageFailed as failure:
            log.warning("a file that nobody needs stays until the next sweep: %s", failure)

    async def _to_the_end(self, tidying: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(tidying)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
