"""Puts ProductLift's dialect together: its chapters, its door, its document."""

from app.api.dialect import DialectApp
from app.api.openapi import OpenApiDocument
from app.api.productlift import openapi
from app.api.productlift.dialect import ProductLiftDialect
from app.api.productlift.routes.categories import categories_chapter
from app.api.productlift.routes.comments import comments_chapter
from app.api.productlift.routes.moderation import moderation_chapter
from app.api.productlift.routes.posts import posts_chapter
from app.api.productlift.routes.sections import sections_chapter
from app.api.productlift.routes.statuses import statuses_chapter
from app.api.productlift.routes.tabs import portal_chapter, tabs_chapter
from app.api.productlift.routes.users import users_chapter
from app.api.productlift.routes.votes import votes_chapter
from app.api.router import RouteTable
from app.api.services import Services

ROUTERS = (
    posts_chapter,
    votes_chapter,
    comments_chapter,
    users_chapter,
    categories_chapter,
    statuses_chapter,
    sections_chapter,
    tabs_chapter,
    moderation_chapter,
    portal_chapter,
)

RESERVED_PATHS = (
    "/posts/all",
    "/posts/search",
    "/users/groups-filter",
    "/users/plan-types",
    "/users/segment-metadata-keys",
    "/users/bulk-block",
    "/users/bulk-unblock",
    "/users/bulk-delete",
)
"""Addresses of later editions that look like one of ours. docs/contracts/productlift.md, section 9."""


def build(services: Services) -> tuple[DialectApp, OpenApiDocument]:
    """The dialect's door, and its document."""
    routers = [chapter.router for chapter in ROUTERS]
    dialect_app = DialectApp(services, ProductLiftDialect(services, RouteTable(routers, unserved=RESERVED_PATHS)))
    return dialect_app, openapi.document(services.rate_limits, services.public, routers)
