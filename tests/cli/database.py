"""Reads and writes rows and files, for tests of commands."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app import backends
from app.adapters.database import NO_PORTAL, Operation, PortalContext, T
from app.adapters.storage.base import generate_name
from app.domain.permissions import OPERATOR
from app.domain.posts import attachments, create
from app.domain.posts.attachments import StoredFile
from app.domain.posts.create import NewPost
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import UnitOfWork
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


def write_in_portal(portal: int, operation: Operation[T]) -> T:
    """Run a rule in a portal, committed."""

    async def run() -> T:
        database = backends.open_database(Settings.load())
        await database.open()
        try:
            return await database.write(operation, PortalContext(portal, OPERATOR))
        finally:
            await database.close()

    return asyncio.run(run())


def create_post_with_file(portal: int, author: int) -> tuple[int, Path]:
    """Create a post with a stored file; return the id, and the path of the file."""
    settings, name = Settings.load(), generate_name()
    asyncio.run(backends.open_storage(settings).put(name, b"content", "application/pdf"))
    (path,) = settings.data_dir.rglob(name)
    file = StoredFile("attachment", name, "plan.pdf", "application/pdf", 7)

    def write(work: UnitOfWork) -> int:
        post_id = create.create_post(work, NewPost(title="Dark mode", description=None, author=author)).id
        attachments.add(work, post_id=post_id, file=file)
        return post_id

    return write_in_portal(portal, write), path
