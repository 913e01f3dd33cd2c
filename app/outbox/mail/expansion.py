"""Which notifications an event has: emails at once, and items of digests."""

from app.domain.events import StoredEvent
from app.domain.notifications import digests
from app.domain.notifications.loading import encode_notification
from app.domain.notifications.recipients import find_recipients
from app.domain.outbox.deliveries import NewDelivery
from app.domain.unit_of_work import UnitOfWork


def expand_notifications(work: UnitOfWork, event: StoredEvent) -> list[NewDelivery]:
    """The emails of the event that are sent at once. For other recipients, the event is added to their next digest."""
    recipients = find_recipients(work, event)
    digests.add_items(work, event, recipients)
    payload = encode_notification(event.base_url, subject_id=event.subject_id)
    return [
        NewDelivery(
            channel="email",
            kind=recipient.kind,
            event_id=event.id,
            user_id=recipient.user_id,
            post_id=event.post_id,
            payload=payload,
        )
        for recipient in recipients
        if recipient.cadence == "at_once"
    ]
