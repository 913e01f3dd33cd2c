"""Puts the pages together: their FastAPI application, its routes and its error pages."""

from collections.abc import Sequence

import anyio.to_thread
from fastapi import Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import PortalContext
from app.api.openapi import OpenApiDocument
from app.api.services import Services
from app.domain.errors import ServiceUnavailable
from app.domain.permissions import OPERATOR
from app.domain.posts import attachments
from app.web.portal_language import PortalLanguage
from app.web.public_address import PublicAddress
from app.web.rate_limit import FORM_LIMIT, FORM_SCOPE, PageRateLimit
from app.web.readiness import Readiness
from app.web.rendered_texts import RenderedTexts
from app.web.routes import (
    accounts,
    assets,
    documents,
    health,
    notifications,
    pages,
    public_json,
    sign_on,
    uploads,
    widgets,
)
from app.web.routes.assets import Assets
from app.web.routes.pages import find_portal_id
from app.web.routes.sign_on import SignOnRequested, TokenRedirect
from app.web.routes.uploads import FileRow
from app.web.templating import TemplateRenderer


def build(
    services: Services,
    api_documents: Sequence[OpenApiDocument],
    readiness: Readiness,
    texts: RenderedTexts,
    *,
    rate_limit: str | None,
    redis_url: str | None,
) -> FastAPI:
    """The application for everything that neither dialect serves. Its scopes carry the dispatcher's `RequestContext`.

    `rate_limit` bounds the requests of one address; None is no limit.
    """
    renderer = TemplateRenderer(Assets(), services.public)
    limiter = PageRateLimit(rate_limit, redis_url=redis_url)
    form_limit = None if rate_limit is None else FORM_LIMIT
    form_limiter = PageRateLimit(form_limit, redis_url=redis_url, scope=FORM_SCOPE)
    database = services.database
    public_address = PublicAddress(services.public, database)
    language = PortalLanguage(database)

    async def find_file(request: Request, name: str) -> FileRow | None:
        portal_id = await find_portal_id(database, request)
        if portal_id is None:
            return None
        row = await database.read(lambda work: attachments.find(work, name), PortalContext(portal_id, OPERATOR))
        if row is None:
            return None
        media_type, original_name, public = row
        params = request.query_params
        if not public and not services.signer.is_valid(name, params.get("expires", ""), params.get("signature", "")):
            return None
        return FileRow(media_type, original_name, bool(public))

    app = FastAPI(title="Earshot", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(health.router(readiness))
    app.include_router(public_json.router(services, public_address))
    token_redirect = TokenRedirect(database)
    for content in (
        pages.router(renderer, database, api_documents, public_address, services.views, texts),
        widgets.router(renderer, database),
    ):
        app.include_router(content, dependencies=[Depends(limiter), Depends(token_redirect)])
    for router in (
        accounts.router(renderer, database, services.passwords, public_address, form_limiter, language),
        notifications.router(renderer, database, services.unsubscribe_tokens, form_limiter, language),
        sign_on.router(renderer, database, services.cipher, services.clock),
        documents.router(renderer, api_documents, public_address),
        uploads.router(services.uploads.files, find_file),
        assets.router(renderer.assets),
    ):
        app.include_router(router, dependencies=[Depends(limiter)])
    _add_error_pages(app, renderer, limiter, language)
    return app


def _add_error_pages(
    app: FastAPI, renderer: TemplateRenderer, limiter: PageRateLimit, language: PortalLanguage
) -> None:
    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        """No route, or too many requests."""
        if error.status_code != 429:
            # The rate limit is a dependency of the routes, so a request without a route has not been counted yet.
            try:
                await anyio.to_thread.run_sync(limiter, request)
            except HTTPException as too_many_requests:
                error = too_many_requests
        locale = await language.find(request)
        return renderer.error(error.status_code, headers=error.headers, locale=locale)

    @app.exception_handler(SignOnRequested)
    async def sign_on_requested(request: Request, requested: SignOnRequested) -> Response:
        return sign_on.redirect_to_sign_on(renderer, requested)

    @app.exception_handler(ServiceUnavailable)
    async def unavailable(request: Request, error: ServiceUnavailable) -> Response:
        return renderer.error(503, headers={"Retry-After": "2"}, locale=language.recall(request))

    @app.exception_handler(Exception)
    async def server_error(request: Request, error: Exception) -> Response:
        return renderer.error(500, locale=language.recall(request))
