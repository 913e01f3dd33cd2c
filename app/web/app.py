"""Puts the pages together: their FastAPI application, its routes and its error pages."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import PortalContext
from app.api.openapi import OpenApiDocument
from app.api.services import Services
from app.domain.errors import ServiceUnavailable
from app.domain.permissions import OPERATOR
from app.domain.posts import attachments
from app.web.rate_limit import PageRateLimit
from app.web.readiness import Readiness
from app.web.rendered_texts import RenderedTexts
from app.web.routes import assets, documents, health, pages, uploads
from app.web.routes.assets import Assets
from app.web.routes.pages import portal_for_host
from app.web.routes.uploads import FileRow
from app.web.templating import TemplateRenderer, host_of


def build(
    services: Services,
    told: Sequence[OpenApiDocument],
    readiness: Readiness,
    texts: RenderedTexts,
    *,
    pace: str | None,
    redis_url: str | None,
) -> FastAPI:
    """The application for everything that neither dialect answers. Its scopes carry the dispatcher's `Visit`.

    `pace` is how often one address may ask, None for as often as it likes.
    """
    drawn = TemplateRenderer(Assets(), services.public)
    guard = PageRateLimit(pace, redis_url=redis_url, clock=services.clock, refusal=drawn.too_many_requests)
    database = services.database

    async def find_file(request: Request, name: str) -> FileRow | None:
        portal_id = await portal_for_host(database, host_of(request))
        if portal_id is None:
            return None
        row = await database.read(lambda work: attachments.find(work, name), PortalContext(portal_id, OPERATOR))
        if row is None:
            return None
        media_type, original_name, moderation = row
        public, given = moderation == attachments.PUBLIC, request.query_params
        if not public and not services.signer.is_valid(name, given.get("expires", ""), given.get("signature", "")):
            return None
        return FileRow(media_type, original_name, public)

    app = FastAPI(title="Earshot", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(health.router(readiness))
    app.include_router(pages.router(drawn, database, guard, services.views, texts))
    app.include_router(documents.router(drawn, told, guard))
    app.include_router(uploads.router(services.uploads.files, find_file, guard))
    app.include_router(assets.router(drawn.assets, guard))
    _refuse_nicely(app, drawn, guard)
    return app


def _refuse_nicely(app: FastAPI, drawn: TemplateRenderer, guard: PageRateLimit) -> None:
    @guard
    async def unknown(request: Request) -> Response:
        """Whatever no route answers; counted like the rest."""
        return drawn.error(request.state.refused.status_code, headers=request.state.refused.headers)

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, refused: HTTPException) -> Response:
        request.state.refused = refused
        return await unknown(request=request)

    @app.exception_handler(ServiceUnavailable)
    async def unavailable(request: Request, error: ServiceUnavailable) -> Response:
        return drawn.error(503, headers={"Retry-After": "2"})

    @app.exception_handler(Exception)
    async def crashed(request: Request, error: Exception) -> Response:
        return drawn.error(500)
