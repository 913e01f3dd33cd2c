"""Expands events to deliveries, and survives an expander that fails."""

import logging
from collections.abc import Sequence
from typing import Final

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.domain.errors import ServiceUnavailable
from app.domain.events import StoredEvent
from app.domain.outbox import events
from app.domain.outbox.deliveries import NewDelivery
from app.domain.outbox.events import WaitingPortal
from app.domain.permissions import OPERATOR
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Expander
from app.outbox.portal_urls import PortalUrls

log = logging.getLogger("earshot.outbox")

MAX_BATCHES: Final = 10
"""Transactions for one portal, before it is the turn of the next."""


class Expansion:
    """Calls the expanders for the pending events of all portals."""

    def __init__(self, database: Database, expanders: Sequence[Expander], urls: PortalUrls) -> None:
        self._database = database
        self._expanders = expanders
        self._urls = urls

    async def run(self) -> int:
        """Expand some events of each portal that has any, and return how many.

        Raises ServiceUnavailable. What fails otherwise is raised after all portals had their turn, and stays pending.
        """
        count = 0
        failures: list[Exception] = []
        # A cheap read first: SQLite has one writer, and an idle server must not take its turn.
        for portal in await self._database.read(events.find_portals, NO_PORTAL):
            try:
                count += await self._expand_portal(portal)
            except ServiceUnavailable:
                raise
            except Exception as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("the events of some portals could not be expanded", failures)
        return count

    async def _expand_portal(self, portal: WaitingPortal) -> int:
        count = 0
        for _ in range(MAX_BATCHES):
            batch = await _Batch(self._expanders).run(self._database, self._urls, portal)
            count += batch
            if batch < events.MAX_EVENTS:
                break
        return count


class _Batch:
    """The events of one transaction. An expander that raises for an event is skipped for it in the next run.

    That run ends after this event, so that each event is expanded at most twice, whatever the number of failures.
    """

    def __init__(self, expanders: Sequence[Expander]) -> None:
        self._expanders = expanders
        self._failed: set[tuple[int, int]] = set()
        """Id of the event, and index of the expander."""
        self._current: tuple[int, int] | None = None
        """What runs, or raised."""
        self._last: int | None = None
        """The event that the transaction ends with, or None."""

    async def run(self, database: Database, urls: PortalUrls, portal: WaitingPortal) -> int:
        """Run the transaction, again after an expander has failed, and return the number of events."""
        base_url = urls.choose(portal.host, is_only=portal.is_only)

        def expand(work: UnitOfWork) -> int:
            self._current = None
            return events.expand_next(work, self._expand, base_url=base_url, is_public=urls.is_public, last=self._last)

        context = PortalContext(portal.id, OPERATOR)
        while True:
            try:
                # An event may have thousands of recipients. On SQLite this runs in a thread; on PostgreSQL in the event
                # loop, which goes on during each statement, and during what UnitOfWork.compute calls.
                return await database.write(expand, context, in_thread=True)
            except ServiceUnavailable:
                raise
            except Exception as error:
                if self._current is None:
                    # No expander is to blame, but, say, what stores the deliveries: nothing is skipped.
                    raise
                # A bug. Without this, the event would hold back all later ones of its portal.
                log.error("event %d could not be expanded, and is skipped", self._current[0], exc_info=error)
                self._failed.add(self._current)
                self._last = self._current[0]

    def _expand(self, work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        new: list[NewDelivery] = []
        for index, expander in enumerate(self._expanders):
            if (event.id, index) not in self._failed:
                self._current = event.id, index
                new += expander(work, event)
        self._current = None
        return new
