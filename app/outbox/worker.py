"""The worker: expands events, claims due deliveries, sends them concurrently, and stores the outcomes.

Any number of workers may run on one database. A claim is a lease: what a killed worker has claimed is claimed by
another one when the lease has ended, so each delivery is sent at least once, with the same id.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

from app.adapters.database import NO_PORTAL, Database
from app.background import BackgroundJobs, Job
from app.domain.errors import ServiceUnavailable
from app.domain.outbox import claims
from app.domain.outbox.claims import Lane
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Outcome, Result, Sender
from app.outbox.expansion import Expansion
from app.outbox.recorder import Attempt, Recorder

log = logging.getLogger("earshot.outbox")

POLL_SECONDS: Final = 1.0
MAX_BACKOFF_SECONDS: Final = 30.0
MAX_CONCURRENT: Final = 64
"""Attempts of one worker at the same time."""
MAX_CONCURRENT_IN_LANE: Final = 10
MAX_ATTEMPT_SECONDS: Final = {"webhook": 25.0, "email": 75.0}
"""Senders have shorter limits of their own; this one is for a sender that hangs."""
LEASES: Final = {"webhook": timedelta(seconds=60), "email": timedelta(seconds=150)}
"""Longer than an attempt, so that an outcome is stored while the claim is still valid."""
FINISH_SECONDS: Final = 5.0
"""How long running attempts may take when the worker stops. Then they are broken off and given back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The times and numbers of a worker."""

    poll_seconds: float = POLL_SECONDS
    concurrent: int = MAX_CONCURRENT
    concurrent_in_lane: int = MAX_CONCURRENT_IN_LANE
    attempt_seconds: Mapping[str, float] | None = None
    finish_seconds: float = FINISH_SECONDS


class Worker:
    """Delivers until it is stopped.

    `senders` are those of each channel; deliveries of a channel without a sender stay pending. `jobs` are further
    tasks that are repeated as long as the worker runs.
    """

    def __init__(
        self,
        database: Database,
        expansion: Expansion,
        senders: Mapping[str, Sender],
        recorder: Recorder,
        *,
        jobs: Sequence[Job] = (),
        limits: Limits = Limits(),
    ) -> None:
        self._database = database
        self._expansion = expansion
        self._senders = senders
        self._recorder = recorder
        self._limits = limits
        self._attempt_seconds = limits.attempt_seconds or MAX_ATTEMPT_SECONDS
        self._jobs = BackgroundJobs(list(jobs))
        self._attempts: dict[asyncio.Task[None], ClaimedDelivery] = {}
        self._in_lane: Counter[Lane] = Counter()
        self._failing: set[Lane] = set()
        """Lanes whose last attempt failed. They get one attempt at a time, so that hanging receivers don't take all."""
        self._loop: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._finish_by: float | None = None
        """When running attempts are broken off; None until the worker is to stop."""

    @property
    def recorder(self) -> Recorder:
        """What stores the outcomes."""
        return self._recorder

    def start(self) -> None:
        """Start in the running event loop."""
        self._loop = asyncio.create_task(self._run(), name="the outbox")
        self._recorder.start()
        self._jobs.start()

    def begin_stopping(self) -> None:
        """Claim nothing from now on. It may be called by a signal handler; `stop` follows."""
        if self._finish_by is None:
            self._finish_by = monotonic() + self._limits.finish_seconds

    @property
    def is_stopping(self) -> bool:
        """Whether the worker claims nothing any more."""
        return self._finish_by is not None

    async def stop(self) -> None:
        """Let attempts finish for some seconds after `begin_stopping`, give back the others, and close the senders."""
        self.begin_stopping()
        self._wake.set()
        await self._jobs.stop()
        if self._loop is not None:
            await asyncio.wait([self._loop], timeout=self._remaining_seconds())
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=self._remaining_seconds())
        unfinished = dict(self._attempts)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._recorder.stop(unfinished.values())
        for sender in self._senders.values():
            await sender.close()

    def _remaining_seconds(self) -> float:
        return max(0.0, (self._finish_by or 0.0) - monotonic())

    async def _run(self) -> None:
        backoff = self._limits.poll_seconds
        while not self.is_stopping:
            # An attempt that ends from now on leaves room for another one.
            self._wake.clear()
            try:
                is_busy = await self._expansion.run() > 0
                is_busy = await self._send_due() or is_busy
            except ServiceUnavailable as error:
                log.warning("the outbox waits for the database: %s", error)
            except Exception as error:
                log.error("the outbox failed and is retried in %d seconds", backoff, exc_info=error)
            else:
                backoff = self._limits.poll_seconds
                if not is_busy:
                    await self._sleep(self._limits.poll_seconds)
                continue
            await self._sleep(backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _sleep(self, seconds: float) -> None:
        """Wait, at most until an attempt ends or the worker stops."""
        if not self.is_stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()

    async def _send_due(self) -> bool:
        """Claim due deliveries as far as there is room, and start to send them. Whether any was claimed."""
        lanes = await self._database.read(claims.find_due_lanes, NO_PORTAL)
        room = self._share_room([lane for lane in lanes if lane.channel in self._senders])
        if not room or self.is_stopping:
            return False
        number = str(uuid.uuid4())

        def claim(work: UnitOfWork) -> list[ClaimedDelivery]:
            return [
                delivery
                for lane, limit in room.items()
                for delivery in claims.claim(work, lane, claim=number, lease=LEASES[lane.channel], limit=limit)
            ]

        claimed = await self._database.write(claim, NO_PORTAL)
        for delivery in claimed:
            self._start_attempt(delivery)
        return bool(claimed)

    def _share_room(self, lanes: Sequence[Lane]) -> dict[Lane, int]:
        """How many deliveries of each lane may be claimed, the lanes with the fewest running ones first."""
        free = self._limits.concurrent - len(self._attempts)
        room: dict[Lane, int] = {}
        for lane in sorted(lanes, key=lambda each: self._in_lane[each]):
            limit = 1 if lane in self._failing else self._limits.concurrent_in_lane
            share = min(limit - self._in_lane[lane], max(1, self._limits.concurrent // len(lanes)), free)
            if share > 0:
                room[lane] = share
                free -= share
        return room

    def _start_attempt(self, delivery: ClaimedDelivery) -> None:
        lane = Lane(delivery.channel, delivery.webhook_id)
        self._in_lane[lane] += 1
        task = asyncio.create_task(self._attempt(delivery, lane), name=f"delivery {delivery.id}")
        self._attempts[task] = delivery

        def end(task: asyncio.Task[None]) -> None:
            del self._attempts[task]
            self._in_lane[lane] -= 1
            if not self._in_lane[lane]:
                del self._in_lane[lane]
            self._wake.set()

        task.add_done_callback(end)

    async def _attempt(self, delivery: ClaimedDelivery, lane: Lane) -> None:
        """Send one delivery, and wait until the outcome is stored."""
        begin = monotonic()
        outcome = await self._send(delivery)
        if outcome.result is Result.DELIVERED:
            self._failing.discard(lane)
        elif outcome.result is Result.RETRY:
            self._failing.add(lane)
        await self._recorder.store(Attempt(delivery, outcome, duration_ms=round((monotonic() - begin) * 1000)))

    async def _send(self, delivery: ClaimedDelivery) -> Outcome:
        try:
            async with asyncio.timeout(self._attempt_seconds[delivery.channel]):
                return await self._senders[delivery.channel].send(delivery)
        except TimeoutError:
            return Outcome(Result.RETRY, "the attempt took too long")
        except ServiceUnavailable:
            return Outcome(Result.RETRY, "the database was not available")
        except Exception as error:
            # A bug in the sender must not lose the delivery.
            log.error("delivery %d failed unexpectedly", delivery.id, exc_info=error)
            return Outcome(Result.RETRY, f"an internal error ({type(error).__name__}); the log of the server has more")
