"""The stored events, as the worker reads them."""

import json

from app.domain.events import StoredEvent
from app.domain.outbox import deliveries
from app.domain.sql.timestamps import to_datetime
from app.outbox.mail.expansion import expand_notifications
from tests.support.factory import Factory

BASE_URL = "https://feedback.example.com"


async def read_events(make: Factory, *, portal: int | None = None) -> list[StoredEvent]:
    """All events of a portal, oldest first."""
    rows = await make.rows("SELECT * FROM facts WHERE portal_id = :id ORDER BY id", id=portal or make.portal)
    return [
        StoredEvent(
            id=row["id"],
            kind=row["kind"],
            post_id=row["post_id"],
            subject_id=row["subject_id"],
            user_id=row["user_id"],
            actor_id=row["actor_id"],
            body=json.loads(row["body"] or "{}"),
            base_url=BASE_URL,
            request_base_url=row["base_url"] or BASE_URL,
            created_at=to_datetime(row["created_at"]),
        )
        for row in rows
    ]


async def last_event(make: Factory, kind: str) -> StoredEvent:
    """The newest event of a kind."""
    return [event for event in await read_events(make) if event.kind == kind][-1]


async def queue_notifications(make: Factory, *, portal: int | None = None) -> None:
    """Make the notifications of all events and forget the events, as the worker does, but for other kinds of mail."""
    for event in await read_events(make, portal=portal):
        await make.act(
            lambda work, event=event: deliveries.add_all(work, expand_notifications(work, event)), portal=portal
        )
    await make.run("DELETE FROM facts WHERE portal_id = :id", id=portal or make.portal)
