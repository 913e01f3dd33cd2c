"""The deliveries of a portal for its operator: list them, look at one, repeat them."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Integer, bindparam, case, func, literal_column, null, or_, select, update

from app.domain.errors import Conflict, NotFound
from app.domain.models import Delivery, User, Webhook
from app.domain.models.base import BigId
from app.domain.outbox.claims import (
    EARLIER,
    IS_CALL,
    IS_CLAIMED,
    IS_EARLIER,
    IS_EMAIL,
    IS_PENDING,
    MAX_OVERTAKING_WAIT,
    MAY_BE_OVERTAKEN,
)
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.webhooks.calls import IS_REACHABLE

_may_wait = IS_PENDING & IS_CALL & Delivery.claim.is_(None)
_first_earlier = select(func.min(EARLIER.id)).where(IS_EARLIER, ~MAY_BE_OVERTAKEN).scalar_subquery()
_SUMMARY: Final = (
    Delivery.id,
    Delivery.channel,
    Delivery.kind,
    Delivery.state,
    func.coalesce(User.email, Webhook.description).label("recipient"),
    Delivery.webhook_id,
    Delivery.post_id,
    Delivery.attempts,
    Delivery.response_status,
    Delivery.error,
    Delivery.created_at,
    Delivery.due_at,
    case((_may_wait, _first_earlier)).label("waits_for"),
    Delivery.finished_at,
)
_DETAILS: Final = (
    Delivery.portal_id,
    Delivery.uuid,
    Delivery.event_id,
    Delivery.user_id,
    Delivery.payload,
    Delivery.is_encrypted,
    Delivery.response_body,
    Delivery.duration_ms,
    Delivery.attempted_at,
)
SUMMARY: Final = tuple(column.key for column in _SUMMARY)
"""The columns of `list_newest`: `recipient` is the address of the user, or the description of the endpoint.

`waits_for` is the id of the call before which this one is not made.
"""
DETAILS: Final = (*SUMMARY, *(column.key for column in _DETAILS))
"""The columns of `get`."""
_FILTERS: Final = {"state": Delivery.state, "channel": Delivery.channel}


def _with_recipients(*columns: Any) -> Any:
    return (
        select(*columns)
        .select_from(Delivery)
        .outerjoin(User, User.id == Delivery.user_id)
        .outerjoin(Webhook, Webhook.id == Delivery.webhook_id)
        .where(Delivery.portal_id == PORTAL_ID)
    )


@cache
def _list(filters: tuple[str, ...]) -> Statement:
    conditions = [_FILTERS[name] == bindparam(name) for name in filters]
    return Statement(
        _with_recipients(*_SUMMARY)
        .where(*conditions)
        .order_by(Delivery.id.desc())
        .limit(bindparam("limit", type_=Integer))
    )


def list_newest(work: UnitOfWork, *, state: str | None, channel: str | None, limit: int) -> Sequence[Row]:
    """The newest deliveries in this state and of this channel, or in any; the newest first."""
    work.authorize(Permission.OPERATE)
    values = {name: value for name, value in (("state", state), ("channel", channel)) if value is not None}
    return work.fetch_all(_list(tuple(values)), limit=limit, overtaking=work.now - MAX_OVERTAKING_WAIT, **values)


_GET: Final = Statement(_with_recipients(*_SUMMARY, *_DETAILS).where(Delivery.id == bindparam("id", type_=BigId)))


def to_claimed(row: Row, *, payload: str | None) -> ClaimedDelivery:
    """A row of `get` in the form in which it is sent, without a claim, with its decrypted payload."""
    values = {name: row[name] for name in DETAILS if name in ClaimedDelivery.__slots__}
    return ClaimedDelivery(**values | {"claim": "", "is_encrypted": bool(row["is_encrypted"]), "payload": payload})


def get(work: UnitOfWork, delivery_id: int) -> Row:
    """One delivery. Raises NotFound."""
    work.authorize(Permission.OPERATE)
    row = work.fetch_one(_GET, id=delivery_id, overtaking=work.now - MAX_OVERTAKING_WAIT)
    if row is None:
        raise NotFound("delivery", delivery_id)
    return row


HAS_CONTENT: Final = or_(~Delivery.is_encrypted, Delivery.payload.is_not(None))
# The response stays until there is another one.
_again: Final = {
    "state": "pending",
    "due_at": NOW,
    "claim": null(),
    "earlier_attempts": Delivery.attempts,
    "finished_at": null(),
}
MAX_BATCH: Final = 1000
"""Deliveries that one statement locks or repeats."""
_LOCK: Final = Statement(
    select(
        Delivery.id,
        (IS_PENDING & IS_CLAIMED).label("is_running"),
        HAS_CONTENT.label("has_content"),
        IS_CALL.label("is_call"),
        Delivery.webhook_id,
        IS_REACHABLE.label("is_reachable"),
    )
    .where(in_portal_unindexed(Delivery), in_list(Delivery.id, "ids"))
    # In one order, so that two calls do not wait for each other.
    .order_by(Delivery.id)
    .with_for_update()
)
_RETRY: Final = Statement(
    update(Delivery).where(in_portal_unindexed(Delivery), in_list(Delivery.id, "ids")).values(**_again)
)
_RETRY_FAILED: Final = Statement(
    update(Delivery)
    .where(
        Delivery.portal_id == PORTAL_ID,
        Delivery.state == literal_column("'failed'"),
        HAS_CONTENT,
        or_(IS_EMAIL, IS_REACHABLE),
    )
    .values(**_again)
)


def retry(work: UnitOfWork, delivery_ids: Sequence[int]) -> None:
    """Make deliveries due now, whatever their state, with the same uuid, and with all attempts to come.

    Raises NotFound, Conflict("delivery.emptied", id=…) if the content was deleted, Conflict("delivery.running", id=…)
    during an attempt, and Conflict("delivery.webhook_deleted", id=…) or Conflict("delivery.webhook_disabled", id=…,
    webhook=…) for a call that would not be made. Nothing is changed then.
    """
    work.authorize(Permission.OPERATE)
    ids = sorted(set(delivery_ids))
    batches = [ids[start : start + MAX_BATCH] for start in range(0, len(ids), MAX_BATCH)]
    rows = {row["id"]: row for batch in batches for row in work.fetch_all(_LOCK, ids=batch)}
    for delivery_id in ids:
        row = rows.get(delivery_id)
        if row is None:
            raise NotFound("delivery", delivery_id)
        if not row["has_content"]:
            raise Conflict("delivery.emptied", {"id": delivery_id})
        if row["is_running"]:
            raise Conflict("delivery.running", {"id": delivery_id})
        if row["is_call"] and row["webhook_id"] is None:
            raise Conflict("delivery.webhook_deleted", {"id": delivery_id})
        if row["is_call"] and not row["is_reachable"]:
            raise Conflict("delivery.webhook_disabled", {"id": delivery_id, "webhook": row["webhook_id"]})
    for batch in batches:
        work.execute(_RETRY, ids=batch)


def retry_failed(work: UnitOfWork) -> int:
    """As `retry`, for all failed deliveries of the portal that `retry` accepts; return how many."""
    work.authorize(Permission.OPERATE)
    return work.execute(_RETRY_FAILED)
