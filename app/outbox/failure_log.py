"""Logs deliveries that fail, without what they contain and to whom they go."""

from typing import Any, Final

import structlog

from app.domain.outbox.claims import State
from app.domain.outbox.deliveries import ClaimedDelivery
from app.outbox.base import Outcome

log = structlog.get_logger("earshot.outbox")

RETRIED: Final = "a delivery failed and is retried"
FAILED: Final = "a delivery failed for good"


def log_failure(delivery: ClaimedDelivery, outcome: Outcome, state: State) -> None:
    """Log the first attempt that fails and the last one. Those between them would fill the log."""
    if state == "failed":
        event = FAILED
    elif state == "pending" and delivery.attempts_since_repeat == 1:
        event = RETRIED
    else:
        return
    fields: dict[str, Any] = {"attempt": delivery.attempts_since_repeat, "status": outcome.response_status}
    # A mail server quotes addresses in its replies, and the error of a template may quote a value.
    is_private = delivery.channel == "email" or outcome.is_unsendable
    error = outcome.log_error if is_private else outcome.error
    if error is not None:
        fields["error"] = error
    log_warning(event, delivery, **fields)


def log_warning(event: str, delivery: ClaimedDelivery, **fields: Any) -> None:
    """Log a warning about a delivery."""
    webhook = {} if delivery.webhook_id is None else {"webhook": delivery.webhook_id}
    log.warning(
        event,
        delivery=delivery.id,
        channel=delivery.channel,
        kind=delivery.kind,
        **webhook,
        portal=delivery.portal_id,
        **fields,
    )
