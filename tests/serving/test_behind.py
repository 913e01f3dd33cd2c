"""What a server does behind its requests: it gets done, and nothing of it ends the server."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from app.adapters.database import NOWHERE
from app.assembly import Server
from app.behind import Behind, Job, index_titles, remember_uses
from app.domain import title_index
from app.domain.moments import parsed
from app.domain.refusals import Unavailable
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.make import Make


async def test_the_last_use_of_a_key_is_stored(make: Make, server: Server, astuto: Client, clock: TestClock) -> None:
    first, later = datetime(2026, 1, 12, 9, 30, tzinfo=UTC), datetime(2026, 1, 12, 9, 45, tzinfo=UTC)
    other = await make.key(make.owner, "astuto")
    for moment in (first, later):
        clock.set(moment)
        server.services.admissions.forget()
        await astuto.get("/boards")
        await remember_uses(server.database, server.services.admissions)

    used = {row["prefix"]: row["last_used_at"] for row in await make.rows("SELECT prefix, last_used_at FROM api_keys")}
    assert parsed(used[str(astuto.token)[:16]]) == later
    assert used[other[:16]] is None
    assert server.services.admissions.used == {}


async def test_a_use_that_could_not_be_stored_is_stored_the_next_time(
    make: Make, server: Server, astuto: Client
) -> None:
    await astuto.get("/boards")
    used = dict(server.services.admissions.used)

    class Away:
        """A database that is not there."""

        async def writing(self, *_: object, **__: object) -> None:
            raise Unavailable("away")

    with pytest.raises(Unavailable):
        await remember_uses(Away(), server.services.admissions)  # type: ignore[arg-type]

    assert len(used) == 1
    assert server.services.admissions.used == used


async def test_new_titles_come_into_the_index(make: Make, server: Server, productlift: Client) -> None:
    for number in range(120):
        await make.post(title=f"Export invoices number {number}")

    await index_titles(server.database)

    assert await server.database.reading(title_index.portals_waiting, NOWHERE) == []
    assert await make.value("SELECT posts FROM title_words WHERE word LIKE 'invoic%'") == 120


async def test_a_job_that_fails_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    tries = 0
    done = asyncio.Event()

    async def act() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ValueError
        done.set()

    behind = Behind([Job("the work", 0.0, act)])
    with caplog.at_level(logging.ERROR, "earshot.behind"):
        behind.start()
        await done.wait()
    await behind.stop()

    assert [record.getMessage() for record in caplog.records] == ["the work failed and is tried again in 1 seconds"]


async def test_jobs_end_in_the_middle_when_the_server_ends() -> None:
    begun = asyncio.Event()

    async def act() -> None:
        begun.set()
        await asyncio.Event().wait()

    behind = Behind([Job("endless", 0.0, act)])
    behind.start()
    await begun.wait()

    await behind.stop()
