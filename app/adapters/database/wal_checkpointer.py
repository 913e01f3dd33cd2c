"""Copies SQLite's write-ahead log into the database file, in a thread of a serving process.

With SQLite's automatic checkpoints, some commits copy the log themselves, and are slow.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final

from app.adapters.database.write_queue import WriteQueue

log = logging.getLogger("earshot.sqlite")

INTERVAL_SECONDS: Final = 0.25
RESTART_WAL_BYTES: Final = 32 * 1024 * 1024
"""Above this the log is restarted: overwriting pages in memory is cheaper than extending a file."""
MAX_ROUNDS: Final = 4
FAST_ROUND_SECONDS: Final = 0.03
MAX_RESTART_FACTOR: Final = 8
RESTART_MILLISECONDS: Final = 50
"""How long a restart waits for readers if the log is over MAX_RESTART_FACTOR * RESTART_WAL_BYTES; later ones retry."""
FAILURES_TO_WARN: Final = 20
"""After this number of consecutive failures, one warning is logged."""
PAGE_BYTES: Final = 4096


class WalCheckpointer:
    """Runs checkpoints until it is cancelled. After an error it retries; reads and writes report the same error.

    `file` is a descriptor of the database file, for fsync. It stays open as long as the connections, since closing it
    releases every lock that this process has on the file.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], file: int, write_queue: WriteQueue) -> None:
        self._connect = connect
        self._file = file
        self._write_queue = write_queue
        self._thread = ThreadPoolExecutor(1, "sqlite-checkpoint")
        self._failures = 0

    async def run(self) -> None:
        """Run a checkpoint every quarter of a second."""
        try:
            while True:
                await asyncio.sleep(INTERVAL_SECONDS)
                try:
                    await self._checkpoint()
                    self._failures = 0
                except (OSError, sqlite3.Error) as error:
                    self._on_failure(error)
        finally:
            self._thread.shutdown()

    async def _checkpoint(self) -> None:
        if await self._run_checkpoint("PASSIVE") < RESTART_WAL_BYTES:
            return
        # Under steady writes a checkpoint never reaches the end of the log. More is written while it runs, but less in
        # each round; writes wait for the last round only, and reads go on. SQLite flushes the file only after a
        # complete copy, so most of it is flushed before, too.
        loop = asyncio.get_running_loop()
        for _ in range(MAX_ROUNDS):
            started_at = loop.time()
            await loop.run_in_executor(self._thread, os.fsync, self._file)
            await self._run_checkpoint("PASSIVE")
            if loop.time() - started_at < FAST_ROUND_SECONDS:
                break
        async with self._write_queue.exclusive(patient=True):
            # After a complete copy the next write restarts the log, unless a read is running. Waiting for readers takes
            # longer than the copying.
            if await self._run_checkpoint("PASSIVE") > MAX_RESTART_FACTOR * RESTART_WAL_BYTES:
                await self._run_checkpoint("RESTART")

    async def _run_checkpoint(self, mode: str) -> int:
        """Copy as much of the log as possible; returns the log's size in bytes."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._checkpoint_in_thread, mode)

    def _checkpoint_in_thread(self, mode: str) -> int:
        # A new connection takes a tenth of a millisecond, and one with an error is never used again.
        with closing(self._connect()) as connection:
            connection.execute(f"PRAGMA busy_timeout = {RESTART_MILLISECONDS}")
            _, pages, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return int(pages) * PAGE_BYTES

    def _on_failure(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == FAILURES_TO_WARN:
            log.warning("SQLite's write-ahead log grows, because it can't be copied into the database: %s", error)
