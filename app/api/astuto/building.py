"""Puts Astuto's dialect together: its chapters, its door, its document."""

from app.api.astuto import introduction
from app.api.astuto.house import AstutoManners
from app.api.astuto.posts import posts_chapter
from app.api.astuto.votes import votes_chapter
from app.api.documents import Document
from app.api.door import Door
from app.api.routing import RouteTable
from app.api.services import Services

CHAPTERS = (posts_chapter, votes_chapter)


def build(services: Services) -> tuple[Door, Document]:
    """The dialect's door, and its document."""
    routers = [chapter.router for chapter in CHAPTERS]
    door = Door(services, AstutoManners(services, RouteTable(routers)))
    return door, introduction.document(services.paces, services.base_url, routers)
