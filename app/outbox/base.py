"""What the worker needs of a channel: which deliveries an event has, and how one is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import ClaimedDelivery, NewDelivery
from app.domain.unit_of_work import UnitOfWork

Expander: TypeAlias = Callable[[UnitOfWork, StoredEvent], Sequence[NewDelivery]]
"""The deliveries of an event in its portal."""


class Result(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """It failed and may succeed later; after the last attempt it counts as failed."""
    FAILED = "failed"
    """It failed and would fail again, such as an address that the mail server rejects."""
    CANCELLED = "cancelled"
    """It must not be sent any more, such as mail about a post that was rejected meanwhile."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one attempt; `error` is the reason for a person, without secrets."""

    result: Result
    error: str | None = None
    response_status: int | None = None
    response_body: str | None = None
    retry_after_seconds: float | None = None
    """How long the receiver asked to wait."""
    is_unsendable: bool = False
    """Nothing was sent because of the content itself, such as a template that can't be rendered."""
    log_error: str | None = field(default=None, compare=False)
    """The kind of the error for the log, where `error` may contain a value or an address."""
    request: str | None = field(default=None, compare=False)
    """What was sent apart from the body, as `Delivery.request` stores it."""


class Sender(Protocol):
    """Sends the deliveries of one channel. It raises nothing but bugs, and stops within a bounded time."""

    async def send(self, delivery: ClaimedDelivery) -> Outcome:
        """Make one attempt, outside any transaction."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
