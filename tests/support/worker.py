"""A worker of the outbox for tests, and senders that do what a test needs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from app.application import Application
from app.domain.outbox.deliveries import ClaimedDelivery
from app.outbox.assembly import Channels, build_worker
from app.outbox.base import Expander, Outcome, Result, Sender
from app.outbox.recorder import AfterAttempt
from app.outbox.worker import Limits, Worker
from tests.support.outbox import OutboxFactory

DELIVERED = Outcome(Result.DELIVERED)
FAST = Limits(poll_seconds=0.01, finish_seconds=2.0)


class RecordingSender:
    """Keeps what it sends. `send` is a function of the delivery that returns the outcome, or awaits something first."""

    def __init__(self, send: Callable[[ClaimedDelivery], Awaitable[Outcome]] | None = None) -> None:
        self._send = send
        self.sent: list[ClaimedDelivery] = []
        self.running = 0
        self.most_running = 0
        self.is_closed = False

    async def send(self, delivery: ClaimedDelivery) -> Outcome:
        self.sent.append(delivery)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            # Others begin meanwhile, as with a receiver on a network.
            await asyncio.sleep(0)
            return DELIVERED if self._send is None else await self._send(delivery)
        finally:
            self.running -= 1

    async def close(self) -> None:
        self.is_closed = True


@asynccontextmanager
async def working(
    server: Application,
    senders: Mapping[str, Sender],
    *,
    expanders: Sequence[Expander] = (),
    after_attempt: Sequence[AfterAttempt] = (),
    limits: Limits = FAST,
    **changed: Any,
) -> AsyncIterator[Worker]:
    """Run a worker on the database of the server until the block ends."""
    worker = build_worker(
        server.settings,
        server.database,
        server.services.cipher,
        channels=Channels(expanders=expanders, senders=senders, after_attempt=after_attempt),
        limits=replace(limits, **changed),
    )
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def eventually(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so; the time limit of the test ends it if it never is."""
    while not await is_so():  # noqa: ASYNC110 - other processes and threads set no event
        await asyncio.sleep(0.01)


async def have_ended(outbox: OutboxFactory, *, state: str = "delivered") -> None:
    """Wait until all deliveries have this state."""

    async def is_so() -> bool:
        return set((await outbox.states()).values()) == {state}

    await eventually(is_so)
