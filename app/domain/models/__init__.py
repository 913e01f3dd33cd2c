"""The tables: columns, constraints and indexes, without behaviour."""

from app.domain.models.base import Base
from app.domain.models.counters import PostCounter
from app.domain.models.events import EventRow
from app.domain.models.installation import Installation
from app.domain.models.portals import Board, Category, Portal, Section, Status, Tab
from app.domain.models.posts import Attachment, Comment, Follow, Post, PostCategory, StatusChange, Vote
from app.domain.models.users import ApiKey, User

__all__ = [
    "ApiKey",
    "Attachment",
    "Base",
    "Board",
    "Category",
    "Comment",
    "EventRow",
    "Follow",
    "Installation",
    "Portal",
    "Post",
    "PostCategory",
    "PostCounter",
    "Section",
    "Status",
    "StatusChange",
    "Tab",
    "User",
    "Vote",
]
