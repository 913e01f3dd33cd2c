"""The tables: columns, constraints and indexes, without behaviour."""

from app.domain.models.base import Base
from app.domain.models.counters import PostCounter
from app.domain.models.events import EventRow
from app.domain.models.installation import Installation
from app.domain.models.outbox import Delivery, DigestItem, NotificationChoice, OneTimeToken, Webhook
from app.domain.models.planning import Feedback, ProductVision
from app.domain.models.portals import Board, Category, Portal, Section, Status, Tab, Tag, Widget
from app.domain.models.posts import Attachment, Comment, Follow, Post, PostCategory, PostTag, StatusChange, Vote
from app.domain.models.sign_in import AnonymousPost, Identity, IdentityProvider, Passkey, Session, SignInRequest
from app.domain.models.users import ApiKey, Group, GroupMember, User

__all__ = [
    "AnonymousPost",
    "ApiKey",
    "Attachment",
    "Base",
    "Board",
    "Category",
    "Comment",
    "Delivery",
    "DigestItem",
    "EventRow",
    "Feedback",
    "Follow",
    "Group",
    "GroupMember",
    "Identity",
    "IdentityProvider",
    "Installation",
    "NotificationChoice",
    "OneTimeToken",
    "Passkey",
    "Portal",
    "Post",
    "PostCategory",
    "PostCounter",
    "PostTag",
    "ProductVision",
    "Section",
    "Session",
    "SignInRequest",
    "Status",
    "StatusChange",
    "Tab",
    "Tag",
    "User",
    "Vote",
    "Webhook",
    "Widget",
]
