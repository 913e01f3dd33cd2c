"""How far deliveries are behind, for metrics and `earshot doctor`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, exists, false, func, literal_column, or_, select

from app.domain.models import Delivery, EventRow, Portal, Webhook
from app.domain.models.base import UtcTimestamp
from app.domain.models.outbox import CHANNELS
from app.domain.outbox import events
from app.domain.outbox.claims import IS_CALL, IS_DUE, IS_EMAIL, IS_PENDING
from app.domain.sql import timestamps
from app.domain.sql.statement import Column, Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks.calls import IS_UNRENDERED

MAX_LISTED: Final = 20
MIN_ATTEMPTS: Final = 2
"""From which on a call that waits for another attempt shows that its endpoint fails."""

_one: Column = literal_column("1").label("one")
_COUNT: Final = {
    channel: Statement(
        select(func.count()).select_from(
            select(_one)
            .select_from(Delivery)
            .where(IS_PENDING, is_of_channel)
            .limit(literal_column(str(events.MAX_COUNTED)))
            .subquery()
        ),
        across_portals=True,
    )
    for channel, is_of_channel in (("email", IS_EMAIL), ("webhook", IS_CALL))
}
_OLDEST_EMAIL: Final = Statement(
    select(func.min(Delivery.due_at)).where(IS_PENDING, IS_EMAIL, IS_DUE), across_portals=True
)
_oldest_of_endpoint: Column = (
    select(func.min(Delivery.due_at))
    .where(IS_PENDING, IS_CALL, IS_DUE, Delivery.webhook_id == Webhook.id)
    .scalar_subquery()
)
_OLDEST_CALL: Final = Statement(select(func.min(_oldest_of_endpoint)).select_from(Webhook), across_portals=True)
_OLDEST: Final = {"email": _OLDEST_EMAIL, "webhook": _OLDEST_CALL}
_oldest_of_portal: Column = (
    select(EventRow.created_at)
    .where(EventRow.expanded_at.is_(None), EventRow.portal_id == Portal.id)
    .order_by(EventRow.id)
    .limit(literal_column("1"))
    .scalar_subquery()
)
_OLDEST_EVENT: Final = Statement(select(func.min(_oldest_of_portal)).select_from(Portal), across_portals=True)
_has_failing_call: ColumnElement[bool] = exists(
    select(_one).where(
        IS_PENDING,
        IS_CALL,
        Delivery.webhook_id == Webhook.id,
        Delivery.attempts - Delivery.earlier_attempts >= literal_column(str(MIN_ATTEMPTS)),
        Delivery.error.is_not(None),
    )
)
_is_last_unrendered: Column = func.coalesce(
    select(and_(Delivery.state == literal_column("'failed'"), IS_UNRENDERED))
    .where(
        Delivery.webhook_id == Webhook.id,
        Delivery.state.in_((literal_column("'delivered'"), literal_column("'failed'"))),
    )
    .order_by(Delivery.id.desc())
    .limit(literal_column("1"))
    .scalar_subquery(),
    false(),
)
_FAILING: Final = Statement(
    select(
        *(Webhook.portal_id, Webhook.id, Webhook.description, Webhook.failures_in_row, Webhook.disabled_at),
        _is_last_unrendered.label("is_unrendered"),
    )
    .where(
        or_(
            Webhook.disabled_at.is_not(None),
            Webhook.failures_in_row > literal_column("0"),
            and_(Webhook.is_enabled, or_(_has_failing_call, _is_last_unrendered)),
        )
    )
    .order_by(Webhook.portal_id, Webhook.id)
    .limit(literal_column(str(MAX_LISTED))),
    across_portals=True,
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in all portals: the events, and by channel the pending deliveries and the delay of the oldest due one.

    Events and deliveries are counted up to `events.MAX_COUNTED`.
    """

    events: int
    pending: Mapping[str, int]
    delay_seconds: Mapping[str, float]


def measure(work: UnitOfWork) -> Backlog:
    """The backlog now."""
    delays = {}
    for channel in CHANNELS:
        due = find_oldest_due(work, [channel])
        delays[channel] = 0.0 if due is None else max(0.0, (work.now - due).total_seconds())
    return Backlog(
        events=events.pending_count(work),
        pending={channel: int(work.fetch_value(_COUNT[channel])) for channel in CHANNELS},
        delay_seconds=delays,
    )


def find_oldest_due(work: UnitOfWork, channels: Collection[str]) -> datetime | None:
    """Since when the oldest due delivery of these channels has been due; None if none is due."""
    found = [due for channel in sorted(channels) if (due := work.fetch_value(_OLDEST[channel])) is not None]
    return min(map(timestamps.to_datetime, found), default=None)


def find_oldest_event(work: UnitOfWork) -> datetime | None:
    """When the oldest event was stored that is not expanded yet; None if there is none."""
    created_at = work.fetch_value(_OLDEST_EVENT)
    return None if created_at is None else timestamps.to_datetime(created_at)


@dataclass(frozen=True, slots=True)
class FailingEndpoint:
    """An endpoint whose last deliveries failed, for good or until now. After several for good it is switched off."""

    portal_id: int
    id: int
    description: str | None
    failures_in_row: int
    is_off: bool
    is_unrendered: bool
    """Its last call could not be rendered."""


def find_failing_endpoints(work: UnitOfWork) -> list[FailingEndpoint]:
    """The endpoints of all portals that fail or were switched off because they did; at most MAX_LISTED."""
    return [
        FailingEndpoint(
            *(row["portal_id"], row["id"], row["description"], row["failures_in_row"]),
            is_off=bool(row["disabled_at"]),
            is_unrendered=bool(row["is_unrendered"]),
        )
        for row in work.fetch_all(_FAILING)
    ]


_COUNT_FAILED_EMAILS: Final = Statement(
    select(func.count())
    .select_from(Delivery)
    .where(
        IS_EMAIL,
        Delivery.state == literal_column("'failed'"),
        Delivery.finished_at >= bindparam("since", type_=UtcTimestamp),
    ),
    across_portals=True,
)


def count_failed_emails(work: UnitOfWork, *, since: datetime) -> int:
    """How many emails of all portals failed for good since a time."""
    return int(work.fetch_value(_COUNT_FAILED_EMAILS, since=since))
