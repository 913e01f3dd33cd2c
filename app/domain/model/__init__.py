"""Tables only: columns, constraints and indexes. No behaviour lives here."""

from app.domain.model.base import Base
from app.domain.model.feedback import Attachment, Comment, Follow, Post, PostCategory, StatusChange, Vote
from app.domain.model.installation import Installation
from app.domain.model.outgoing import FactRow
from app.domain.model.people import ApiKey, User
from app.domain.model.portal import Board, Category, Portal, Section, Status, Tab
from app.domain.model.search import TitleWord, TitleWordPosts, TitleWordSignature, WaitingTitle
from app.domain.model.tally import Tally

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
