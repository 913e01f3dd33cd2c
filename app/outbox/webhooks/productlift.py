"""Webhook calls in ProductLift's format. docs/contracts/productlift.md, section 10.1."""

import hmac
import string
from collections.abc import Sequence
from typing import Final

import orjson

from app.adapters.storage.signed_urls import FileSigner
from app.api.productlift.post_links import PostLinks
from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import endpoints
from app.outbox.webhooks import productlift_resources as resources
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.productlift_resources import Gone, Resource
from app.outbox.webhooks.subscriptions import PerTransaction, find_subscribed

DIALECT: Final = "productlift"
EVENT_NAMES: Final = {
    "post.submitted": "post.created",
    "post.deleted": "post.deleted",
    "post.status_changed": "post.status_changed",
    "vote.cast": "vote.created",
    "vote.retracted": "vote.deleted",
    "comment.written": "comment.created",
    "comment.deleted": "comment.deleted",
}
"""ProductLift's name of each event that it has."""

_ALPHABET: Final = string.digits + string.ascii_letters
ID_LENGTH: Final = 16
"""Characters of the id of an envelope."""
_PURPOSE: Final = b"earshot: ids of webhook events"


def make_payload(envelope_id: str, name: str, creation_time: str, data: Resource) -> CallPayload:
    """The call of an event with this name."""
    envelope = {"id": envelope_id, "creation_time": creation_time, "event": name, "data": data}
    return CallPayload(body=orjson.dumps(envelope).decode(), content_type="application/json")


class ProductLiftExpander:
    """The calls of an event: one for each endpoint of ProductLift's format that wants it, all with the same body."""

    def __init__(self, *, secret: bytes, signer: FileSigner) -> None:
        self._id_key = hmac.digest(secret, _PURPOSE, "sha256")
        self._signer = signer
        self._portals = PerTransaction(_Portal)

    def __call__(self, work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        name = EVENT_NAMES.get(event.kind)
        if name is None:
            return ()
        portal = self._portals.get(work)
        webhook_ids = find_subscribed(portal.subscriptions, event, name=name)
        if not webhook_ids:
            return ()
        try:
            data = self._load_data(work, event, portal)
        except Gone:
            return ()
        created_at = format_seconds(event.created_at)
        payload = make_payload(self._envelope_id(event.id), name, created_at, data).to_json()
        return [
            NewDelivery(
                "webhook", name, event_id=event.id, webhook_id=webhook_id, post_id=event.post_id, payload=payload
            )
            for webhook_id in webhook_ids
        ]

    def _load_data(self, work: UnitOfWork, event: StoredEvent, portal: "_Portal") -> Resource:
        resource, is_private = portal.load()
        post = resources.load_post(work, event, PostLinks(event.request_base_url, self._signer, is_private))
        data: Resource = {"post": post, "user": resources.load_user(work, event.user_id), "portal": resource}
        subject = event.kind.partition(".")[0]
        if subject == "vote":
            assert event.subject_id is not None
            # A vote is cast at the time of its event, and the event of its deletion has that time.
            created_at = event.body["created_at"] if event.kind == "vote.retracted" else event.created_at
            vote = resources.serialize_vote(event.subject_id, created_at=created_at, voter=data["user"])
            return {"vote": vote, **data}
        if subject == "comment":
            return {"comment": resources.load_comment(work, event, post), **data}
        if event.kind == "post.status_changed":
            return {**data, "old_status": event.body["old_status"], "new_status": event.body["new_status"]}
        return data

    def _envelope_id(self, event_id: int) -> str:
        """Random letters and digits for the receiver, but the same for each endpoint and each repetition."""
        number = int.from_bytes(hmac.digest(self._id_key, str(event_id).encode(), "sha256"))
        characters = []
        for _ in range(ID_LENGTH):
            number, index = divmod(number, len(_ALPHABET))
            characters.append(_ALPHABET[index])
        return "".join(characters)


class _Portal:
    """What all events of a transaction share."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self.subscriptions = endpoints.list_subscriptions(work, DIALECT)
        self._loaded: tuple[Resource, bool] | None = None

    def load(self) -> tuple[Resource, bool]:
        """The portal, as it is sent, and whether it is private."""
        if self._loaded is None:
            self._loaded = resources.load_portal(self._work)
        return self._loaded
