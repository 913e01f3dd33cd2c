"""Expands the stored events of a portal with one expander, as the worker does."""

import json
from collections.abc import Sequence
from typing import Any

from app.domain.outbox.deliveries import NewDelivery
from app.outbox.base import Expander
from tests.support.clients import HOST
from tests.support.factory import Factory
from tests.support.outbox import expand_next

_COLUMNS = ("channel", "kind", "event_id", "webhook_id", "user_id", "post_id", "payload", "is_encrypted", "dedup_key")


async def expand(make: Factory, expander: Expander, *, portal: int | None = None) -> list[NewDelivery]:
    """Store the deliveries of all events that wait, and return them."""
    last = await make.value("SELECT coalesce(max(id), 0) FROM deliveries")
    while await make.act(lambda work: expand_next(work, expander, base_url=HOST), portal=portal):
        pass
    rows = await make.rows(f"SELECT {', '.join(_COLUMNS)} FROM deliveries WHERE id > :last ORDER BY id", last=last)
    return [NewDelivery(**{**row, "is_encrypted": bool(row["is_encrypted"])}) for row in rows]


async def forget_events(make: Factory) -> None:
    """Let no event of any portal wait."""
    await make.run("UPDATE facts SET expanded_at = created_at")


def bodies(deliveries: Sequence[NewDelivery]) -> list[Any]:
    """The JSON bodies of the calls."""
    return [json.loads(json.loads(delivery.payload or "")["body"]) for delivery in deliveries]
