"""What a webhook call needs of its endpoint, and what the outcome of a delivery changes there."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import String, and_, bindparam, case, exists, false, func, literal_column, null, or_, select, update

from app.domain.models import Delivery, Portal, Webhook
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, row_in_portal
from app.domain.unit_of_work import UnitOfWork

MAX_FAILURES_IN_ROW: Final = 5
"""With so many failed deliveries in a row an endpoint is switched off: docs/contracts/productlift.md, section 10.1."""

DELETED: Final = "the endpoint was deleted"
SWITCHED_OFF: Final = "the endpoint is switched off"
DISABLED: Final = "the endpoint was disabled"
FAILED_IN_A_ROW: Final = f"the endpoint was switched off after {MAX_FAILURES_IN_ROW} failed deliveries in a row"
GONE: Final = "the endpoint was switched off because its receiver responded 410 Gone"
"""Why a call is cancelled."""
_OFF: Final = (SWITCHED_OFF, DISABLED, FAILED_IN_A_ROW, GONE)


@dataclass(frozen=True, slots=True)
class CallSettings:
    """An endpoint as it is now. `url`, `headers` and `secret` are encrypted.

    `secret` is the endpoint's own one, or that of the portal, or None if neither has one. `headers` is a JSON object.
    """

    is_enabled: bool
    dialect: str
    method: str
    url: str
    headers: str | None
    secret: str | None
    signature_header: str
    signature_encoding: str


_FIND: Final = Statement(
    select(
        Webhook.is_enabled,
        Webhook.dialect,
        Webhook.method,
        Webhook.url,
        Webhook.headers,
        func.coalesce(Webhook.secret, Portal.webhook_secret).label("secret"),
        Webhook.signature_header,
        Webhook.signature_encoding,
    )
    .join(Portal, Portal.id == Webhook.portal_id)
    .where(row_in_portal(Webhook))
)
_RESET_FAILURES: Final = Statement(
    update(Webhook).where(row_in_portal(Webhook), Webhook.failures_in_row > 0).values(failures_in_row=0)
)
_COUNT_FAILURE: Final = Statement(
    update(Webhook)
    .where(row_in_portal(Webhook))
    .values(failures_in_row=Webhook.failures_in_row + 1)
    .returning(Webhook.failures_in_row)
)
_SWITCH_OFF: Final = Statement(
    update(Webhook).where(row_in_portal(Webhook), Webhook.is_enabled).values(is_enabled=false(), disabled_at=NOW)
)
IS_REACHABLE: Final = exists(
    select(literal_column("1")).select_from(Webhook).where(Webhook.id == Delivery.webhook_id, Webhook.is_enabled)
)
"""Whether the endpoint of a call exists and is enabled."""
IS_LOST: Final = or_(
    Delivery.state == literal_column("'failed'"),
    and_(
        Delivery.state == literal_column("'cancelled'"),
        Delivery.error.in_([literal_column(f"'{reason}'") for reason in _OFF]),
    ),
)
"""Whether a call failed for good, or was cancelled because its endpoint was switched off or disabled."""
# The text of a body is escaped in the payload, so it can't contain the key.
IS_UNRENDERED: Final = Delivery.payload.like(literal_column("""'%,"error":"%'"""))
"""Whether a call could not be rendered for its event. It is not rendered again, so each attempt fails."""
_cancelled: Final = {
    "state": "cancelled",
    "finished_at": NOW,
    "payload": case((Delivery.is_encrypted, null()), else_=Delivery.payload),
}
# A call with a claim is being attempted: `cancel_unreachable` ends it afterwards, if it is to be retried.
_CANCEL_PENDING: Final = Statement(
    update(Delivery)
    .where(
        Delivery.portal_id == PORTAL_ID,
        Delivery.webhook_id == bindparam("id"),
        Delivery.state == literal_column("'pending'"),
        Delivery.claim.is_(None),
    )
    .values(error=bindparam("reason", type_=String), **_cancelled)
)
_CANCEL_UNREACHABLE: Final = Statement(
    update(Delivery)
    .where(
        row_in_portal(Delivery),
        Delivery.state == literal_column("'pending'"),
        Delivery.claim.is_(None),
        ~IS_REACHABLE,
    )
    .values(
        error=case(
            (Delivery.webhook_id.is_(None), literal_column(f"'{DELETED}'")), else_=literal_column(f"'{SWITCHED_OFF}'")
        ),
        **_cancelled,
    )
)


def find_settings(work: UnitOfWork, webhook_id: int) -> CallSettings | None:
    """The settings of the portal's endpoint, with which a call is made now; None if it does not exist."""
    row = work.fetch_one(_FIND, id=webhook_id)
    return None if row is None else CallSettings(bool(row[0]), *row[1:])


def record_success(work: UnitOfWork, webhook_id: int) -> None:
    """A delivery succeeded: its endpoint has no failures in a row. An endpoint that is switched off remains so."""
    work.execute(_RESET_FAILURES, id=webhook_id)


def record_failure(work: UnitOfWork, webhook_id: int, *, reason: str) -> bool:
    """A delivery failed for good. The MAX_FAILURES_IN_ROW-th in a row switches the endpoint off, as `switch_off` does.

    Returns whether this one did. Nothing happens if the endpoint does not exist.
    """
    failures = work.fetch_value(_COUNT_FAILURE, id=webhook_id)
    if failures is None or failures < MAX_FAILURES_IN_ROW:
        return False
    return switch_off(work, webhook_id, reason=reason)


def switch_off(work: UnitOfWork, webhook_id: int, *, reason: str) -> bool:
    """Switch the endpoint off because of its receiver, and cancel what waits to be sent there, with the reason.

    Returns whether it was on. `disabled_at` distinguishes it from an endpoint that the team switched off.
    """
    if not work.execute(_SWITCH_OFF, id=webhook_id):
        return False
    cancel_waiting(work, webhook_id, reason=reason)
    return True


def cancel_unreachable(work: UnitOfWork, delivery_id: int) -> None:
    """Cancel a call that waits for another attempt, if its endpoint was deleted or switched off meanwhile."""
    work.execute(_CANCEL_UNREACHABLE, id=delivery_id)


def cancel_waiting(work: UnitOfWork, webhook_id: int, *, reason: str) -> None:
    """Cancel what waits to be sent to the portal's endpoint, with the reason."""
    work.execute(_CANCEL_PENDING, id=webhook_id, reason=reason)
