"""Deletes what mail and webhooks leave behind: finished deliveries, expanded events, expired tokens."""

from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, bindparam, delete, exists, literal_column, null, select, update

from app.domain.models import Delivery, EventRow, OneTimeToken, SignInRequest
from app.domain.models.base import UtcTimestamp
from app.domain.models.outbox import TOKEN_PURPOSES
from app.domain.outbox.claims import IS_CLAIMED, IS_EMAIL, IS_PENDING
from app.domain.sql.statement import NOW, Statement
from app.domain.unit_of_work import UnitOfWork

MAX_BATCH: Final = 500
"""Rows of each table that one transaction changes."""
EXPIRED: Final = "its link has expired"
NOT_SENT: Final = "there was no mail server to send it"

_before = bindparam("before", type_=UtcTimestamp)
_batch: Final[ColumnElement[int]] = literal_column(str(MAX_BATCH))
_finished = select(Delivery.id).where(Delivery.finished_at < _before).order_by(Delivery.finished_at).limit(_batch)
_DELETE_DELIVERIES: Final = Statement(delete(Delivery).where(Delivery.id.in_(_finished)), across_portals=True)

# The oldest events by id, which need no index of their own; events are expanded in about the order of their ids.
_oldest = select(EventRow.id, EventRow.expanded_at).order_by(EventRow.id).limit(_batch).subquery()
_DELETE_EVENTS: Final = Statement(
    delete(EventRow).where(EventRow.id.in_(select(_oldest.c.id).where(_oldest.c.expanded_at < _before))),
    across_portals=True,
)
_expired = select(OneTimeToken.id).where(OneTimeToken.expires_at < _before).order_by(OneTimeToken.expires_at)
_DELETE_TOKENS: Final = Statement(
    delete(OneTimeToken).where(OneTimeToken.id.in_(_expired.limit(_batch))), across_portals=True
)

_carries_token = Delivery.kind.in_([literal_column(f"'{kind}'") for kind in (*TOKEN_PURPOSES, "sign_in")])
_is_usable = exists(
    select(literal_column("1")).where(
        OneTimeToken.user_id == Delivery.user_id,
        OneTimeToken.purpose == Delivery.kind,
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > NOW,
    )
)
# Of several links of a user, the email of an expired one is emptied when the last one has expired.
_is_usable_link = exists(
    select(literal_column("1")).where(
        Delivery.kind == literal_column("'sign_in'"),
        SignInRequest.user_id == Delivery.user_id,
        SignInRequest.used_at.is_(None),
        SignInRequest.expires_at > NOW,
    )
)
_has_expired_token = (
    # The condition of the index `ix_deliveries_secret`.
    IS_EMAIL
    & literal_column("deliveries.is_encrypted")
    & Delivery.payload.is_not(None)
    & _carries_token
    & ~_is_usable
    & ~_is_usable_link
)
_CANCEL_EXPIRED: Final = Statement(
    update(Delivery)
    .where(IS_PENDING, ~IS_CLAIMED, _has_expired_token)
    .values(state="cancelled", error=EXPIRED, payload=null(), finished_at=NOW),
    across_portals=True,
)
_EMPTY_EXPIRED: Final = Statement(
    update(Delivery).where(Delivery.state == literal_column("'failed'"), _has_expired_token).values(payload=null()),
    across_portals=True,
)
_unsent = (
    select(Delivery.id).where(IS_PENDING, IS_EMAIL, Delivery.due_at < _before).order_by(Delivery.due_at).limit(_batch)
)
_CANCEL_UNSENT: Final = Statement(
    update(Delivery)
    .where(Delivery.id.in_(_unsent))
    .values(
        state="cancelled",
        error=NOT_SENT,
        payload=literal_column("CASE WHEN is_encrypted THEN NULL ELSE payload END"),
        finished_at=NOW,
    ),
    across_portals=True,
)


def delete_old(work: UnitOfWork, *, keep: timedelta) -> bool:
    """Delete some finished deliveries, expanded events and expired tokens that are older, in all portals.

    True if there may be more.
    """
    before = work.now - keep
    counts = [
        work.execute(statement, before=before) for statement in (_DELETE_DELIVERIES, _DELETE_EVENTS, _DELETE_TOKENS)
    ]
    return max(counts) >= MAX_BATCH


def end_expired_emails(work: UnitOfWork) -> None:
    """Empty the content of emails whose token is used or expired, and cancel those that wait to be sent."""
    work.execute(_CANCEL_EXPIRED)
    work.execute(_EMPTY_EXPIRED)


def cancel_unsent_emails(work: UnitOfWork, *, keep: timedelta) -> bool:
    """Cancel some emails that have been due for longer, because no mail server is set. True if there may be more."""
    return work.execute(_CANCEL_UNSENT, before=work.now - keep) >= MAX_BATCH
