"""Emails about accounts, made from the stored events as the worker makes them."""

import json
from dataclasses import dataclass
from typing import Any

from app.domain.notifications.content import Content
from app.domain.outbox import deliveries
from app.outbox.mail.accounts import build_expander, load_account_content
from tests.support.factory import Factory
from tests.support.stored_events import read_events


@dataclass(frozen=True)
class Queued:
    """A queued email with its decrypted payload."""

    kind: str
    user_id: int | None
    post_id: None
    payload: str

    @property
    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.payload)
        return values

    @property
    def token(self) -> str:
        return str(self.values["token"])


async def queue_account_mail(make: Factory, *, portal: int | None = None) -> list[Queued]:
    """Make the emails of all events, forget both, and return the emails in their order."""
    cipher = make.server.services.cipher
    expand = build_expander(cipher)
    for event in await read_events(make, portal=portal):
        await make.act(lambda work, event=event: deliveries.add_all(work, expand(work, event)), portal=portal)
    await make.run("DELETE FROM facts WHERE portal_id = :id", id=portal or make.portal)
    rows = await make.rows("SELECT * FROM deliveries WHERE channel = 'email' AND is_encrypted ORDER BY id")
    await make.run("DELETE FROM deliveries")
    return [Queued(row["kind"], row["user_id"], None, cipher.decrypt(row["payload"])) for row in rows]


async def load_mail(make: Factory, email: Queued, *, portal: int | None = None) -> Content | str:
    """What the email says if it is sent now, or why it is not."""
    return await make.act(lambda work: load_account_content(work, email), portal=portal)
