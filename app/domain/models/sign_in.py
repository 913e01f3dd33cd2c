"""How users sign in on the pages of a portal, and what belongs to a browser without a user."""

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

SIGN_IN_METHODS = ("password", "email", "provider", "passkey", "sign_on", "link")
"""`email` is a link or a code in an email, `sign_on` a token of single sign-on, `link` one that the operator made."""


class Session(PortalScopedMixin, Base):
    """A browser in which a user is signed in. Only the SHA-256 of the cookie's token is stored."""

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("digest"),
        Index("ix_sessions_user", "user_id"),
        Index("ix_sessions_expires_at", "expires_at"),
        CheckConstraint(check_in("method", *SIGN_IN_METHODS), name="method"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(16))
    user_agent: Mapped[str] = mapped_column(String(255))
    """As the browser named itself at sign-in, so that the user recognizes the session."""
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    last_used_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    """Exact to some minutes, because a page must not write at each request."""
    expires_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class SignInRequest(PortalScopedMixin, Base):
    """A link and a code of six digits that are sent by email; one of them signs in, once.

    Also what others have signed, such as a token of single sign-on, once it has signed somebody in.
    """

    __tablename__ = "sign_in_requests"
    __table_args__ = (
        UniqueConstraint("link_digest"),
        Index("ix_sign_in_requests_user", "user_id"),
        Index("ix_sign_in_requests_expires_at", "expires_at"),
        partial_index("ix_sign_in_requests_browser", "browser_digest", where="browser_digest is not null"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    email: Mapped[str | None] = mapped_column(String(255))
    """The address that it is sent to; None for what is not sent by email, such as a link that the operator made."""
    link_digest: Mapped[str | None] = mapped_column(String(64))
    """None until the email is made."""
    code_digest: Mapped[str | None] = mapped_column(String(64))
    browser_digest: Mapped[str | None] = mapped_column(String(64))
    """Of the cookie of the browser that asked: only there the code may be entered."""
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    """Wrong codes that were entered so far."""
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    """When the visitor asked; the link and the code are made a moment later, with the email."""
    expires_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    used_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)


class Passkey(PortalScopedMixin, Base):
    """A WebAuthn credential of a user."""

    __tablename__ = "passkeys"
    __table_args__ = (
        UniqueConstraint("portal_id", "credential_id"),
        Index("ix_passkeys_user", "user_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    credential_id: Mapped[str] = mapped_column(Text)
    """Base64url, as `public_key`."""
    public_key: Mapped[str] = mapped_column(Text)
    sign_count: Mapped[int] = mapped_column(BigId, server_default=text("0"))
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTimestamp)


class IdentityProvider(PortalScopedMixin, TimestampMixin, Base):
    """An OpenID Connect provider by which users of the portal sign in."""

    __tablename__ = "identity_providers"
    __table_args__ = (
        UniqueConstraint("portal_id", "name"),
        UniqueConstraint("portal_id", "issuer", "client_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100))
    """On the button of the sign-in page."""
    issuer: Mapped[str] = mapped_column(String(255))
    """Its URL, below which the provider's metadata is found."""
    client_id: Mapped[str] = mapped_column(String(255))
    client_secret: Mapped[str | None] = mapped_column(Text)
    """Encrypted with the secret key of the server."""
    scopes: Mapped[str] = mapped_column(String(255), server_default="openid email profile")
    groups_claim: Mapped[str | None] = mapped_column(String(100))
    """The claim that has the user's groups; None to leave roles alone."""
    roles: Mapped[str] = mapped_column(Text, server_default="{}")
    """JSON: the role of each group."""
    is_enabled: Mapped[bool] = mapped_column(server_default=text("true"))


class Identity(PortalScopedMixin, Base):
    """A user as a provider knows them."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("provider_id", "subject"),
        Index("ix_identities_user", "user_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    provider_id: Mapped[int] = mapped_column(BigId, ForeignKey("identity_providers.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    last_used_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class AnonymousPost(PortalScopedMixin, Base):
    """A post from a browser without a user, which becomes the user's when somebody signs in there."""

    __tablename__ = "anonymous_posts"
    __table_args__ = (Index("ix_anonymous_posts_device", "portal_id", "device_digest"),)

    post_id: Mapped[int] = mapped_column(BigId, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    device_digest: Mapped[str] = mapped_column(String(64))
    """The SHA-256 of the token in the browser's cookie; `votes.anonymous_id` contains it too."""
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
