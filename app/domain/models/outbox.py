"""Mail and webhook calls: endpoints, deliveries, what users want to be told, and tokens that mail carries."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.models.base import (
    Base,
    BigId,
    Id,
    PortalScopedMixin,
    TimestampMixin,
    UtcTimestamp,
    check_in,
    partial_index,
)
from app.domain.models.portals import DIALECTS

CHANNELS = ("email", "webhook")
DELIVERY_STATES = ("pending", "delivered", "failed", "cancelled")
SIGNATURE_ENCODINGS = ("hex", "base64")
WEBHOOK_METHODS = ("POST", "PUT", "PATCH", "DELETE")
CADENCES = ("at_once", "daily", "weekly", "never")
TOKEN_PURPOSES = ("invitation", "password_reset", "email_confirmation")


class Webhook(PortalScopedMixin, TimestampMixin, Base):
    """An endpoint of the customer that is called for events, in the format of one of the two dialects."""

    __tablename__ = "webhooks"
    __table_args__ = (
        UniqueConstraint("portal_id", "description"),
        CheckConstraint(check_in("dialect", *DIALECTS), name="dialect"),
        CheckConstraint(check_in("method", *WEBHOOK_METHODS), name="method"),
        CheckConstraint(check_in("signature_encoding", *SIGNATURE_ENCODINGS), name="signature_encoding"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    dialect: Mapped[str] = mapped_column(String(16))
    description: Mapped[str | None] = mapped_column(String(255))
    """Its name for the team."""
    url: Mapped[str] = mapped_column(Text)
    """Encrypted, because it may contain a key. A Liquid template in the format that has templates."""
    events: Mapped[str] = mapped_column(Text)
    """JSON: the names of the dialect's events that it is called for; an empty list is all."""
    method: Mapped[str] = mapped_column(String(8), server_default="POST")
    headers: Mapped[str | None] = mapped_column(Text)
    """Encrypted JSON: further headers, in the format that has templates."""
    body: Mapped[str | None] = mapped_column(Text)
    """Encrypted: the Liquid template of the body, in the format that has templates."""
    secret: Mapped[str | None] = mapped_column(Text)
    """Encrypted: its own secret. None is the secret of the portal."""
    signature_header: Mapped[str] = mapped_column(String(100), server_default="Signature")
    signature_encoding: Mapped[str] = mapped_column(String(8), server_default="hex")
    is_enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    failures_in_row: Mapped[int] = mapped_column(server_default=text("0"))
    """Deliveries that failed for good since the last success."""
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    """When it was switched off because of its failures."""


class Delivery(PortalScopedMixin, Base):
    """One email or webhook call.

    A pending delivery is due at `due_at`. To claim it, a worker writes its `claim` and moves `due_at` to the end of the
    lease, so that another worker takes it if this one does not record the outcome by then.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("uuid"),
        UniqueConstraint("dedup_key"),
        partial_index("ix_deliveries_due_email", "due_at", "id", where="state = 'pending' and channel = 'email'"),
        partial_index(
            "ix_deliveries_due_call", "webhook_id", "due_at", "id", where="state = 'pending' and channel = 'webhook'"
        ),
        partial_index("ix_deliveries_order", "webhook_id", "post_id", "id", where="state = 'pending'"),
        Index("ix_deliveries_newest", "portal_id", "id"),
        Index("ix_deliveries_webhook", "webhook_id", "id"),
        Index("ix_deliveries_user", "user_id"),
        Index("ix_deliveries_finished", "finished_at"),
        partial_index("ix_deliveries_secret", "id", where="channel = 'email' and is_encrypted and payload is not null"),
        CheckConstraint(check_in("channel", *CHANNELS), name="channel"),
        CheckConstraint(check_in("state", *DELIVERY_STATES), name="state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    uuid: Mapped[str] = mapped_column(String(36))
    """Sent with each attempt: in the Message-ID of an email, in the `webhook-id` of a call."""
    event_id: Mapped[int | None] = mapped_column(BigId)
    """The event that caused it; no foreign key, because events are deleted earlier."""
    channel: Mapped[str] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(40))
    """The kind of email, or the dialect's name of the event."""
    webhook_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("webhooks.id", ondelete="SET NULL"))
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id", ondelete="SET NULL"))
    """The recipient of an email."""
    post_id: Mapped[int | None] = mapped_column(BigId)
    dedup_key: Mapped[str | None] = mapped_column(String(120))
    """Of which there is one delivery only, such as the summary of a user for a day."""
    state: Mapped[str] = mapped_column(String(10), server_default="pending")
    due_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    claim: Mapped[str | None] = mapped_column(String(36))
    """The worker's claim while it delivers; only who has it may record the outcome."""
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    earlier_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    """How many of the attempts were made before it was last repeated on demand. They leave the limit of attempts as it
    is."""
    payload: Mapped[str | None] = mapped_column(Text)
    """JSON: what is sent, or what it is made of. Encrypted if `is_encrypted`; emptied after delivery then."""
    is_encrypted: Mapped[bool] = mapped_column(server_default=text("false"))
    request: Mapped[str | None] = mapped_column(Text)
    """Encrypted JSON: method, URL and headers of the last call, with its secrets masked."""
    response_status: Mapped[int | None]
    """The last response. It stays when a later attempt gets none."""
    response_body: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    """Why the last attempt failed, or why it was cancelled."""
    duration_ms: Mapped[int | None]
    """Of the attempt with the response, or of the last one if none had any."""
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    attempted_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)


class NotificationChoice(PortalScopedMixin, Base):
    """How often a user wants to be told of a kind of event. Without a row, the default of the kind applies."""

    __tablename__ = "notification_choices"
    __table_args__ = (
        Index("ix_notification_choices_kind", "portal_id", "kind"),
        CheckConstraint(check_in("cadence", *CADENCES), name="cadence"),
    )

    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    cadence: Mapped[str] = mapped_column(String(10))


class DigestItem(PortalScopedMixin, Base):
    """A notification that waits for the user's next digest."""

    __tablename__ = "digest_items"
    __table_args__ = (
        UniqueConstraint("user_id", "event_id", "kind"),
        Index("ix_digest_items_due", "due_at", "user_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(BigId)
    kind: Mapped[str] = mapped_column(String(40))
    post_id: Mapped[int | None] = mapped_column(BigId)
    subject_id: Mapped[int | None] = mapped_column(BigId)
    cadence: Mapped[str] = mapped_column(String(10))
    due_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    """When the digest that contains it is sent."""
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class OneTimeToken(PortalScopedMixin, Base):
    """A token that an email carries. Only its digest is stored, and it can be used once."""

    __tablename__ = "one_time_tokens"
    __table_args__ = (
        UniqueConstraint("digest"),
        Index("ix_one_time_tokens_user", "user_id", "purpose"),
        Index("ix_one_time_tokens_expires_at", "expires_at"),
        CheckConstraint(check_in("purpose", *TOKEN_PURPOSES), name="purpose"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(64))
    email: Mapped[str | None] = mapped_column(String(255))
    """The address that it confirms, or that it was sent to."""
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    expires_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    used_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    """When it was used, or ended by a newer one or a change of the user."""
