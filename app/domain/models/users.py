"""Users and their API keys."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.models.base import (
    Base,
    BigId,
    Id,
    Name,
    PortalScopedMixin,
    TimestampMixin,
    UtcTimestamp,
    check_in,
    partial_index,
)
from app.domain.models.portals import DIALECTS

ROLES = ("user", "moderator", "admin", "owner")
"""Lowest to highest; each has all permissions of the lower ones."""

RECAPS = ("never", "daily", "weekly", "monthly")
KEY_SCHEMES = ("earshot", "astuto")


class User(PortalScopedMixin, TimestampMixin, Base):
    """A user. A deleted user stays as a tombstone: without e-mail address, with a fixed name and the same ids."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("uuid"),
        UniqueConstraint("portal_id", "email_key"),
        partial_index("uq_users_owner", "portal_id", where="role = 'owner'", unique=True),
        partial_index("uq_users_uid", "portal_id", "uid", where="uid is not null", unique=True),
        partial_index("uq_users_picture", "picture", where="picture is not null", unique=True),
        Index("ix_users_newest", "portal_id", "created_at", "id"),
        partial_index("ix_users_recap", "portal_id", where="recap <> 'never'"),
        CheckConstraint(check_in("role", *ROLES), name="role"),
        CheckConstraint(check_in("recap", *RECAPS), name="recap"),
        CheckConstraint("posts_count >= 0 and votes_count >= 0 and comments_count >= 0", name="counters"),
        CheckConstraint("deleted_at is null or email is null", name="tombstone"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    uuid: Mapped[str] = mapped_column(String(36))
    email: Mapped[str | None] = mapped_column(String(255))
    email_key: Mapped[str | None] = mapped_column(String(255))
    """The normalized address, by which addresses are compared."""
    name: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16), server_default="user")
    email_confirmed_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    """When the user showed that the address is theirs."""
    reset_requested_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    """When a visitor last asked for a link by email to choose a password."""
    confirmation_requested_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    """When a visitor last asked for a link by email to confirm the address."""
    signed_up_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    """When the user created the account on a page; None for accounts that the team or a server created, and for a
    confirmed account that they gave another address."""
    awaits_approval: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether the user signed up and may not sign in before the team approves the account."""
    locale: Mapped[str | None] = mapped_column(String(16))
    """The language of pages and emails; None for that of the portal."""
    picture: Mapped[str | None] = mapped_column(String(64))
    """The name of an uploaded file; it goes before `avatar_url`."""
    password_hash: Mapped[str | None] = mapped_column(String(255))
    notifications_enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    recap: Mapped[str] = mapped_column(String(16), server_default="never")
    posts_count: Mapped[int] = mapped_column(server_default=text("0"))
    votes_count: Mapped[int] = mapped_column(server_default=text("0"))
    comments_count: Mapped[int] = mapped_column(server_default=text("0"))
    blocked_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    uid: Mapped[str | None] = mapped_column(String(255))
    """The user's id in the customer's own system, which single sign-on sends."""
    avatar_url: Mapped[str | None] = mapped_column(Text)
    company: Mapped[str | None] = mapped_column(String(255))
    plan: Mapped[str | None] = mapped_column(String(255))
    mrr: Mapped[float | None]
    """Monthly recurring revenue, as `arr` is the annual one and `ltv` the lifetime value."""
    arr: Mapped[float | None]
    ltv: Mapped[float | None]
    segment_1: Mapped[str | None] = mapped_column(String(255))
    segment_2: Mapped[str | None] = mapped_column(String(255))
    segment_3: Mapped[str | None] = mapped_column(String(255))
    segment_4: Mapped[str | None] = mapped_column(String(255))
    segment_5: Mapped[str | None] = mapped_column(String(255))
    segment_6: Mapped[str | None] = mapped_column(String(255))
    segment_7: Mapped[str | None] = mapped_column(String(255))
    segment_8: Mapped[str | None] = mapped_column(String(255))
    segment_9: Mapped[str | None] = mapped_column(String(255))
    segment_10: Mapped[str | None] = mapped_column(String(255))


class Group(PortalScopedMixin, TimestampMixin, Base):
    """A set of users, filled by hand."""

    __tablename__ = "user_groups"
    __table_args__ = (UniqueConstraint("portal_id", "name_key"), {"sqlite_autoincrement": True})

    id: Mapped[Id]
    name: Mapped[Name]
    name_key: Mapped[Name]
    """The name in lower case, because names are unique regardless of case."""


class GroupMember(PortalScopedMixin, Base):
    """A user is a member of a group."""

    __tablename__ = "group_members"
    __table_args__ = (
        Index("ix_group_members_oldest", "group_id", "created_at", "user_id"),
        Index("ix_group_members_user_id", "user_id"),
    )

    group_id: Mapped[int] = mapped_column(BigId, ForeignKey("user_groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class ApiKey(PortalScopedMixin, Base):
    """A key for one dialect, which acts for one user. Only a keyed digest of it is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint(check_in("dialect", *DIALECTS), name="dialect"),
        CheckConstraint(check_in("scheme", *KEY_SCHEMES), name="scheme"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    dialect: Mapped[str] = mapped_column(String(16))
    scheme: Mapped[str] = mapped_column(String(16), server_default="earshot")
    """Which secret the digest was made with: this server's, or that of an imported installation."""
    digest: Mapped[str] = mapped_column(String(64))
    prefix: Mapped[str] = mapped_column(String(32))
    """The part of the key that may be shown and logged."""
    name: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    """From this time on the key is not valid; None for a key that does not expire."""
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)
