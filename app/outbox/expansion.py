"""Expands events to deliveries, and survives an expander that fails."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final, NamedTuple, TypeAlias, TypeVar

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.domain.errors import ServiceUnavailable
from app.domain.events import StoredEvent
from app.domain.outbox import events
from app.domain.outbox.deliveries import NewDelivery
from app.domain.outbox.events import WaitingPortal
from app.domain.permissions import OPERATOR
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import endpoints
from app.outbox.base import Expander
from app.outbox.portal_urls import PortalUrls

T = TypeVar("T")

log = logging.getLogger("earshot.outbox")

RETRY_SECONDS: Final = 1.0
MAX_RETRY_SECONDS: Final = 30.0
"""How long a portal is left out after its expansion failed: twice as long each time, up to this."""

Prepared: TypeAlias = Sequence[tuple[StoredEvent, Sequence[NewDelivery]]]


class _Pause(NamedTuple):
    """A portal whose expansion failed is left out until `end`, by the monotonic clock."""

    end: float
    seconds: float


class Expansion:
    """Calls the expanders for the pending events of all portals.

    `call_expanders` make webhook calls. They only read, and may take seconds, because they render templates.
    """

    def __init__(
        self,
        database: Database,
        expanders: Sequence[Expander],
        urls: PortalUrls,
        *,
        call_expanders: Sequence[Expander] = (),
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._database = database
        self._expanders = expanders
        self._call_expanders = call_expanders
        self._urls = urls
        self._retry_seconds = retry_seconds
        self._pauses: dict[int, _Pause] = {}
        """By the id of the portal."""

    async def run(self) -> int:
        """Expand some events of each portal that has any, and return how many.

        Raises ServiceUnavailable. What fails otherwise is logged and stays pending, and the portal is left out for some
        seconds.
        """
        count = 0
        # A cheap read first: SQLite has one writer, and an idle server must not take its turn.
        for portal in await self._database.read(events.find_portals, NO_PORTAL):
            pause = self._pauses.get(portal.id)
            if pause is not None and monotonic() < pause.end:
                continue
            try:
                count += await self._expand_batch(portal)
            except ServiceUnavailable:
                raise
            except Exception as error:
                seconds = min(pause.seconds * 2, MAX_RETRY_SECONDS) if pause else self._retry_seconds
                self._pauses[portal.id] = _Pause(monotonic() + seconds, seconds)
                message = "the events of portal %d could not be expanded, and are retried in %d seconds"
                log.error(message, portal.id, seconds, exc_info=error)
            else:
                self._pauses.pop(portal.id, None)
        return count

    async def _expand_batch(self, portal: WaitingPortal) -> int:
        """Make webhook calls in a transaction that only reads, then emails in the one that stores both.

        So templates that take long delay no request that writes: SQLite has one writer.
        """
        context = PortalContext(portal.id, OPERATOR)
        base_url = self._urls.choose(portal.host, is_only=portal.is_only)
        calls, others = _Attempt(self._call_expanders), _Attempt(self._expanders)

        def prepare(work: UnitOfWork) -> Prepared:
            waiting = events.list_next(work, base_url=base_url, is_public=self._urls.is_public)
            return list(events.expand_each(work, waiting, calls.expand, last=calls.last))

        # On SQLite this runs in a thread; on PostgreSQL in the event loop, which goes on during each statement, and
        # during what UnitOfWork.compute calls.
        prepared = await calls.repeat(
            lambda: self._database.read(prepare, context, in_thread=True, snapshot=True),
        )
        if not prepared:
            return 0

        def store(work: UnitOfWork) -> int:
            return _store(work, prepared, others)

        # An event may have thousands of recipients.
        return await others.repeat(lambda: self._database.write(store, context, in_thread=True))


def _store(work: UnitOfWork, prepared: Prepared, others: "_Attempt") -> int:
    """Store the prepared calls, and the deliveries of the other expanders."""
    made = {event.id: new for event, new in prepared}
    # An endpoint may have been deleted or disabled since its calls were prepared.
    enabled = endpoints.list_enabled_ids(work) if any(made.values()) else frozenset()

    def expand(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        return [*others.expand(work, event), *(call for call in made[event.id] if call.webhook_id in enabled)]

    return events.store_deliveries(work, [event for event, _ in prepared], expand, last=others.last)


class _Attempt:
    """Calls expanders in one transaction. An expander that raises for an event is skipped for it in the next attempt.

    That attempt ends after this event, so that each event is expanded at most twice, whatever the number of failures.
    """

    def __init__(self, expanders: Sequence[Expander]) -> None:
        self._expanders = expanders
        self._failed: set[tuple[int, int]] = set()
        """Id of the event, and index of the expander."""
        self._current: tuple[int, int] | None = None
        """What runs, or raised."""
        self.last: int | None = None
        """The event that the transaction ends with, or None."""

    async def repeat(self, run: Callable[[], Awaitable[T]]) -> T:
        """Run the transaction, again after an expander has failed."""
        while True:
            self._current = None
            try:
                return await run()
            except ServiceUnavailable:
                raise
            except Exception as error:
                if self._current is None:
                    # No expander is to blame, but, say, what stores the deliveries: nothing is skipped.
                    raise
                # A bug. Without this, the event would hold back all later ones of its portal.
                log.error("event %d could not be expanded, and is skipped", self._current[0], exc_info=error)
                self._failed.add(self._current)
                self.last = self._current[0]

    def expand(self, work: UnitOfWork, event: StoredEvent) -> list[NewDelivery]:
        """The deliveries of all expanders but those that are skipped."""
        new: list[NewDelivery] = []
        for index, expander in enumerate(self._expanders):
            if (event.id, index) not in self._failed:
                self._current = event.id, index
                new += expander(work, event)
        self._current = None
        return new
