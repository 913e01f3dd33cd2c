"""How a command acts: on the database that the settings name, in the portal that was chosen, as the operator."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from app.adapters.database import NO_PORTAL, Database, Operation, PortalContext
from app.adapters.database.inspection import read_revision
from app.adapters.database.revisions import head
from app.backends import open_database as database_of
from app.backends import open_storage
from app.cli.errors import CommandError
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from app.public_url import PublicUrl
from app.settings import Settings

T = TypeVar("T")


def run_read(operation: Operation[T], *, portal: str | None) -> T:
    """Run an act that changes nothing, in the chosen portal."""
    return _run(lambda database, context: database.read(operation, context, in_thread=True), portal)


def run_write(operation: Operation[T], *, portal: str | None) -> T:
    """Run an act in one transaction, in the chosen portal."""
    return _run(lambda database, context: database.write(operation, context, in_thread=True), portal)


def run_read_all_portals(operation: Operation[T]) -> T:
    """Run an act that changes nothing and looks across portals."""
    return _run(lambda database, _: database.read(operation, NO_PORTAL, in_thread=True), None, choose=False)


def run_write_without_portal(operation: Operation[T]) -> T:
    """Run an act that makes a portal, in one transaction."""
    return _run(lambda database, _: database.write(operation, NO_PORTAL, in_thread=True), None, choose=False)


def discard(names: Iterable[str]) -> None:
    """Remove stored files of what has just been deleted."""
    stored = open_storage(Settings.load())

    async def remove() -> None:
        for name in names:
            await stored.delete(name)

    asyncio.run(remove())


def _run(
    operation: Callable[[Database, PortalContext], Coroutine[Any, Any, T]], portal: str | None, *, choose: bool = True
) -> T:
    settings = Settings.load()

    async def run() -> T:
        await _require_migrated(settings)
        database = database_of(settings)
        await database.open()
        try:
            if not choose:
                return await operation(database, NO_PORTAL)
            portal_id, host = await database.read(lambda work: _choose_portal(work, portal), NO_PORTAL)
            public = PublicUrl(settings.base_url)
            base_url = public.url if public.url is None or host is None else public.on(host)
            return await operation(database, PortalContext(portal_id, OPERATOR, base_url))
        finally:
            await database.close()

    return asyncio.run(run())


async def _require_migrated(settings: Settings) -> None:
    found = await read_revision(settings.database, password=settings.database_password)
    if found is None:
        where = database_of(settings).describe()
        raise CommandError(
            f"there is no Earshot in the database yet ({where}): start the server with `earshot serve`, "
            "or choose another with EARSHOT_DATABASE_URL or EARSHOT_DATA_DIR"
        )
    if found != head():
        raise CommandError("the database is of an older Earshot: bring it up to date with `earshot migrate`")


def _choose_portal(work: UnitOfWork, wanted: str | None) -> tuple[int, str | None]:
    """The portal's id, and the host of its links where there are several."""
    found = portals.list_all(work)
    if not found:
        raise CommandError("there is no portal yet: make one with `earshot portals create --title T`")
    if wanted is None:
        if len(found) == 1:
            return int(found[0][0]), None
        names = ", ".join(row[4] or f"{row[0]} (no host)" for row in found)
        raise CommandError(f"there are several portals: choose one with --portal: {names}")
    for row in found:
        if wanted.lower() in (str(row[0]), row[4]):
            return int(row[0]), row[4] if len(found) > 1 else None
    raise CommandError(f"there is no portal {wanted}: `earshot portals list` names them")
