"""What a serving process does behind its requests, again and again: small jobs, none of which may end the server."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from app.adapters.database import NOWHERE, Database, Standing
from app.api.authentication import Admissions
from app.api.services import PageViews
from app.domain.errors import InDoubt, Unavailable
from app.domain.permissions import OPERATOR
from app.domain.posts import public
from app.domain.search import index
from app.domain.unit_of_work import Work
from app.domain.users import api_keys

log = logging.getLogger("earshot.behind")

TITLES_AT_ONCE: Final = 50
VIEWED_AT_ONCE: Final = 500
LONGEST_REST: Final = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something done every so often. `act` may raise; it is then tried again, less and less often."""

    name: str
    every_seconds: float
    act: Callable[[], Awaitable[object]]


class Behind:
    """Runs jobs side by side until it is stopped."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, job: Job) -> None:
        """One job more; before the start."""
        self._jobs = [*self._jobs, job]

    def start(self) -> None:
        """Begin; each job first after its own pause."""
        self._tasks = [asyncio.create_task(_repeat(job), name=job.name) for job in self._jobs]

    async def stop(self) -> None:
        """End, in the middle of a job if need be."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []


async def _repeat(job: Job) -> None:
    rest = job.every_seconds
    while True:
        await asyncio.sleep(rest)
        try:
            await job.act()
            rest = job.every_seconds
        except Unavailable as error:
            rest = min(max(rest * 2, 1.0), LONGEST_REST)
            log.warning("%s waits for the database: %s", job.name, error)
        except Exception as error:
            rest = min(max(rest * 2, 1.0), LONGEST_REST)
            log.error("%s failed and is tried again in %d seconds", job.name, rest, exc_info=error)


async def remember_uses(database: Database, admissions: Admissions) -> None:
    """Store when keys were last used, for those used since the last time."""
    used, admissions.used = admissions.used, {}
    if not used:
        return
    try:
        # In one order, so that two processes never wait for each other.
        await database.writing(
            lambda work: api_keys.remember_use(work, dict.fromkeys(sorted(used), work.now)), NOWHERE, slow=True
        )
    except BaseException:
        admissions.used = {**used, **admissions.used}
        raise


async def record_views(database: Database, views: PageViews) -> None:
    """Store the page views counted since the last time, some posts in each transaction.

    What could not be stored stays for the next time, also the views of posts that a longer transaction holds.
    """
    by_portal: dict[int, list[int]] = defaultdict(list)
    for portal_id, post_id in sorted(views.counts):
        by_portal[portal_id].append(post_id)
    for portal_id, post_ids in by_portal.items():
        for start in range(0, len(post_ids), VIEWED_AT_ONCE):
            await _record_some(database, views, portal_id, post_ids[start : start + VIEWED_AT_ONCE])


async def _record_some(database: Database, views: PageViews, portal_id: int, post_ids: Sequence[int]) -> None:
    left: dict[int, int] = {}
    taken = {post_id: views.counts.pop((portal_id, post_id)) for post_id in post_ids}
    adding = asyncio.ensure_future(
        database.writing(lambda work: public.add_views(work, taken), Standing(portal_id, OPERATOR), slow=True)
    )
    try:
        try:
            left = await asyncio.shield(adding)
        except asyncio.CancelledError:
            # The server ends. Whether these are stored is known once the write has ended.
            left = await adding
            raise
    except InDoubt:
        # They may be stored: adding them again could count them twice.
        raise
    except Exception:
        left = taken
        raise
    finally:
        for post_id, many in left.items():
            views.add(portal_id, post_id, many)


async def index_titles(database: Database) -> None:
    """Bring the index of titles up to date, a few at a time, so that requests come in between."""
    for portal_id in await database.reading(index.portals_waiting, NOWHERE):
        indexed = TITLES_AT_ONCE
        while indexed == TITLES_AT_ONCE:
            indexed = await database.writing(_index_some, Standing(portal_id, OPERATOR), slow=True)


def _index_some(work: Work) -> int:
    return index.index_batch(work, limit=TITLES_AT_ONCE)
