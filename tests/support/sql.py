"""Plain SQL on a database from outside, on a connection of its own: what really is in there."""

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

    async def ask() -> list[Row]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return answered(ask())


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

    answered(run())


def answered(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, also when this thread already runs a loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
