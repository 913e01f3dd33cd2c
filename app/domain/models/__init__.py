"""Tables only: columns, constraints and indexes. No behaviour lives here."""

from app.domain.models.base import Base
from app.domain.models.counters import Tally
from app.domain.models.events import FactRow
from app.domain.models.installation import Installation
from app.domain.models.portals import Board, Category, Portal, Section, Status, Tab
from app.domain.models.posts import Attachment, Comment, Follow, Post, PostCategory, StatusChange, Vote
from app.domain.models.search import TitleWord, TitleWordPosts, TitleWordSignature, WaitingTitle
from app.domain.models.users import ApiKey, User

__all__ = [
    "ApiKey",
    "Attachment",
    "Base",
    "Board",
    "Category",
    "Comment",
    "FactRow",
    "Follow",
    "Installation",
    "Portal",
    "Post",
    "PostCategory",
    "Section",
    "Status",
    "StatusChange",
    "Tab",
    "Tally",
    "TitleWord",
    "TitleWordPosts",
    "TitleWordSignature",
    "User",
    "Vote",
    "WaitingTitle",
]
