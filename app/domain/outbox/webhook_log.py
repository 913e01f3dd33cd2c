"""The log of webhook calls: which were made, and which are to be repeated."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Integer, bindparam, literal_column, select

from app.domain.errors import NotFound
from app.domain.models import Delivery
from app.domain.models.base import BigId, UtcTimestamp
from app.domain.outbox.delivery_list import HAS_CONTENT
from app.domain.permissions import Permission
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.webhooks.calls import IS_REACHABLE

_SUMMARY: Final = (
    *(Delivery.id, Delivery.created_at, Delivery.webhook_id, Delivery.kind, Delivery.post_id, Delivery.state),
    *(Delivery.attempts, Delivery.response_status, Delivery.duration_ms, Delivery.error),
)
_DETAILS: Final = (
    *(Delivery.uuid, Delivery.payload, Delivery.is_encrypted, Delivery.request, Delivery.response_body),
    *(Delivery.due_at, Delivery.attempted_at, Delivery.finished_at),
)
_IS_CALL = (Delivery.portal_id == PORTAL_ID, Delivery.channel == literal_column("'webhook'"))
_FILTERS: Final[dict[str, ColumnElement[bool]]] = {
    "webhook_id": Delivery.webhook_id == bindparam("webhook_id", type_=BigId),
    "since": Delivery.created_at >= bindparam("since", type_=UtcTimestamp),
    "state": Delivery.state == bindparam("state"),
}
_OF_IDS: Final = Statement(
    select(Delivery.id).where(
        in_portal_unindexed(Delivery), in_list(Delivery.id, "ids"), Delivery.channel == literal_column("'webhook'")
    )
)


@cache
def _select(filters: tuple[str, ...], *, details: bool) -> Statement:
    columns: Sequence[Any] = (*_SUMMARY, *_DETAILS) if details else _SUMMARY
    return Statement(
        select(*columns)
        .where(*_IS_CALL, *(_FILTERS[name] for name in filters))
        .order_by(Delivery.id.desc())
        .limit(bindparam("limit", type_=Integer))
    )


def list_calls(
    work: UnitOfWork,
    *,
    webhook_id: int | None = None,
    since: datetime | None = None,
    state: str | None = None,
    limit: int,
    details: bool,
) -> Sequence[Row]:
    """The newest calls, the newest first: of one endpoint, from a time on, in one state; or all.

    Their columns are id, created_at, webhook_id, kind, post_id, state, attempts, response_status, duration_ms and
    error; with `details` also uuid, payload, is_encrypted, request, response_body, due_at, attempted_at and
    finished_at.
    Raises Forbidden.
    """
    work.authorize(Permission.OPERATE)
    values = _given(webhook_id=webhook_id, since=since, state=state)
    return work.fetch_all(_select(tuple(values), details=details), limit=limit, **values)


@cache
def _select_finished(filters: tuple[str, ...]) -> Statement:
    is_finished = Delivery.state != literal_column("'pending'")
    return Statement(
        select(Delivery.id, IS_REACHABLE.label("is_reachable"))
        .where(*_IS_CALL, is_finished, HAS_CONTENT, *(_FILTERS[name] for name in filters))
        .order_by(Delivery.id)
    )


class FinishedCalls(NamedTuple):
    """The ids of calls that are not pending, the oldest first."""

    repeatable: list[int]
    unreachable: list[int]
    """Their webhooks are disabled or deleted, so they can't be repeated."""


def find_finished(
    work: UnitOfWork, *, since: datetime, webhook_id: int | None = None, state: str | None = None
) -> FinishedCalls:
    """The calls since a time that are not pending. Raises Forbidden."""
    work.authorize(Permission.OPERATE)
    values = _given(webhook_id=webhook_id, since=since, state=state)
    found = FinishedCalls([], [])
    for delivery_id, is_reachable in work.fetch_all(_select_finished(tuple(values)), **values):
        (found.repeatable if is_reachable else found.unreachable).append(delivery_id)
    return found


def require_calls(work: UnitOfWork, delivery_ids: Sequence[int]) -> None:
    """Raise NotFound("call") unless all are webhook calls of the portal."""
    work.authorize(Permission.OPERATE)
    known = {row[0] for row in work.fetch_all(_OF_IDS, ids=list(delivery_ids))}
    for delivery_id in delivery_ids:
        if delivery_id not in known:
            raise NotFound("call", delivery_id)


def _given(**filters: Any) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value is not None}
