"""Plain SQL on a database, on a separate connection."""

import asyncio
import sqlite3
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import asyncpg

Row = tuple[Any, ...]


def rows(url: str, query: str) -> list[Row]:
    """The rows of a query."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as connection:
            return [tuple(row) for row in connection.execute(query)]

    async def fetch() -> list[Row]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return run_coroutine(fetch())


def script(url: str, text: str) -> None:
    """Run several statements."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as connection:
            connection.executescript(text)
        return

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(text)
        finally:
            await connection.close()

    run_coroutine(run())


def run_coroutine(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, even if this thread already runs an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
