"""Creates endpoints and deliveries for tests."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.adapters.database import NO_PORTAL
from app.domain.outbox import claims, deliveries, events
from app.domain.outbox.claims import Lane
from app.domain.outbox.deliveries import ClaimedDelivery, NewDelivery
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Expander
from tests.support.factory import Factory

LEASE = timedelta(seconds=60)


def expand_next(
    work: UnitOfWork, expander: Expander, *, base_url: str, is_public: bool = False, max_seconds: float = 60.0
) -> int:
    """Store the deliveries of the portal's next events, all in one transaction; the number of events."""
    waiting = events.list_next(work, base_url=base_url, is_public=is_public)
    return events.store_deliveries(work, waiting, expander, max_seconds=max_seconds)


class OutboxFactory:
    """Endpoints and deliveries, in the first portal unless another one is given."""

    def __init__(self, make: Factory) -> None:
        self.make = make

    async def endpoint(self, description: str = "Receiver", *, portal: int | None = None, **columns: Any) -> int:
        """An enabled endpoint."""
        values = {
            "portal_id": portal or self.make.portal,
            "dialect": "productlift",
            "description": description,
            "url": "http://127.0.0.1/",
            "events": "[]",
            **columns,
        }
        names = ", ".join(values)
        await self.make.run(
            f"INSERT INTO webhooks ({names}, created_at, updated_at) VALUES "
            f"({', '.join(f':{name}' for name in values)}, '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            **values,
        )
        return int(await self.make.value("SELECT max(id) FROM webhooks"))

    async def email(self, *, kind: str = "comment", portal: int | None = None, **columns: Any) -> int:
        """A pending email, due now, to nobody."""
        return (await self.add([NewDelivery("email", kind, **columns)], portal=portal))[0]

    async def call(
        self, endpoint: int | None, *, post: int | None = None, portal: int | None = None, **columns: Any
    ) -> int:
        """A pending webhook call, due now."""
        new = NewDelivery("webhook", "post.created", webhook_id=endpoint, post_id=post, **columns)
        return (await self.add([new], portal=portal))[0]

    async def add(self, new: Sequence[NewDelivery], *, portal: int | None = None) -> list[int]:
        """Store deliveries and return their ids."""
        last = await self.make.value("SELECT coalesce(max(id), 0) FROM deliveries")
        await self.make.act(lambda work: deliveries.add_all(work, new), portal=portal)
        return [
            row["id"]
            for row in await self.make.rows("SELECT id FROM deliveries WHERE id > :last ORDER BY id", last=last)
        ]

    async def claim(
        self, lane: Lane, *, claim: str = "ours", limit: int = 10, lease: timedelta = LEASE
    ) -> list[ClaimedDelivery]:
        """Claim runs of deliveries of a lane, and return all of them."""
        runs = await self.claim_runs(lane, claim=claim, limit=limit, lease=lease)
        return sorted((each for run in runs for each in run), key=lambda each: each.id)

    async def claim_runs(
        self, lane: Lane, *, claim: str = "ours", limit: int = 10, lease: timedelta = LEASE
    ) -> list[list[ClaimedDelivery]]:
        """Claim runs of deliveries of a lane."""
        return await self.make.server.database.write(
            lambda work: claims.claim(work, lane, claim=claim, lease=lease, limit=limit), NO_PORTAL
        )

    async def lanes(self) -> set[Lane]:
        """The lanes with due deliveries."""
        return set(await self.make.server.database.read(claims.find_due_lanes, NO_PORTAL))

    async def row(self, delivery: int) -> Mapping[str, Any]:
        """All columns of a delivery."""
        return await self.make.row("SELECT * FROM deliveries WHERE id = :id", id=delivery)

    async def states(self) -> dict[int, str]:
        """The state of each delivery by its id."""
        return {row["id"]: row["state"] for row in await self.make.rows("SELECT id, state FROM deliveries ORDER BY id")}
