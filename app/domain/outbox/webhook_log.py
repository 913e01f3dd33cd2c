"""The log of webhook calls: which were made, and which are to be repeated."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Integer, bindparam, func, literal_column, select, update

from app.domain.errors import Conflict, NotFound
from app.domain.models import Delivery
from app.domain.models.base import BigId, UtcTimestamp
from app.domain.outbox.delivery_list import HAS_CONTENT
from app.domain.permissions import Permission
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list, in_portal_unindexed
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.webhooks.calls import IS_LOST, IS_REACHABLE, IS_UNRENDERED

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
}
_OF_IDS: Final = Statement(
    select(Delivery.id, IS_UNRENDERED.label("is_unrendered")).where(
        in_portal_unindexed(Delivery), in_list(Delivery.id, "ids"), Delivery.channel == literal_column("'webhook'")
    )
)


@cache
def _select(filters: tuple[str, ...], *, is_lost: bool, details: bool) -> Statement:
    columns: Sequence[Any] = (*_SUMMARY, *_DETAILS) if details else _SUMMARY
    return Statement(
        select(*columns)
        .where(*_conditions(filters, is_lost=is_lost))
        .order_by(Delivery.id.desc())
        .limit(bindparam("limit", type_=Integer))
    )


def list_calls(
    work: UnitOfWork,
    *,
    webhook_id: int | None = None,
    since: datetime | None = None,
    is_lost: bool = False,
    limit: int,
    details: bool,
) -> Sequence[Row]:
    """The newest calls, the newest first: of one endpoint, from a time on, those that are lost (`IS_LOST`); or all.

    Their columns are id, created_at, webhook_id, kind, post_id, state, attempts, response_status, duration_ms and
    error; with `details` also uuid, payload, is_encrypted, request, response_body, due_at, attempted_at and
    finished_at.
    Raises Forbidden.
    """
    work.authorize(Permission.OPERATE)
    values = _given(webhook_id=webhook_id, since=since)
    return work.fetch_all(_select(tuple(values), is_lost=is_lost, details=details), limit=limit, **values)


@cache
def _select_finished(filters: tuple[str, ...], *, is_lost: bool) -> Statement:
    is_finished = Delivery.state != literal_column("'pending'")
    return Statement(
        select(Delivery.id, IS_REACHABLE.label("is_reachable"), IS_UNRENDERED.label("is_unrendered"))
        .where(is_finished, HAS_CONTENT, *_conditions(filters, is_lost=is_lost))
        .order_by(Delivery.id)
    )


class FinishedCalls(NamedTuple):
    """The ids of calls that are not pending, the oldest first."""

    repeatable: list[int]
    unreachable: list[int]
    """Their webhooks are disabled or deleted, so they can't be repeated."""
    unrendered: list[int]
    """They could not be rendered, so an attempt would fail again."""


def find_finished(
    work: UnitOfWork, *, since: datetime, webhook_id: int | None = None, is_lost: bool = False
) -> FinishedCalls:
    """The calls since a time that are not pending; with `is_lost`, those that are lost (`IS_LOST`).

    Raises Forbidden.
    """
    work.authorize(Permission.OPERATE)
    values = _given(webhook_id=webhook_id, since=since)
    found = FinishedCalls([], [], [])
    statement = _select_finished(tuple(values), is_lost=is_lost)
    for delivery_id, is_reachable, is_unrendered in work.fetch_all(statement, **values):
        if not is_reachable:
            found.unreachable.append(delivery_id)
        else:
            (found.unrendered if is_unrendered else found.repeatable).append(delivery_id)
    return found


class LostCalls(NamedTuple):
    """How many calls of an endpoint are lost (`IS_LOST`) and can be repeated, and when the first one was created."""

    total: int
    since: datetime | None


_LOST: Final = Statement(
    select(func.count(), func.min(Delivery.created_at)).where(
        *_IS_CALL, _FILTERS["webhook_id"], IS_LOST, HAS_CONTENT, ~func.coalesce(IS_UNRENDERED, literal_column("false"))
    )
)


def count_lost(work: UnitOfWork, webhook_id: int) -> LostCalls:
    """The calls of an endpoint that are lost and can be repeated. Raises Forbidden."""
    work.authorize(Permission.OPERATE)
    row = work.fetch_one(_LOST, webhook_id=webhook_id)
    assert row is not None
    return LostCalls(row[0], None if row[1] is None else to_datetime(row[1]))


@cache
def _advance(filters: tuple[str, ...]) -> Statement:
    is_waiting = (
        Delivery.state == literal_column("'pending'"),
        Delivery.claim.is_(None),
        Delivery.due_at > NOW,
    )
    conditions = _conditions(filters, is_lost=False)
    return Statement(update(Delivery).where(*is_waiting, *conditions).values(due_at=NOW))


def advance_waiting(work: UnitOfWork, *, since: datetime, webhook_id: int | None = None) -> int:
    """Make the calls since a time that wait for another attempt due now, and return how many. Their attempts count on.

    Raises Forbidden.
    """
    work.authorize(Permission.OPERATE)
    values = _given(webhook_id=webhook_id, since=since)
    return work.execute(_advance(tuple(values)), **values)


def require_calls(work: UnitOfWork, delivery_ids: Sequence[int]) -> None:
    """Raise NotFound("call") unless all are webhook calls of the portal, and Conflict("delivery.unrendered", id=…) for
    one that could not be rendered."""
    work.authorize(Permission.OPERATE)
    is_unrendered = {row[0]: bool(row[1]) for row in work.fetch_all(_OF_IDS, ids=list(delivery_ids))}
    for delivery_id in delivery_ids:
        if delivery_id not in is_unrendered:
            raise NotFound("call", delivery_id)
        if is_unrendered[delivery_id]:
            raise Conflict("delivery.unrendered", {"id": delivery_id})


def _conditions(filters: tuple[str, ...], *, is_lost: bool) -> list[ColumnElement[bool]]:
    conditions = [*_IS_CALL, *(_FILTERS[name] for name in filters)]
    return [*conditions, IS_LOST] if is_lost else conditions


def _given(**filters: Any) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value is not None}
