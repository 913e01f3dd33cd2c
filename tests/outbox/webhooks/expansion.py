"""Expands the stored events of a portal with one expander, as the worker does: all in one transaction, in order."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.sql.statement import Statement
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import Row, UnitOfWork
from app.outbox.base import Expander
from tests.support.clients import HOST
from tests.support.factory import Factory

_WAITING = Statement(text("SELECT * FROM facts WHERE portal_id = :portal AND expanded_at IS NULL ORDER BY id"))
_EXPANDED = Statement(text("UPDATE facts SET expanded_at = created_at WHERE portal_id = :portal"))


async def expand(make: Factory, expander: Expander, *, portal: int | None = None) -> list[NewDelivery]:
    """The deliveries of all events that wait."""

    def operation(work: UnitOfWork) -> list[NewDelivery]:
        deliveries = [delivery for row in work.fetch_all(_WAITING) for delivery in expander(work, _to_event(row))]
        work.execute(_EXPANDED)
        return deliveries

    return await make.act(operation, portal=portal)


async def forget_events(make: Factory) -> None:
    """Let no event of any portal wait."""
    await make.run("UPDATE facts SET expanded_at = created_at")


def bodies(deliveries: Sequence[NewDelivery]) -> list[Any]:
    """The JSON bodies of the calls."""
    return [json.loads(json.loads(delivery.payload or "")["body"]) for delivery in deliveries]


def _to_event(row: Row) -> StoredEvent:
    return StoredEvent(
        id=row["id"],
        kind=row["kind"],
        post_id=row["post_id"],
        subject_id=row["subject_id"],
        user_id=row["user_id"],
        actor_id=row["actor_id"],
        body=json.loads(row["body"] or "{}"),
        base_url=row["base_url"] or HOST,
        created_at=to_datetime(row["created_at"]),
    )
