"""Background jobs of a serving process. A job that fails is retried, and does not stop the server."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.api.authentication import ApiKeyAuthenticator
from app.api.services import PageViews
from app.domain.errors import CommitUncertain, ServiceUnavailable
from app.domain.permissions import OPERATOR
from app.domain.posts import public
from app.domain.search import post_index
from app.domain.users import key_verification, sessions, sign_in_requests

log = logging.getLogger("earshot.background")

VIEWS_BATCH: Final = 500
INDEX_PAUSE_SECONDS: Final = 0.5
"""The pause between two batches of new posts, in which other requests write."""
MAX_BACKOFF_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """A function that is repeated. It may raise; it is then retried with a growing interval."""

    name: str
    interval: float
    run: Callable[[], Awaitable[object]]


class BackgroundJobs:
    """Runs jobs concurrently until it is stopped."""

    def __init__(self, jobs: list[Job]) -> None:
        self.jobs = jobs
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start all jobs; each runs for the first time after its interval."""
        self._tasks = [asyncio.create_task(_repeat(job), name=job.name) for job in self.jobs]

    async def stop(self) -> None:
        """Cancel all jobs, also those that are running."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []


async def _repeat(job: Job) -> None:
    delay = job.interval
    while True:
        await asyncio.sleep(delay)
        backoff = min(max(delay * 2, 1.0), MAX_BACKOFF_SECONDS)
        delay = job.interval
        try:
            await job.run()
        except ServiceUnavailable as error:
            delay = backoff
            log.warning("%s waits for the database: %s", job.name, error)
        except Exception as error:
            delay = backoff
            log.error("%s failed and is retried in %d seconds", job.name, delay, exc_info=error)


async def flush_key_usage(database: Database, authenticator: ApiKeyAuthenticator) -> None:
    """Store when keys were last used, for keys that were used since the last call."""
    used, authenticator.pending_last_used = authenticator.pending_last_used, {}
    if not used:
        return
    try:
        # In one order, so that two processes never wait for each other.
        await database.write(
            lambda work: key_verification.record_last_used(work, dict.fromkeys(sorted(used), work.now)),
            NO_PORTAL,
            in_thread=True,
        )
    except BaseException:
        authenticator.pending_last_used = {**used, **authenticator.pending_last_used}
        raise


async def flush_page_views(database: Database, views: PageViews) -> None:
    """Store the page views that were counted since the last call, some posts in each transaction.

    Views that could not be stored are stored by the next call, also those of posts that a longer transaction locks.
    """
    by_portal: dict[int, list[int]] = defaultdict(list)
    for portal_id, post_id in sorted(views.counts):
        by_portal[portal_id].append(post_id)
    for portal_id, post_ids in by_portal.items():
        for start in range(0, len(post_ids), VIEWS_BATCH):
            await _record_some(database, views, portal_id, post_ids[start : start + VIEWS_BATCH])


async def _record_some(database: Database, views: PageViews, portal_id: int, post_ids: Sequence[int]) -> None:
    counts = {post_id: views.counts.pop((portal_id, post_id)) for post_id in post_ids}
    write = asyncio.ensure_future(
        database.write(
            lambda work: public.record_views(work, counts), PortalContext(portal_id, OPERATOR), in_thread=True
        )
    )
    try:
        await asyncio.wait([write])
    finally:
        # If the server stops meanwhile, the write is awaited, because only then it is known whether these are stored.
        await asyncio.wait([write])
        # After CommitUncertain they may be stored: adding them again could count them twice.
        if not isinstance(write.exception(), CommitUncertain):
            left = counts if write.exception() else write.result()
            for post_id, count in left.items():
                views.add(portal_id, post_id, count)
    write.result()


async def delete_expired_sign_ins(database: Database) -> None:
    """Delete expired sessions, and requests to sign in by email, some in each transaction."""
    for step in (sessions.delete_expired, sign_in_requests.delete_expired):
        while await database.write(step, NO_PORTAL, in_thread=True):
            pass


async def index_new_posts(database: Database, *, pause: float = INDEX_PAUSE_SECONDS) -> None:
    """Index the posts that are not indexed yet, some in each transaction, with a pause after each.

    Then the index is merged in the same way. Several processes may do this at the same time.
    """
    portal_ids = await database.read(post_index.find_portals_with_new_posts, NO_PORTAL)
    for portal_id in portal_ids:
        context = PortalContext(portal_id, OPERATOR)
        is_last = False
        while not is_last:
            count = await database.write(post_index.index_new_posts, context, in_thread=True)
            is_last = count < post_index.MAX_BATCH
            if not is_last:
                await asyncio.sleep(pause)
    is_merged = not portal_ids
    while not is_merged:
        is_merged = not await database.write(post_index.merge_segments, NO_PORTAL, in_thread=True)
        if not is_merged:
            await asyncio.sleep(pause)
