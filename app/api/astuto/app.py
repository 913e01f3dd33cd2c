"""Puts Astuto's dialect together: its chapters, its door, its document."""

from app.api.astuto import openapi
from app.api.astuto.dialect import AstutoDialect
from app.api.astuto.routes.boards import boards_chapter
from app.api.astuto.routes.comments import comments_chapter
from app.api.astuto.routes.post_states import post_states_chapter
from app.api.astuto.routes.posts import posts_chapter
from app.api.astuto.routes.statuses import statuses_chapter
from app.api.astuto.routes.users import users_chapter
from app.api.astuto.routes.votes import votes_chapter
from app.api.dialect import DialectApp
from app.api.openapi import OpenApiDocument
from app.api.router import MethodNotAllowed, RouteMatch, RouteTable
from app.api.services import Services

ROUTERS = (
    boards_chapter,
    statuses_chapter,
    posts_chapter,
    post_states_chapter,
    comments_chapter,
    users_chapter,
    votes_chapter,
)


def build(services: Services) -> tuple[DialectApp, OpenApiDocument]:
    """The dialect's door, and its document."""
    routers = [chapter.router for chapter in ROUTERS]
    dialect_app = DialectApp(services, AstutoDialect(services, AstutoRoutes(routers)))
    return dialect_app, openapi.document(services.rate_limits, services.public, routers)


class AstutoRoutes(RouteTable):
    """`/boards/`, `/posts/3.json` and `/boards.xml` are the same as without; the answer is JSON each time."""

    def find(self, method: str, path: str) -> RouteMatch | MethodNotAllowed | None:
        """See `RouteTable.find`. What is cut off is no part of an id either."""
        return super().find(method, _plain(path))


def _plain(path: str) -> str:
    if path[-1] != "/" and "." not in path:
        return path
    above, slash, last = path.rstrip("/").rpartition("/")
    name, dot, suffix = last.rpartition(".")
    # `/posts/.json` has no id, and `/posts/3.` no format.
    return f"{above}{slash}{name}" if dot and name and suffix else f"{above}{slash}{last}"
