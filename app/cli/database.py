"""How a command runs an operation: on the configured database, in the chosen portal, as the operator."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from app.adapters.database import NO_PORTAL, Database, Operation, PortalContext
from app.adapters.database.inspection import live_revision, read_revision
from app.adapters.database.revisions import HEAD
from app.adapters.storage.base import delete_stored
from app.backends import open_database, open_storage
from app.cli.errors import CommandError
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.domain.sql.statement import SQLITE
from app.domain.unit_of_work import UnitOfWork
from app.public_url import PublicUrl
from app.settings import Settings

T = TypeVar("T")

log = logging.getLogger("earshot.cli")


def run_read(operation: Operation[T], *, portal: str | None) -> T:
    """Run an operation that changes nothing in the chosen portal; all its statements see one state."""
    return _run_in_portal(lambda database, context: database.read(operation, context, snapshot=True), portal)


def run_write(operation: Operation[T], *, portal: str | None) -> T:
    """Run an operation in one transaction in the chosen portal."""
    return _run_in_portal(lambda database, context: database.write(operation, context), portal)


def run_read_all_portals(operation: Operation[T]) -> T:
    """Run an operation that changes nothing and reads across portals."""
    return _run(lambda database: database.read(operation, NO_PORTAL, snapshot=True), Settings.load())


def run_write_without_portal(operation: Operation[T]) -> T:
    """Run an operation that acts in no portal, or creates one, in one transaction."""
    return _run(lambda database: database.write(operation, NO_PORTAL), Settings.load())


def delete_files(names: Iterable[str]) -> None:
    """Remove the stored files of rows that were deleted. A file that can't be removed now is removed by the server."""
    asyncio.run(delete_stored(open_storage(Settings.load()), names))


def _run_in_portal(run: Callable[[Database, PortalContext], Coroutine[Any, Any, T]], portal: str | None) -> T:
    settings = Settings.load()

    async def run_in_portal(database: Database) -> T:
        portal_id, host = await database.read(lambda work: _choose_portal(work, portal), NO_PORTAL)
        public = PublicUrl(settings.base_url)
        base_url = public.url if public.url is None or host is None else public.on(host)
        return await run(database, PortalContext(portal_id, OPERATOR, base_url))

    return _run(run_in_portal, settings)


def _run(run: Callable[[Database], Coroutine[Any, Any, T]], settings: Settings) -> T:
    async def run_on_database() -> T:
        async with _current_database(settings) as database:
            return await run(database)

    return asyncio.run(run_on_database())


async def require_current_database(settings: Settings) -> None:
    """Check that the database exists and is at this program's revision. Raises CommandError, or as `read_revision`."""
    async with _current_database(settings):
        pass


@asynccontextmanager
async def _current_database(settings: Settings) -> AsyncIterator[Database]:
    """The open database, at this program's revision. Raises CommandError, or as `read_revision`."""
    database = open_database(settings)
    # Opening creates SQLite's file where it is missing, and changes the journal mode of a file that is not Earshot's.
    if database.engine == SQLITE or not await _is_open_and_current(database):
        revision = await read_revision(settings.database, password=settings.database_password)
        _require_head(revision, database.describe())
        await database.open()
    try:
        yield database
    finally:
        await database.close()


async def _is_open_and_current(database: Database) -> bool:
    try:
        await database.open()
        if await live_revision(database) == HEAD:
            return True
    except Exception:
        # `read_revision` meets the same error, and raises it with a remedy.
        log.debug("the database can't be opened", exc_info=True)
    await database.close()
    return False


def _require_head(revision: str | None, database: str) -> None:
    if revision is None:
        raise CommandError(
            f"there is no Earshot in the database yet ({database}): start the server with `earshot serve`, "
            "or choose another with EARSHOT_DATABASE_URL or EARSHOT_DATA_DIR"
        )
    if revision != HEAD:
        raise CommandError("the database is of an older Earshot: migrate it with `earshot migrate`")


def _choose_portal(work: UnitOfWork, name: str | None) -> tuple[int, str | None]:
    """The portal's id, and the host of its links where there are several portals."""
    rows = portals.list_all(work)
    if not rows:
        raise CommandError("there is no portal yet: create one with `earshot portals create --title T`")
    hosts: dict[int, str | None] = {int(portal_id): host for portal_id, _, _, _, host, *_ in rows}
    if name is None:
        if len(hosts) == 1:
            return next(iter(hosts)), None
        names = ", ".join(host or f"{portal_id} (no host)" for portal_id, host in hosts.items())
        raise CommandError(f"there are several portals: choose one with --portal: {names}")
    for portal_id, host in hosts.items():
        if name.lower() in (str(portal_id), host):
            return portal_id, host if len(hosts) > 1 else None
    raise CommandError(f"there is no portal {name}: `earshot portals list` lists them")
