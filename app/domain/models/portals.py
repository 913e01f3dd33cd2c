"""The portal and its catalogue: boards, tabs, statuses, sections, categories, tags; its widgets."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.domain.models.base import Base, BigId, Id, Name, PortalScopedMixin, TimestampMixin, check_in, partial_index

HEX_COLOR = "color like '#___' or color like '#______'"

TAB_TYPES = ("feedback", "roadmap", "changelog", "knowledgebase")
MODERATION_POLICIES = ("never", "anonymous", "always")
DIALECTS = ("productlift", "astuto")
WIDGET_TYPES = ("widget", "sidebar", "embed")
SIGN_UP_POLICIES = ("open", "approval", "closed")


class Portal(TimestampMixin, Base):
    """A feedback portal. All other rows belong to exactly one."""

    __tablename__ = "portals"
    __table_args__ = (
        UniqueConstraint("guid"),
        UniqueConstraint("host"),
        CheckConstraint(check_in("moderation_policy", *MODERATION_POLICIES), name="moderation_policy"),
        CheckConstraint(check_in("default_dialect", *DIALECTS), name="default_dialect"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    guid: Mapped[str] = mapped_column(String(36))
    title: Mapped[Name]
    locale: Mapped[str] = mapped_column(String(16), server_default="en")
    host: Mapped[str | None] = mapped_column(String(255))
    default_dialect: Mapped[str | None] = mapped_column(String(16))
    moderation_policy: Mapped[str] = mapped_column(String(16), server_default="anonymous")
    is_private: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether only signed-in users may read it; the public JSON is off then."""
    invite_message: Mapped[str | None] = mapped_column(Text)
    """The default text of an invitation."""
    sso_secret: Mapped[str | None] = mapped_column(Text)
    """The secret of single sign-on, encrypted with the secret key of the server."""
    webhook_secret: Mapped[str | None] = mapped_column(Text)
    """The secret that signs webhook calls, encrypted with the secret key of the server."""
    accent_color: Mapped[str | None] = mapped_column(String(7))
    """The colour of buttons and links; None for the default."""
    welcome_text: Mapped[str | None] = mapped_column(Text)
    """Markdown above the list of posts."""
    sign_up: Mapped[str] = mapped_column(String(16), server_default="open")
    """Who may create an account: everybody, everybody with the team's approval, or nobody.

    No CHECK, because SQLite would have to copy the table to add one.
    """
    sign_up_domains: Mapped[str | None] = mapped_column(Text)
    """JSON: the domains of the addresses that may sign up; None for all."""
    allows_anonymous_posts: Mapped[bool] = mapped_column(server_default=text("false"))
    allows_anonymous_votes: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether visitors of the pages may post or vote without an account."""
    shows_voters: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether everybody may see who voted for a post; otherwise only the team."""


class Board(PortalScopedMixin, TimestampMixin, Base):
    """A list of posts; every post belongs to exactly one board."""

    __tablename__ = "boards"
    __table_args__ = (
        UniqueConstraint("portal_id", "name"),
        UniqueConstraint("portal_id", "slug"),
        partial_index("uq_boards_default", "portal_id", where="is_default", unique=True),
        CheckConstraint("length(description) <= 1024", name="description"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(Text)
    slug: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int]
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))


class Tab(PortalScopedMixin, TimestampMixin, Base):
    """A page of the portal; it shows the posts whose status is assigned to it."""

    __tablename__ = "tabs"
    __table_args__ = (
        UniqueConstraint("portal_id", "url"),
        CheckConstraint(check_in("type", *TAB_TYPES), name="type"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    name: Mapped[Name]
    url: Mapped[str] = mapped_column(String(191))
    type: Mapped[str] = mapped_column(String(16), server_default="feedback")
    position: Mapped[int]


class Status(PortalScopedMixin, TimestampMixin, Base):
    """The progress of a post, such as planned or completed. One of the portal may be the default for new posts."""

    __tablename__ = "statuses"
    __table_args__ = (
        UniqueConstraint("portal_id", "name"),
        partial_index("uq_statuses_default", "portal_id", where="is_default", unique=True),
        Index("ix_statuses_tab_id", "tab_id"),
        CheckConstraint(HEX_COLOR, name="color"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    tab_id: Mapped[int] = mapped_column(BigId, ForeignKey("tabs.id"))
    name: Mapped[Name]
    color: Mapped[str] = mapped_column(String(7))
    text_color: Mapped[str | None] = mapped_column(String(7))
    position: Mapped[int]
    show_in_roadmap: Mapped[bool] = mapped_column(server_default=text("false"))
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    is_voteable: Mapped[bool] = mapped_column(server_default=text("true"))


class Section(PortalScopedMixin, TimestampMixin, Base):
    """An ordering group inside a tab; sections nest."""

    __tablename__ = "sections"
    __table_args__ = (Index("ix_sections_tab_id", "tab_id"), {"sqlite_autoincrement": True})

    id: Mapped[Id]
    tab_id: Mapped[int] = mapped_column(BigId, ForeignKey("tabs.id"))
    parent_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("sections.id", ondelete="SET NULL"), index=True)
    title: Mapped[Name]
    position: Mapped[int]


class LabelMixin(PortalScopedMixin, TimestampMixin):
    """A label of posts: a name that is unique in the portal regardless of case, and a color."""

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:
        # A function, because each table needs constraints of its own.
        return (
            UniqueConstraint("portal_id", "name_key"),
            CheckConstraint(HEX_COLOR, name="color"),
            {"sqlite_autoincrement": True},
        )

    id: Mapped[Id]
    name: Mapped[Name]
    name_key: Mapped[Name]
    """The name in lower case."""
    color: Mapped[str] = mapped_column(String(7))


class Category(LabelMixin, Base):
    """A label that visitors see; a post may have several."""

    __tablename__ = "categories"


class Tag(LabelMixin, Base):
    """A label for the team, which visitors don't see; a post may have several."""

    __tablename__ = "tags"


class Widget(PortalScopedMixin, TimestampMixin, Base):
    """A board of the portal inside a page of the customer."""

    __tablename__ = "widgets"
    __table_args__ = (
        UniqueConstraint("uuid"),
        Index("ix_widgets_portal_id", "portal_id", "name"),
        CheckConstraint(check_in("type", *WIDGET_TYPES), name="type"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    uuid: Mapped[str] = mapped_column(String(36))
    name: Mapped[Name]
    type: Mapped[str] = mapped_column(String(16))
    tab_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("tabs.id", ondelete="SET NULL"), index=True)
    """The tab that it opens; None for the first one."""
    frame_ancestors: Mapped[str] = mapped_column(Text, server_default="*")
    """The origins that may frame it, as in a Content-Security-Policy."""
