"""Which endpoints are called for an event, and what all events of a transaction share."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from app.domain.events import StoredEvent
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks.endpoints import Subscription

T = TypeVar("T")


class PerTransaction(Generic[T]):
    """What is made once in each transaction."""

    def __init__(self, make: Callable[[UnitOfWork], T]) -> None:
        self._make = make
        self._made: tuple[UnitOfWork, T] | None = None

    def get(self, work: UnitOfWork) -> T:
        """That of this transaction."""
        if self._made is None or self._made[0] is not work:
            self._made = work, self._make(work)
        return self._made[1]


def find_subscribed(subscriptions: Sequence[Subscription], event: StoredEvent, *, name: str) -> list[int]:
    """The endpoints to call for an event, which has this name in their dialect."""
    return [each.webhook_id for each in subscriptions if each.wants(name, occurred_at=event.created_at)]
