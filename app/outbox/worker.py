"""The worker: expands events, claims due deliveries, sends them concurrently, and stores the outcomes.

Any number of workers may run on one database. A claim is a lease: what a killed worker has claimed is claimed by
another one when the lease has ended, so each delivery is sent at least once, with the same id.
"""

import asyncio
import logging
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

from app.adapters.database import NO_PORTAL, Database
from app.background import BackgroundJobs, Job
from app.domain.errors import ServiceUnavailable
from app.domain.outbox import claims
from app.domain.outbox.claims import Lane, State
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
MAX_CONCURRENT_EMAILS: Final = 2
"""They share a connection: one is built while the other is sent."""
MAX_ATTEMPT_SECONDS: Final = {"webhook": 25.0, "email": 150.0}
"""Senders have shorter limits of their own; this one is for a sender that hangs. An email waits for the one before it:
twice the total of `SmtpTimeouts`, and the time to build it."""
LEASES: Final = {"webhook": timedelta(seconds=60), "email": timedelta(seconds=210)}
"""Longer than an attempt, so that an outcome is stored while the claim is still valid."""
FINISH_SECONDS: Final = 5.0
"""How long running attempts may take when the worker stops. Then they are broken off and given back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The times and numbers of a worker."""

    poll_seconds: float = POLL_SECONDS
    concurrent: int = MAX_CONCURRENT
    concurrent_in_lane: int = MAX_CONCURRENT_IN_LANE
    concurrent_emails: int = MAX_CONCURRENT_EMAILS
    attempt_seconds: Mapping[str, float] | None = None
    finish_seconds: float = FINISH_SECONDS


class _Run:
    """Deliveries that one task attempts one after the other."""

    def __init__(self, deliveries: Sequence[ClaimedDelivery], begin: float) -> None:
        self.lane = Lane(deliveries[0].channel, deliveries[0].webhook_id)
        self.begin = begin
        """When they were claimed, by the monotonic clock."""
        self.waiting = deque(deliveries)
        self.current: ClaimedDelivery | None = None


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
        self._runs: dict[asyncio.Task[None], _Run] = {}
        self._in_lane: Counter[Lane] = Counter()
        self._failing: set[Lane] = set()
        """Lanes whose last attempt failed. They get one attempt at a time, so that hanging receivers don't take all."""
        self._loops: list[asyncio.Task[None]] = []
        self._may_claim = asyncio.Event()
        """Set when there is room for another attempt, or when deliveries were added."""
        self._must_stop = asyncio.Event()
        self._finish_by: float | None = None
        """When running attempts are broken off; None until the worker is to stop."""

    @property
    def recorder(self) -> Recorder:
        """What stores the outcomes."""
        return self._recorder

    def start(self) -> None:
        """Start in the running event loop."""
        # Apart, so that neither many events nor an expander that fails delays what is due already.
        self._loops = [
            asyncio.create_task(self._repeat(self._expand, self._must_stop), name="the events of the outbox"),
            asyncio.create_task(self._repeat(self._send_due, self._may_claim), name="the deliveries of the outbox"),
        ]
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
        self._may_claim.set()
        self._must_stop.set()
        await self._jobs.stop()
        if self._loops:
            await asyncio.wait(self._loops, timeout=self._remaining_seconds())
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._runs:
            await asyncio.wait(self._runs, timeout=self._remaining_seconds())
        unfinished = dict(self._runs)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._recorder.stop(
            interrupted=[run.current for run in unfinished.values() if run.current is not None],
            unattempted=[delivery for run in unfinished.values() for delivery in run.waiting],
        )
        for sender in self._senders.values():
            await sender.close()

    def _remaining_seconds(self) -> float:
        return max(0.0, (self._finish_by or 0.0) - monotonic())

    async def _repeat(self, step: Callable[[], Awaitable[bool]], wake: asyncio.Event) -> None:
        """Run a step until the worker stops, with pauses after it had nothing to do, and after errors."""
        backoff = self._limits.poll_seconds
        while not self.is_stopping:
            wake.clear()
            try:
                is_busy = await step()
            except ServiceUnavailable as error:
                log.warning("the outbox waits for the database: %s", error)
            except Exception as error:
                log.error("the outbox failed and is retried in %d seconds", backoff, exc_info=error)
            else:
                backoff = self._limits.poll_seconds
                if not is_busy:
                    await self._sleep(self._limits.poll_seconds, wake)
                continue
            await self._sleep(backoff, wake)
            backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _sleep(self, seconds: float, wake: asyncio.Event) -> None:
        if not self.is_stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await wake.wait()

    async def _expand(self) -> bool:
        """Expand some events. Whether there were any."""
        count = await self._expansion.run()
        if count:
            self._may_claim.set()
        return count > 0

    async def _send_due(self) -> bool:
        """Claim due deliveries as far as there is room, and start to send them. Whether any was claimed."""
        lanes = await self._database.read(claims.find_due_lanes, NO_PORTAL)
        room = self._share_room([lane for lane in lanes if lane.channel in self._senders])
        if not room or self.is_stopping:
            return False
        number = str(uuid.uuid4())
        begin = monotonic()

        def claim(work: UnitOfWork) -> list[list[ClaimedDelivery]]:
            return [
                run
                for lane, limit in room.items()
                for run in claims.claim(work, lane, claim=number, lease=LEASES[lane.channel], limit=limit)
            ]

        # A claim reads all calls that wait for an earlier one: on SQLite that would block the event loop.
        claimed = await self._database.write(claim, NO_PORTAL, in_thread=True)
        for deliveries in claimed:
            self._start_run(_Run(deliveries, begin))
        return bool(claimed)

    def _share_room(self, lanes: Sequence[Lane]) -> dict[Lane, int]:
        """How many deliveries of each lane may be claimed, the lanes with the fewest running ones first."""
        free = self._limits.concurrent - len(self._runs)
        room: dict[Lane, int] = {}
        for lane in sorted(lanes, key=lambda each: self._in_lane[each]):
            limit = 1 if lane in self._failing else self._most_in(lane)
            share = min(limit - self._in_lane[lane], max(1, self._limits.concurrent // len(lanes)), free)
            if share > 0:
                room[lane] = share
                free -= share
        return room

    def _most_in(self, lane: Lane) -> int:
        return self._limits.concurrent_emails if lane.channel == "email" else self._limits.concurrent_in_lane

    def _start_run(self, run: "_Run") -> None:
        lane = run.lane
        self._in_lane[lane] += 1
        task = asyncio.create_task(self._run_attempts(run), name=f"deliveries of {lane}")
        self._runs[task] = run

        def end(task: asyncio.Task[None]) -> None:
            del self._runs[task]
            self._in_lane[lane] -= 1
            if not self._in_lane[lane]:
                del self._in_lane[lane]
            self._may_claim.set()

        task.add_done_callback(end)

    async def _run_attempts(self, run: "_Run") -> None:
        """Make the attempts of a run one after the other, until one of them has to be repeated."""
        seconds = self._attempt_seconds[run.lane.channel]
        while run.waiting:
            has_time = run.begin + LEASES[run.lane.channel].total_seconds() - monotonic() > seconds
            if run.current is not None and (self.is_stopping or not has_time):
                break
            run.current = run.waiting.popleft()
            state = await self._attempt(run.current, run.lane)
            if state in (None, "pending"):
                break
        run.current = None
        await self._recorder.give_back(run.waiting)
        run.waiting.clear()

    async def _attempt(self, delivery: ClaimedDelivery, lane: Lane) -> State | None:
        """Send one delivery, wait until the outcome is stored, and return the new state."""
        begin = monotonic()
        outcome = await self._send(delivery)
        if outcome.result is Result.DELIVERED:
            self._failing.discard(lane)
        elif outcome.result is Result.RETRY:
            self._failing.add(lane)
        return await self._recorder.store(Attempt(delivery, outcome, duration_ms=round((monotonic() - begin) * 1000)))

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
