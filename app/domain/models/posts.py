"""Posts, and what belongs to them: votes, comments, follows, status changes, attachments."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
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
    partial_index,
    portal_key_on_sqlite,
)

MODERATION_STATES = ("approved", "pending", "rejected")

UNPOSITIONED = 2**62
"""The position of a post without one set by hand: after all posts with a position, then by id."""


class Post(PortalScopedMixin, TimestampMixin, Base):
    """A post. `id` is its number, `code` six random characters; a dialect shows the one or the other."""

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("portal_id", "code"),
        UniqueConstraint("portal_id", "slug"),
        Index("ix_posts_newest", "portal_id", "created_at", "id"),
        Index("ix_posts_updated", "portal_id", "updated_at", "id"),
        Index("ix_posts_status_changed", "portal_id", "status_changed_at", "id"),
        Index("ix_posts_votes", "portal_id", "votes_count", "id"),
        Index("ix_posts_comments", "portal_id", "comments_count", "id"),
        Index("ix_posts_position", "portal_id", "position", "id"),
        Index("ix_posts_board", "board_id", "created_at", "id"),
        Index("ix_posts_user", "user_id", "created_at", "id"),
        Index("ix_posts_status", "status_id", "created_at", "id"),
        partial_index("ix_posts_section", "section_id", "created_at", "id", where="section_id is not null"),
        partial_index("ix_posts_moderated", "portal_id", "moderation", "created_at", where="moderation <> 'approved'"),
        partial_index("ix_posts_unpublished", "portal_id", "id", where="published is false"),
        CheckConstraint(check_in("moderation", *MODERATION_STATES), name="moderation"),
        CheckConstraint("length(code) = 6", name="code"),
        CheckConstraint("votes_count >= 0 and comments_count >= 0 and views_count >= 0", name="counters"),
        {"sqlite_autoincrement": True, "postgresql_with": {"fillfactor": "85"}},
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(String(6))
    slug: Mapped[str] = mapped_column(Text)
    board_id: Mapped[int] = mapped_column(BigId, ForeignKey("boards.id"))
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id"))
    """The author; null is an anonymous post."""
    status_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("statuses.id"))
    section_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("sections.id", ondelete="SET NULL"))
    title: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text, info={UNBOUNDED: True})
    description_short: Mapped[str] = mapped_column(String(160), server_default="")
    changelog: Mapped[str] = mapped_column(Text, server_default="", info={UNBOUNDED: True})
    image: Mapped[str | None] = mapped_column(String(64))
    """The name of the stored file that is the main image."""
    moderation: Mapped[str] = mapped_column(String(16), server_default="approved")
    published: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether visitors can see the post once it is approved."""
    votes_count: Mapped[int] = mapped_column(server_default=text("0"))
    comments_count: Mapped[int] = mapped_column(server_default=text("0"))
    views_count: Mapped[int] = mapped_column(server_default=text("0"))
    tags_count: Mapped[int] = mapped_column(server_default=text("0"))
    position: Mapped[int] = mapped_column(BigInteger, server_default=text(str(UNPOSITIONED)))
    conversion: Mapped[float | None]
    impact: Mapped[int | None]
    confidence: Mapped[int | None]
    ease: Mapped[int | None]
    reach: Mapped[int | None]
    status_changed_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class PostCategory(Base):
    """A category of a post."""

    __tablename__ = "post_categories"
    __table_args__ = (Index("ix_post_categories_category_id", "category_id", "post_id"),)

    post_id: Mapped[int] = mapped_column(BigId, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    category_id: Mapped[int] = mapped_column(BigId, ForeignKey("categories.id", ondelete="CASCADE"), primary_key=True)


class PostTag(Base):
    """A tag of a post."""

    __tablename__ = "post_tags"
    __table_args__ = (Index("ix_post_tags_tag_id", "tag_id", "post_id"),)

    post_id: Mapped[int] = mapped_column(BigId, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(BigId, ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)


class Vote(PortalScopedMixin, TimestampMixin, Base):
    """A vote of a user, or an anonymous one; at most one for each user or anonymous id, and post."""

    __tablename__ = "votes"
    __table_args__ = (
        portal_key_on_sqlite(),
        UniqueConstraint("post_id", "user_id"),
        partial_index("uq_votes_anonymous", "post_id", "anonymous_id", where="anonymous_id is not null", unique=True),
        partial_index("ix_votes_anonymous", "portal_id", "anonymous_id", where="anonymous_id is not null"),
        # With the user, so that deep pages of the votes of users are read from the index alone.
        Index("ix_votes_newest", "portal_id", "created_at", "id", "user_id"),
        Index("ix_votes_user_id", "user_id"),
        CheckConstraint("(user_id is null) <> (anonymous_id is null)", name="voter"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    portal_id: Mapped[int] = mapped_column(BigId)
    post_id: Mapped[int] = mapped_column(BigId, ForeignKey("posts.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id"))
    anonymous_id: Mapped[str | None] = mapped_column(String(191))
    """What the client calls the voter of an anonymous vote; compared byte for byte."""


class Comment(PortalScopedMixin, TimestampMixin, Base):
    """A comment, threaded by its parent. Internal comments are for the team and are not counted."""

    __tablename__ = "comments"
    __table_args__ = (
        Index("ix_comments_newest", "portal_id", "created_at", "id"),
        Index("ix_comments_post", "post_id", "created_at", "id"),
        Index("ix_comments_user_id", "user_id"),
        Index("ix_comments_parent_id", "parent_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    post_id: Mapped[int] = mapped_column(BigId, ForeignKey("posts.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"))
    parent_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("comments.id", ondelete="SET NULL"))
    body: Mapped[str] = mapped_column(Text, info={UNBOUNDED: True})
    official: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether the comment is an official answer of the team."""
    internal: Mapped[bool] = mapped_column(server_default=text("false"))
    pinned: Mapped[bool] = mapped_column(server_default=text("false"))


class Follow(PortalScopedMixin, Base):
    """A user follows a post."""

    __tablename__ = "follows"
    __table_args__ = (Index("ix_follows_user_id", "user_id"),)

    post_id: Mapped[int] = mapped_column(BigId, ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class StatusChange(PortalScopedMixin, Base):
    """A change of a post's status: in whose name it happened, and who acted."""

    __tablename__ = "status_changes"
    __table_args__ = (
        Index("ix_status_changes_post_id", "post_id", "id"),
        # For the foreign keys: without them, each user or status that is deleted would be looked up in all rows.
        partial_index("ix_status_changes_user_id", "user_id", where="user_id is not null"),
        partial_index("ix_status_changes_actor_id", "actor_id", where="actor_id is not null"),
        partial_index("ix_status_changes_status_id", "status_id", where="status_id is not null"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    post_id: Mapped[int] = mapped_column(BigId, ForeignKey("posts.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id"))
    actor_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id"))
    status_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("statuses.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class Attachment(PortalScopedMixin, Base):
    """A stored file of a post: its main image, or a file attached to it."""

    __tablename__ = "attachments"
    __table_args__ = (
        UniqueConstraint("name"),
        Index("ix_attachments_post_id", "post_id"),
        CheckConstraint(check_in("kind", "image", "attachment"), name="kind"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    post_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("posts.id", ondelete="SET NULL"))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(64))
    """The random name under which the file is stored and served."""
    original_name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(127))
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
