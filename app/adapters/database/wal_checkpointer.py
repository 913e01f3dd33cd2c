"""Copying SQLite's log into its file beside the writes, which a serving process does in a thread of its own.

Left to SQLite, a commit now and then copies the log itself, and is slow.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from app.adapters.database.write_queue import WriteQueue

log = logging.getLogger("earshot.sqlite")

INTERVAL_SECONDS: Final = 0.25
RESTART_WAL_BYTES: Final = 32 * 1024 * 1024
"""Past this the log begins anew: writing over what lies in memory already is cheaper than making a file longer."""
MAX_ROUNDS: Final = 4
SHORT_SECONDS: Final = 0.03
READERS_IN_THE_WAY: Final = 8
RESTART_MILLISECONDS: Final = 50
"""How long is waited for readers when the log has grown so many times as long; the next time will do as well."""
TELL_AFTER: Final = 20
"""So many failures in a row are worth a line in the log."""
PAGE_BYTES: Final = 4096


class WalCheckpointer:
    """Takes checkpoints until it is cancelled. Whatever is wrong with the file, writes and reads say so; this tries on.

    `file` is open on the database, to flush it; it stays open as long as connections do, for to close it ends every
    lock that this process has on the file.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], file: int, turns: WriteQueue) -> None:
        self._connect = connect
        self._file = file
        self._turns = turns
        self._thread = ThreadPoolExecutor(1, "sqlite-checkpoint")
        self._connection: sqlite3.Connection | None = None
        self._failures = 0

    async def run(self) -> None:
        """Take one every quarter of a second."""
        try:
            while True:
                await asyncio.sleep(INTERVAL_SECONDS)
                try:
                    await self._checkpoint()
                    self._failures = 0
                except (OSError, sqlite3.Error) as error:
                    self._failed(error)
        finally:
            self._thread.shutdown()
            self._drop()

    async def _checkpoint(self) -> None:
        if await self._run_checkpoint("PASSIVE") < RESTART_WAL_BYTES:
            return
        # Under steady writes the log never comes to its end by itself. While it is copied more is written, but less
        # each time; for the last of it writes wait, and reads go on. SQLite flushes the file only when all is copied,
        # so most of that is done before, too.
        loop = asyncio.get_running_loop()
        for _ in range(MAX_ROUNDS):
            began = loop.time()
            await loop.run_in_executor(self._thread, os.fsync, self._file)
            await self._run_checkpoint("PASSIVE")
            if loop.time() - began < SHORT_SECONDS:
                break
        async with self._turns.exclusive(patient=True):
            # Once all is copied the next write begins the log anew, unless somebody reads just then. To wait for
            # readers, who come and go, takes longer than all the copying.
            if await self._run_checkpoint("PASSIVE") > READERS_IN_THE_WAY * RESTART_WAL_BYTES:
                await self._run_checkpoint("RESTART")

    async def _run_checkpoint(self, mode: str) -> int:
        """Copy what can be; how many bytes the log had."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._copy, mode)

    def _copy(self, mode: str) -> int:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.execute(f"PRAGMA busy_timeout = {RESTART_MILLISECONDS}")
        _, pages, _ = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return int(pages) * PAGE_BYTES

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures == TELL_AFTER:
            log.warning("SQLite's log can't be copied into its file and grows until it can: %s", error)
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
