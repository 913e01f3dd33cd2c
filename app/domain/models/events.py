"""Events: stored in the transaction of the change, delivered by mail or webhook afterwards."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.models.base import (
    Base,
    BigId,
    Id,
    PortalScopedMixin,
    UtcTimestamp,
    check_in,
    partial_index,
    portal_key_on_sqlite,
)

ACCOUNT_EVENTS = (
    "user.invited",
    "user.password_reset_requested",
    "user.confirmation_requested",
    "user.email_changed",
    "user.password_changed",
)
"""The kinds of events that cause mail about accounts, for which somebody may be waiting."""


class EventRow(PortalScopedMixin, Base):
    """One event. Its other ids are no foreign keys, because an event outlives the rows that it refers to."""

    __tablename__ = "facts"
    __table_args__ = (
        portal_key_on_sqlite(),
        partial_index("ix_facts_waiting", "portal_id", "id", where="expanded_at is null"),
        partial_index(
            "ix_facts_account",
            "id",
            where=f"expanded_at is null and {check_in('kind', *ACCOUNT_EVENTS)}",
        ),
        partial_index("ix_facts_post_deleted", "post_id", "id", where="kind = 'post.deleted'"),
        partial_index("ix_facts_comment_deleted", "subject_id", "id", where="kind = 'comment.deleted'"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    portal_id: Mapped[int] = mapped_column(BigId)
    kind: Mapped[str] = mapped_column(String(32))
    post_id: Mapped[int | None] = mapped_column(BigId)
    subject_id: Mapped[int | None] = mapped_column(BigId)
    """The vote, comment, status or user, depending on the kind."""
    user_id: Mapped[int | None] = mapped_column(BigId)
    """The user in whose name it happened."""
    actor_id: Mapped[int | None] = mapped_column(BigId)
    """The user who acted; differs from `user_id` when that user was impersonated."""
    body: Mapped[str | None] = mapped_column(Text)
    """JSON: what can't be looked up later, such as the title of a deleted post."""
    base_url: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    expanded_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
