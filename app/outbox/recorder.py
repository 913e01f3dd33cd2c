"""Stores the outcomes of attempts, all that have ended meanwhile in one transaction for each portal."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias

from app.adapters.database import Database, PortalContext
from app.domain.errors import ServiceUnavailable
from app.domain.outbox import claims
from app.domain.outbox.claims import AttemptResult, State
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.permissions import OPERATOR
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Outcome, Result
from app.outbox.failure_log import log_failure, log_warning
from app.outbox.retries import choose_delay

log = logging.getLogger("earshot.outbox")

AfterAttempt: TypeAlias = Callable[[UnitOfWork, ClaimedDelivery, State, Outcome], str | None]
"""Called in the transaction that stores the outcome, with the delivery's new state, in the delivery's portal.

It returns what is to be logged as a warning after the transaction, or None.
"""
CountAttempt: TypeAlias = Callable[[str, str, str], None]
"""Called after the transaction, with the channel, the kind, and the outcome: delivered, retry, failed or cancelled."""

_Stored: TypeAlias = tuple[list[State | None], list[tuple[ClaimedDelivery, str]]]
"""The new states, and the warnings to be logged."""
_STATES: Final[dict[Result, State]] = {
    Result.DELIVERED: "delivered",
    Result.RETRY: "pending",
    Result.FAILED: "failed",
    Result.CANCELLED: "cancelled",
}
MAX_BATCH: Final = 100
RETRY_SECONDS: Final = 1.0
MAX_STOP_SECONDS: Final = 3.0
"""How long a stopping worker waits for a database that does not answer. The leases end by themselves then."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """An attempt that has ended, and the future that gets the new state when the outcome is stored."""

    delivery: ClaimedDelivery
    outcome: Outcome
    duration_ms: int
    stored: asyncio.Future[State | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Recorder:
    """Collects attempts that have ended, and stores their outcomes."""

    def __init__(self, database: Database, *, after_attempt: Sequence[AfterAttempt] = ()) -> None:
        self._database = database
        self._after_attempt = after_attempt
        self._attempts: asyncio.Queue[Attempt] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.count: CountAttempt = _count_nothing

    def start(self) -> None:
        """Start in the running event loop."""
        self._task = asyncio.create_task(self._run(), name="the outcomes of deliveries")

    async def store(self, attempt: Attempt) -> State | None:
        """Wait until the outcome is stored, however long the database does not answer. Return the new state.

        None: the lease has ended, and another worker has the delivery; or the outcome could not be stored.
        """
        self._attempts.put_nowait(attempt)
        return await attempt.stored

    async def stop(self, *, interrupted: Sequence[ClaimedDelivery], unattempted: Sequence[ClaimedDelivery]) -> None:
        """End the claims of deliveries whose attempts were broken off, or whose outcomes could not be stored yet."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(MAX_STOP_SECONDS):
                await self._end_claims(claims.release, interrupted)
                await self._end_claims(claims.give_back, unattempted)
        except (ServiceUnavailable, TimeoutError) as error:
            log.warning("deliveries in progress are repeated when their leases end: %s", error)

    async def give_back(self, unattempted: Sequence[ClaimedDelivery]) -> None:
        """End the claims of deliveries that were not attempted."""
        try:
            await self._end_claims(claims.give_back, unattempted)
        except ServiceUnavailable as error:
            log.warning("deliveries could not be given back, and are claimed again when their leases end: %s", error)

    async def _run(self) -> None:
        while True:
            batch = [await self._attempts.get()]
            while len(batch) < MAX_BATCH and not self._attempts.empty():
                batch.append(self._attempts.get_nowait())
            by_portal: dict[int, list[Attempt]] = defaultdict(list)
            for attempt in batch:
                by_portal[attempt.delivery.portal_id].append(attempt)
            for portal_id, attempts in by_portal.items():
                await self._store_until_done(portal_id, attempts)

    async def _store_until_done(self, portal_id: int, attempts: Sequence[Attempt]) -> None:
        while True:
            try:
                states, warnings = await self._store(portal_id, attempts)
            except ServiceUnavailable as error:
                log.warning("the outcomes of deliveries wait for the database: %s", error)
                # After an uncertain commit the second run finds that the claims have ended, and changes nothing.
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception as error:
                # A bug. The deliveries are repeated when their leases end.
                log.error("the outcomes of %d deliveries could not be stored", len(attempts), exc_info=error)
                states, warnings = [None] * len(attempts), []
            for attempt, state in zip(attempts, states, strict=True):
                if state is not None:
                    delivery = attempt.delivery
                    self.count(delivery.channel, delivery.kind, "retry" if state == "pending" else state)
                    log_failure(delivery, attempt.outcome, state)
                if not attempt.stored.done():
                    attempt.stored.set_result(state)
            for delivery, warning in warnings:
                log_warning(warning, delivery)
            return

    async def _store(self, portal_id: int, attempts: Sequence[Attempt]) -> _Stored:
        # The responses may be long: on SQLite storing them would block the event loop.
        return await self._database.write(
            lambda work: self._store_all(work, attempts), PortalContext(portal_id, OPERATOR), in_thread=True
        )

    def _store_all(self, work: UnitOfWork, attempts: Sequence[Attempt]) -> _Stored:
        results = [(attempt.delivery, _to_result(work, attempt)) for attempt in attempts]
        # Most attempts deliver, so these share a statement.
        stored = claims.record_delivered(work, [each for each in results if each[1].state == "delivered"])
        states: list[State | None] = []
        warnings: list[tuple[ClaimedDelivery, str]] = []
        for attempt, (delivery, result) in zip(attempts, results, strict=True):
            is_stored = (
                delivery.id in stored if result.state == "delivered" else claims.record_result(work, delivery, result)
            )
            states.append(result.state if is_stored else None)
            if is_stored:
                for call in self._after_attempt:
                    warning = call(work, delivery, result.state, attempt.outcome)
                    if warning is not None:
                        warnings.append((delivery, warning))
        return states, warnings

    async def _end_claims(
        self, end: Callable[[UnitOfWork, ClaimedDelivery], None], deliveries: Sequence[ClaimedDelivery]
    ) -> None:
        by_portal: dict[int, list[ClaimedDelivery]] = defaultdict(list)
        for delivery in deliveries:
            by_portal[delivery.portal_id].append(delivery)
        for portal_id, in_portal in by_portal.items():

            def end_all(work: UnitOfWork, in_portal: Sequence[ClaimedDelivery] = in_portal) -> None:
                for delivery in in_portal:
                    end(work, delivery)

            await self._database.write(end_all, PortalContext(portal_id, OPERATOR))


def _to_result(work: UnitOfWork, attempt: Attempt) -> AttemptResult:
    outcome, delivery = attempt.outcome, attempt.delivery
    state = _STATES[outcome.result]
    due_at = None
    if outcome.result is Result.RETRY:
        delay = choose_delay(delivery.attempts_since_repeat, retry_after_seconds=outcome.retry_after_seconds)
        if delay is None:
            state = "failed"
        else:
            due_at = work.now + timedelta(seconds=delay)
    return AttemptResult(
        state=state,
        due_at=due_at,
        error=outcome.error,
        request=outcome.request,
        response_status=outcome.response_status,
        response_body=outcome.response_body,
        duration_ms=None if outcome.result is Result.CANCELLED else attempt.duration_ms,
    )


def _count_nothing(channel: str, kind: str, outcome: str) -> None:
    del channel, kind, outcome
