"""What the team plans with: the feedback inbox and the product vision."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.models.base import (
    UNBOUNDED,
    Base,
    BigId,
    Id,
    PortalScopedMixin,
    TimestampMixin,
    UtcTimestamp,
    check_in,
)

FEEDBACK_STATUSES = ("new", "reviewed", "archived")


class Feedback(PortalScopedMixin, TimestampMixin, Base):
    """Feedback that the team collects in its inbox, which visitors don't see."""

    __tablename__ = "feedback"
    __table_args__ = (
        Index("ix_feedback_newest", "portal_id", "created_at", "id"),
        Index("ix_feedback_user_id", "user_id"),
        Index("ix_feedback_post_id", "post_id"),
        CheckConstraint(check_in("status", *FEEDBACK_STATUSES), name="status"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    title: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text, info={UNBOUNDED: True})
    status: Mapped[str] = mapped_column(String(16), server_default="new")
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id", ondelete="SET NULL"))
    """Who gave the feedback."""
    post_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("posts.id", ondelete="SET NULL"))
    """The post that the feedback is about."""


class ProductVision(Base):
    """The product vision of a portal, which has at most one."""

    __tablename__ = "product_visions"

    portal_id: Mapped[int] = mapped_column(BigId, ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    title: Mapped[str] = mapped_column(Text, server_default="")
    content: Mapped[str] = mapped_column(Text, server_default="")
    vision: Mapped[str] = mapped_column(Text, server_default="")
    target_group: Mapped[str] = mapped_column(Text, server_default="")
    needs: Mapped[str] = mapped_column(Text, server_default="")
    product: Mapped[str] = mapped_column(Text, server_default="")
    business_goals: Mapped[str] = mapped_column(Text, server_default="")
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)
