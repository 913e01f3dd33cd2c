"""What a serving process does behind its requests, again and again: small jobs, none of which may end the server."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.api.authentication import ApiKeyAuthenticator
from app.api.services import PageViews
from app.domain.errors import CommitUncertain, ServiceUnavailable
from app.domain.permissions import OPERATOR
from app.domain.posts import public
from app.domain.users import api_keys

log = logging.getLogger("earshot.behind")

VIEWS_BATCH: Final = 500
MAX_BACKOFF_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something done every so often. `act` may raise; it is then tried again, less and less often."""

    name: str
    interval: float
    run: Callable[[], Awaitable[object]]


class BackgroundJobs:
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
    rest = job.interval
    while True:
        await asyncio.sleep(rest)
        try:
            await job.run()
            rest = job.interval
        except ServiceUnavailable as error:
            rest = min(max(rest * 2, 1.0), MAX_BACKOFF_SECONDS)
            log.warning("%s waits for the database: %s", job.name, error)
        except Exception as error:
            rest = min(max(rest * 2, 1.0), MAX_BACKOFF_SECONDS)
            log.error("%s failed and is tried again in %d seconds", job.name, rest, exc_info=error)


async def flush_key_usage(database: Database, admissions: ApiKeyAuthenticator) -> None:
    """Store when keys were last used, for those used since the last time."""
    used, admissions.pending_last_used = admissions.pending_last_used, {}
    if not used:
        return
    try:
        # In one order, so that two processes never wait for each other.
        await database.write(
            lambda work: api_keys.record_last_used(work, dict.fromkeys(sorted(used), work.now)),
            NO_PORTAL,
            in_thread=True,
        )
    except BaseException:
        admissions.pending_last_used = {**used, **admissions.pending_last_used}
        raise


async def flush_page_views(database: Database, views: PageViews) -> None:
    """Store the page views counted since the last time, some posts in each transaction.

    What could not be stored stays for the next time, also the views of posts that a longer transaction holds.
    """
    by_portal: dict[int, list[int]] = defaultdict(list)
    for portal_id, post_id in sorted(views.counts):
        by_portal[portal_id].append(post_id)
    for portal_id, post_ids in by_portal.items():
        for start in range(0, len(post_ids), VIEWS_BATCH):
            await _record_some(database, views, portal_id, post_ids[start : start + VIEWS_BATCH])


async def _record_some(database: Database, views: PageViews, portal_id: int, post_ids: Sequence[int]) -> None:
    left: dict[int, int] = {}
    taken = {post_id: views.counts.pop((portal_id, post_id)) for post_id in post_ids}
    adding = asyncio.ensure_future(
        database.write(
            lambda work: public.record_views(work, taken), PortalContext(portal_id, OPERATOR), in_thread=True
        )
    )
    try:
        try:
            left = await asyncio.shield(adding)
        except asyncio.CancelledError:
            # The server ends. Whether these are stored is known once the write has ended.
            left = await adding
            raise
    except CommitUncertain:
        # They may be stored: adding them again could count them twice.
        raise
    except Exception:
        left = taken
        raise
    finally:
        for post_id, many in left.items():
            views.add(portal_id, post_id, many)
