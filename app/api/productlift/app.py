"""Puts ProductLift's dialect together: its routers, its application, its OpenAPI document."""

from app.api.dialect import DialectApp
from app.api.openapi import OpenApiDocument
from app.api.productlift import openapi
from app.api.productlift.dialect import ProductLiftDialect
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.routes import (
    all_posts,
    categories,
    comments,
    feedback,
    groups,
    moderation,
    post_search,
    posts,
    product_vision,
    publishing,
    sections,
    statuses,
    tabs,
    tags,
    text_assistance,
    user_bulk,
    user_filters,
    users,
    votes,
    widgets,
)
from app.api.services import Services

ROUTERS = (
    posts.router,
    all_posts.router,
    publishing.router,
    post_search.router,
    votes.router,
    comments.router,
    users.router,
    user_filters.router,
    user_bulk.router,
    groups.router,
    categories.router,
    tags.router,
    statuses.router,
    sections.router,
    tabs.router,
    moderation.router,
    feedback.router,
    product_vision.router,
    tabs.portal_router,
    text_assistance.router,
    widgets.router,
)


def build(services: Services) -> tuple[DialectApp, OpenApiDocument]:
    """The application of the dialect, and its document."""
    dialect = ProductLiftDialect(services, ProductLiftRouter(routers=ROUTERS))
    return DialectApp(services, dialect), openapi.document(services.rate_limits, services.public, ROUTERS)
