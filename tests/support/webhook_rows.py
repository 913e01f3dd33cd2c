"""Rows of webhook endpoints and deliveries, with plain defaults."""

import json
from typing import Any

from sqlalchemy import bindparam, literal

from app.adapters.encryption import SecretCipher
from app.domain.models import Webhook
from app.domain.outbox import deliveries
from app.domain.outbox.deliveries import ClaimedDelivery, NewDelivery
from app.domain.sql.statement import Statement, insert_row
from app.outbox.webhooks.payload import CallPayload
from tests.support.extra_servers import SECRET
from tests.support.factory import Factory

CIPHER = SecretCipher(SECRET.encode())

_TEXTS = ("description", "url", "headers", "secret")
_INSERT = Statement(insert_row(Webhook, *_TEXTS).values(events=literal("[]")).returning(Webhook.id))


async def add_endpoint(
    make: Factory,
    url: str = "https://hooks.example.com/hook",
    *,
    secret: str | None = "an endpoint's secret",
    headers: dict[str, str] | None = None,
    dialect: str = "productlift",
    portal: int | None = None,
    **columns: Any,
) -> int:
    """An endpoint that is called for all events. `columns` are values to be stored as they are."""
    texts = {"url": url, "secret": secret, "headers": None if headers is None else json.dumps(headers)}
    stored = {name: None if text is None else CIPHER.encrypt(text) for name, text in texts.items()}
    values = {"dialect": dialect, **columns}
    insert = Statement(_INSERT.source.values(**{name: bindparam(name) for name in values}))  # type: ignore[attr-defined]
    return int(
        await make.act(lambda work: work.fetch_value(insert, description=None, **stored, **values), portal=portal)
    )


async def add_delivery(
    make: Factory,
    webhook: int | None,
    payload: CallPayload | str | None = CallPayload('{"id": 1}', "application/json"),  # noqa: B008 - it is immutable
    *,
    is_encrypted: bool = False,
    portal: int | None = None,
) -> ClaimedDelivery:
    """A pending delivery, as if it were claimed; nothing claims it in the database."""
    text = payload.to_json() if isinstance(payload, CallPayload) else payload
    if is_encrypted and text is not None:
        text = CIPHER.encrypt(text)
    new = NewDelivery("webhook", "post.created", webhook_id=webhook, payload=text, is_encrypted=is_encrypted)
    await make.act(lambda work: deliveries.add_all(work, [new]), portal=portal)
    row = await make.row(
        "SELECT id, portal_id, uuid, event_id, user_id, post_id, created_at FROM deliveries ORDER BY id DESC LIMIT 1"
    )
    return ClaimedDelivery(
        **row,
        claim="claim",
        channel=new.channel,
        kind=new.kind,
        webhook_id=webhook,
        payload=text,
        is_encrypted=is_encrypted,
        attempts=1,
    )
