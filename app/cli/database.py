"""How a command acts: on the database that the settings name, in the portal that was chosen, as the operator."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from app.adapters.database import NOWHERE, Act, Database, Standing
from app.adapters.database.inspection import revision
from app.adapters.database.revisions import head
from app.backends import database as database_of
from app.backends import files
from app.cli.errors import Refused
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.domain.unit_of_work import Work
from app.public_url import PublicAddress
from app.settings import Settings

T = TypeVar("T")


def reading(act: Act[T], *, portal: str | None) -> T:
    """Run an act that changes nothing, in the chosen portal."""
    return _run(lambda database, standing: database.reading(act, standing, slow=True), portal)


def writing(act: Act[T], *, portal: str | None) -> T:
    """Run an act in one transaction, in the chosen portal."""
    return _run(lambda database, standing: database.writing(act, standing, slow=True), portal)


def reading_everywhere(act: Act[T]) -> T:
    """Run an act that changes nothing and looks across portals."""
    return _run(lambda database, _: database.reading(act, NOWHERE, slow=True), None, choose=False)


def writing_anew(act: Act[T]) -> T:
    """Run an act that makes a portal, in one transaction."""
    return _run(lambda database, _: database.writing(act, NOWHERE, slow=True), None, choose=False)


def discard(names: Iterable[str]) -> None:
    """Remove stored files of what has just been deleted."""
    stored = files(Settings.load())

    async def remove() -> None:
        for name in names:
            await stored.delete(name)

    asyncio.run(remove())


def _run(act: Callable[[Database, Standing], Coroutine[Any, Any, T]], portal: str | None, *, choose: bool = True) -> T:
    settings = Settings.load()

    async def run() -> T:
        await _present(settings)
        database = database_of(settings)
        await database.open()
        try:
            if not choose:
                return await act(database, NOWHERE)
            portal_id, host = await database.reading(lambda work: _chosen(work, portal), NOWHERE)
            public = PublicAddress(settings.base_url)
            base_url = public.url if public.url is None or host is None else public.on(host)
            return await act(database, Standing(portal_id, OPERATOR, base_url))
        finally:
            await database.close()

    return asyncio.run(run())


async def _present(settings: Settings) -> None:
    found = await revision(settings.database, password=settings.database_password)
    if found is None:
        where = database_of(settings).describe()
        raise Refused(
            f"there is no Earshot in the database yet ({where}): start the server with `earshot serve`, "
            "or choose another with EARSHOT_DATABASE_URL or EARSHOT_DATA_DIR"
        )
    if found != head():
        raise Refused("the database is of an older Earshot: bring it up to date with `earshot migrate`")


def _chosen(work: Work, wanted: str | None) -> tuple[int, str | None]:
    """The portal's id, and the host of its links where there are several."""
    found = portals.every(work)
    if not found:
        raise Refused("there is no portal yet: make one with `earshot portals create --title T`")
    if wanted is None:
        if len(found) == 1:
            return int(found[0][0]), None
        names = ", ".join(row[4] or f"{row[0]} (no host)" for row in found)
        raise Refused(f"there are several portals: choose one with --portal: {names}")
    for row in found:
        if wanted.lower() in (str(row[0]), row[4]):
            return int(row[0]), row[4] if len(found) > 1 else None
    raise Refused(f"there is no portal {wanted}: `earshot portals list` names them")
