"""Plain SQL on a database, on a separate connection."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import asyncpg

Row = tuple[Any, ...]


def rows(url: str, query: str) -> list[Row]:
    """The rows of a query."""
    if url.startswith("sqlite:///"):
        with closing(_open_sqlite(url)) as connection:
            return [tuple(row) for row in connection.execute(query)]
    return [tuple(row) for row in run_coroutine(_run_on_postgres(url, lambda connection: connection.fetch(query)))]


def script(url: str, text: str) -> None:
    """Run several statements."""
    if url.startswith("sqlite:///"):
        with closing(_open_sqlite(url)) as connection:
            connection.executescript(text)
        return
    run_coroutine(_run_on_postgres(url, lambda connection: connection.execute(text)))


def run_coroutine(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, even if this thread already runs an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _open_sqlite(url: str) -> sqlite3.Connection:
    return sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)


async def _run_on_postgres(url: str, operation: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await operation(connection)
    finally:
        await connection.close()
