"""The rows of the database, for tests of commands."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import text

from app import backends
from app.adapters.database import NO_PORTAL
from app.domain.sql.statement import Statement
from app.settings import Settings

Rows = Callable[..., list[Mapping[str, Any]]]


def rows_of_settings(query: str, **values: Any) -> list[Mapping[str, Any]]:
    """The rows of a plain SQL query; a change is committed, too."""
    statement = Statement(text(query), across_portals=True)

    async def run() -> list[Mapping[str, Any]]:
        database = backends.open_database(Settings.load())
        await database.open()
        try:
            found_rows = await database.write(lambda work: work.fetch_all(statement, **values), NO_PORTAL)
        finally:
            await database.close()
        return [{name: row[name] for name in row.keys()} for row in found_rows]  # type: ignore[attr-defined]  # noqa: SIM118

    return asyncio.run(run())
