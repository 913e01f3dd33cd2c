"""Creates endpoints and deliveries for tests."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.adapters.database import NO_PORTAL
from app.domain.outbox import claims, deliveries
from app.domain.outbox.claims import Lane
from app.domain.outbox.deliveries import ClaimedDelivery, NewDelivery
from tests.support.factory import Factory

LEASE = timedelta(seconds=60)


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
        """Claim deliveries of a lane."""
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
