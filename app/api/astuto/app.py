"""Puts Astuto's dialect together: its routers, its application, its OpenAPI document."""

from app.api.astuto import openapi
from app.api.astuto.dialect import AstutoDialect
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes import boards, comments, post_states, posts, statuses, users, votes
from app.api.dialect import DialectApp
from app.api.openapi import OpenApiDocument
from app.api.services import Services

ROUTERS = (
    boards.router,
    statuses.router,
    posts.router,
    post_states.router,
    comments.router,
    users.router,
    votes.router,
)


def build(services: Services) -> tuple[DialectApp, OpenApiDocument]:
    """The application of the dialect, and its document."""
    dialect = AstutoDialect(services, AstutoRouter(routers=ROUTERS))
    return DialectApp(services, dialect), openapi.document(services.rate_limits, services.public, ROUTERS)
