"""Puts Astuto's dialect together: its chapters, its door, its document."""

from app.api.astuto import introduction
from app.api.astuto.boards import boards_chapter
from app.api.astuto.comments import comments_chapter
from app.api.astuto.house import AstutoManners
from app.api.astuto.post_states import post_states_chapter
from app.api.astuto.posts import posts_chapter
from app.api.astuto.routes import AstutoRoutes
from app.api.astuto.statuses import statuses_chapter
from app.api.astuto.users import users_chapter
from app.api.astuto.votes import votes_chapter
from app.api.documents import Document
from app.api.door import Door
from app.api.services import Services

CHAPTERS = (
    boards_chapter,
    statuses_chapter,
    posts_chapter,
    post_states_chapter,
    comments_chapter,
    users_chapter,
    votes_chapter,
)


def build(services: Services) -> tuple[Door, Document]:
    """The dialect's door, and its document."""
    routers = [chapter.router for chapter in CHAPTERS]
    door = Door(services, AstutoManners(services, AstutoRoutes(routers)))
    return door, introduction.document(services.paces, services.public, routers)
