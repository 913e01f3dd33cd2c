"""Claims of due deliveries, and the outcomes of attempts.

A lane is the emails, or the calls of one endpoint. Deliveries are claimed lane by lane, so that the backlog of one does
not delay the others, however long it is.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    Text,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from app.domain.models import Delivery, Webhook
from app.domain.models.base import BigId, UtcTimestamp
from app.domain.outbox.deliveries import MAX_RESPONSE_CHARACTERS, ClaimedDelivery
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import NOW, Statement, in_portal_unindexed, row_in_portal
from app.domain.unit_of_work import UnitOfWork

MAX_OVERTAKING_WAIT: Final = timedelta(minutes=10)
"""How long a call waits at most for an earlier one of the same endpoint and post that waits for a retry."""
MAX_FOLLOWERS: Final = 50
"""Calls about one post that are claimed together with an earlier one, to be made after it in their order."""
MAX_ERROR_CHARACTERS: Final = 2000

State = Literal["pending", "delivered", "failed", "cancelled"]


class Lane(NamedTuple):
    """What is claimed together: all emails, or the calls of one endpoint. None is an endpoint that was deleted."""

    channel: str
    webhook_id: int | None = None


EMAIL: Final = Lane("email")

# Constants, so that both engines use the partial indexes.
IS_PENDING: Final[ColumnElement[bool]] = Delivery.state == literal_column("'pending'")
IS_EMAIL: Final[ColumnElement[bool]] = Delivery.channel == literal_column("'email'")
IS_CALL: Final[ColumnElement[bool]] = Delivery.channel == literal_column("'webhook'")
IS_DUE: Final[ColumnElement[bool]] = Delivery.due_at <= NOW
IS_CLAIMED: Final[ColumnElement[bool]] = Delivery.claim.is_not(None) & (Delivery.due_at > NOW)


def _lane(channel: str, webhook_id: Any, *is_due: ColumnElement[bool]) -> Any:
    is_any_due = exists(select(literal_column("1")).select_from(Delivery).where(IS_PENDING, IS_DUE, *is_due))
    return select(literal_column(f"'{channel}'", String).label("channel"), webhook_id.label("webhook_id")).where(
        is_any_due
    )


_no_webhook = literal_column("CAST(NULL AS BIGINT)", BigId)
_LANES: Final = Statement(
    union_all(
        _lane("email", _no_webhook, IS_EMAIL),
        _lane("webhook", _no_webhook, IS_CALL, Delivery.webhook_id.is_(None)),
        _lane("webhook", Webhook.id, IS_CALL, Delivery.webhook_id == Webhook.id),
    ),
    across_portals=True,
)


def find_due_lanes(work: UnitOfWork) -> list[Lane]:
    """The lanes with a delivery that is due, in all portals. It may wait for an earlier one nevertheless."""
    return [Lane(channel, webhook_id) for channel, webhook_id in work.fetch_all(_LANES)]


EARLIER: Final = aliased(Delivery)
IS_EARLIER: Final = and_(
    EARLIER.webhook_id == Delivery.webhook_id,
    EARLIER.post_id == Delivery.post_id,
    EARLIER.id < Delivery.id,
    EARLIER.state == literal_column("'pending'"),
)
"""Whether the call EARLIER must be made before the call: of the same endpoint and post, and still pending."""
# One that is being attempted, or that was not attempted yet, is never overtaken: it may succeed at any time.
MAY_BE_OVERTAKEN: Final = and_(
    EARLIER.claim.is_(None),
    EARLIER.attempts > EARLIER.earlier_attempts,
    EARLIER.due_at > NOW,
    Delivery.created_at <= bindparam("overtaking", type_=UtcTimestamp),
)
"""Whether the call does not wait for EARLIER any more: that one waits for a retry, and the call has waited enough."""
_COLUMNS: Final = (
    Delivery.id,
    Delivery.portal_id,
    Delivery.uuid,
    Delivery.claim,
    Delivery.channel,
    Delivery.kind,
    Delivery.event_id,
    Delivery.webhook_id,
    Delivery.user_id,
    Delivery.post_id,
    Delivery.payload,
    Delivery.is_encrypted,
    Delivery.attempts,
    Delivery.earlier_attempts,
    Delivery.created_at,
)


# The condition of the index `ix_deliveries_secret`.
_HAS_SECRET: Final = literal_column("deliveries.is_encrypted") & Delivery.payload.is_not(None)


@cache
def _claim(channel: str, has_webhook: bool) -> Statement:
    if channel == EMAIL.channel:
        conditions = [IS_EMAIL]
    elif has_webhook:
        is_first = ~exists(select(literal_column("1")).where(IS_EARLIER, ~MAY_BE_OVERTAKEN))
        conditions = [IS_CALL, Delivery.webhook_id == bindparam("webhook", type_=BigId), is_first]
    else:
        conditions = [IS_CALL, Delivery.webhook_id.is_(None)]
    return _claim_first(select(Delivery.id).where(*conditions).order_by(Delivery.due_at, Delivery.id))


def _claim_first(candidates: Any, *, is_due: ColumnElement[bool] = IS_DUE) -> Statement:
    due = (
        candidates.where(IS_PENDING, is_due)
        .limit(bindparam("limit", type_=Integer))
        .with_for_update(skip_locked=True)
        # Not a plain subquery, which PostgreSQL may run once for each row, and then locks more rows than the limit.
        .cte("due")
    )
    return Statement(
        update(Delivery)
        .where(Delivery.id.in_(select(due.c.id)))
        .values(
            claim=bindparam("claim", type_=String),
            due_at=bindparam("lease_end", type_=UtcTimestamp),
            attempts=Delivery.attempts + 1,
            attempted_at=NOW,
        )
        .returning(*_COLUMNS),
        across_portals=True,
    )


# IS TRUE keeps SQLite from the index of all due emails, of which a change of status may leave thousands.
_CLAIM_ACCOUNT_MAIL: Final = _claim_first(
    select(Delivery.id).where(IS_EMAIL, _HAS_SECRET).order_by(Delivery.id), is_due=IS_DUE.is_(true())
)
# Without IS_CALL, so that SQLite reads the index of the order and not all due calls of the endpoint.
_FOLLOW: Final = _claim_first(
    select(Delivery.id)
    .where(
        Delivery.webhook_id == bindparam("webhook", type_=BigId),
        Delivery.post_id == bindparam("post", type_=BigId),
        ~exists(
            select(literal_column("1")).where(
                IS_EARLIER,
                EARLIER.due_at > NOW,
                EARLIER.claim.is_distinct_from(bindparam("claim", type_=String)),
                ~MAY_BE_OVERTAKEN,
            )
        ),
    )
    .order_by(Delivery.id)
)


def claim(work: UnitOfWork, lane: Lane, *, claim: str, lease: timedelta, limit: int) -> list[list[ClaimedDelivery]]:
    """Claim due deliveries of a lane, of any portal, until the lease ends: at most `limit` runs, the oldest first.
    Emails about accounts, which are the encrypted ones, come before all others: their links expire.

    A run is one delivery, or calls about one post, which must be made one after the other in this order. Another
    worker skips them until the lease ends. A call waits while an earlier one of the same endpoint and post is pending
    that is not in its run; for one that waits for a retry, until MAX_OVERTAKING_WAIT after its own creation.
    """
    values: dict[str, Any] = {"claim": claim, "lease_end": work.now + lease}
    if lane.webhook_id is None:
        claimed = _fetch(work, _CLAIM_ACCOUNT_MAIL, **values, limit=limit) if lane == EMAIL else []
        if len(claimed) < limit:
            claimed += _fetch(work, _claim(lane.channel, False), **values, limit=limit - len(claimed))
        return [[each] for each in claimed]
    values |= {"webhook": lane.webhook_id, "overtaking": work.now - MAX_OVERTAKING_WAIT}
    claimed = _fetch(work, _claim(lane.channel, True), **values, limit=limit)
    by_post: dict[int, list[ClaimedDelivery]] = defaultdict(list)
    for each in claimed:
        if each.post_id is not None:
            by_post[each.post_id].append(each)
    if len(claimed) < limit:
        # Else there is enough to do without them.
        for post_id, run in by_post.items():
            run += _fetch(work, _FOLLOW, **values, limit=MAX_FOLLOWERS, post=post_id)
            run.sort(key=lambda each: each.id)
    return [*by_post.values(), *([each] for each in claimed if each.post_id is None)]


def _fetch(work: UnitOfWork, statement: Statement, **values: Any) -> list[ClaimedDelivery]:
    rows = work.fetch_all(statement, **values)
    names = [column.key for column in _COLUMNS]
    claimed = [
        ClaimedDelivery(**{name: row[name] for name in names} | {"is_encrypted": bool(row["is_encrypted"])})
        for row in rows
    ]
    return sorted(claimed, key=lambda each: each.id)


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What is stored of an attempt. A delivery that stays pending is due again at `due_at`.

    An attempt without a response leaves the one before it, with its duration. One without a request or a duration
    leaves those before it.
    """

    state: State
    due_at: datetime | None = None
    error: str | None = None
    response_status: int | None = None
    response_body: str | None = None
    duration_ms: int | None = None
    request: str | None = None


_is_ours = (row_in_portal(Delivery), IS_PENDING, Delivery.claim == bindparam("claim", type_=String))
_response_status = bindparam("response_status", type_=Integer)
_result = {
    "error": bindparam("error", type_=Text),
    "request": func.coalesce(bindparam("request", type_=Text), Delivery.request),
    "response_status": func.coalesce(_response_status, Delivery.response_status),
    "response_body": case(
        (_response_status.is_not(None), bindparam("response_body", type_=Text)), else_=Delivery.response_body
    ),
    # The duration belongs to the response that is shown.
    "duration_ms": case(
        (
            or_(_response_status.is_not(None), Delivery.response_status.is_(None)),
            func.coalesce(bindparam("duration_ms", type_=Integer), Delivery.duration_ms),
        ),
        else_=Delivery.duration_ms,
    ),
    "claim": null(),
}
_POSTPONE: Final = Statement(
    update(Delivery).where(*_is_ours).values(due_at=bindparam("due_at", type_=UtcTimestamp), **_result)
)
# A failed one keeps its secrets, so that it can be repeated.
_is_over = Delivery.is_encrypted & (bindparam("state", type_=String) != literal_column("'failed'"))
_FINISH: Final = Statement(
    update(Delivery)
    .where(*_is_ours)
    .values(
        state=bindparam("state", type_=String),
        finished_at=NOW,
        payload=case((_is_over, null()), else_=Delivery.payload),
        **_result,
    )
)


_entry = json_rows("rows").table_valued("value", name="entries").c.value
_ended = select(
    json_column(_entry, 0, BIGINT).label("id"),
    json_column(_entry, 1, TEXT).label("claim"),
    json_column(_entry, 2, BIGINT).label("response_status"),
    json_column(_entry, 3, TEXT).label("response_body"),
    json_column(_entry, 4, BIGINT).label("duration_ms"),
    json_column(_entry, 5, TEXT).label("error"),
    json_column(_entry, 6, TEXT).label("request"),
).subquery("ended")
_DELIVERED: Final = Statement(
    update(Delivery)
    .where(
        in_portal_unindexed(Delivery),
        Delivery.id == _ended.c.id,
        IS_PENDING,
        Delivery.claim == _ended.c.claim,
    )
    .values(
        state=literal_column("'delivered'"),
        finished_at=NOW,
        payload=case((Delivery.is_encrypted, null()), else_=Delivery.payload),
        error=_ended.c.error,
        request=_ended.c.request,
        response_status=_ended.c.response_status,
        response_body=_ended.c.response_body,
        duration_ms=_ended.c.duration_ms,
        claim=null(),
    )
    .returning(Delivery.id)
)


def record_delivered(work: UnitOfWork, results: Sequence[tuple[ClaimedDelivery, AttemptResult]]) -> set[int]:
    """As `record_result`, for attempts that delivered, in one statement. Return the ids of what was stored."""
    rows = [
        (
            delivery.id,
            delivery.claim,
            result.response_status,
            _to_storable(result.response_body, MAX_RESPONSE_CHARACTERS),
            result.duration_ms,
            _to_storable(result.error, MAX_ERROR_CHARACTERS),
            result.request,
        )
        for delivery, result in results
    ]
    return {row[0] for row in work.fetch_all(_DELIVERED, rows=encode_rows(rows))} if rows else set()


def record_result(work: UnitOfWork, delivery: ClaimedDelivery, result: AttemptResult) -> bool:
    """Store the result of an attempt, and end the claim. False if it is not this claim's any more: nothing is stored.

    The encrypted payload of a delivered or cancelled delivery is emptied.
    """
    values = {
        "id": delivery.id,
        "claim": delivery.claim,
        "error": _to_storable(result.error, MAX_ERROR_CHARACTERS),
        "request": result.request,
        "response_status": result.response_status,
        "response_body": _to_storable(result.response_body, MAX_RESPONSE_CHARACTERS),
        "duration_ms": result.duration_ms,
    }
    if result.state == "pending":
        return work.execute(_POSTPONE, due_at=result.due_at or work.now, **values) == 1
    return work.execute(_FINISH, state=result.state, **values) == 1


_idle = {"claim": null(), "due_at": NOW}
_RELEASE: Final = Statement(update(Delivery).where(*_is_ours).values(**_idle))
_GIVE_BACK: Final = Statement(update(Delivery).where(*_is_ours).values(attempts=Delivery.attempts - 1, **_idle))


def release(work: UnitOfWork, delivery: ClaimedDelivery) -> None:
    """End the claim of a delivery whose attempt was broken off, so that any worker may repeat it at once."""
    work.execute(_RELEASE, id=delivery.id, claim=delivery.claim)


def give_back(work: UnitOfWork, delivery: ClaimedDelivery) -> None:
    """End the claim of a delivery that was not attempted, as if it had not been claimed."""
    work.execute(_GIVE_BACK, id=delivery.id, claim=delivery.claim)


def _to_storable(text: str | None, max_characters: int) -> str | None:
    """The text cut to its column, without what PostgreSQL can't store: NUL, and halves of a surrogate pair."""
    if text is None:
        return None
    return text[:max_characters].replace("\0", "\ufffd").encode(errors="replace").decode()
