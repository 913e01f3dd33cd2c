"""Puts the pages together: their FastAPI application, its routes and its error pages."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Standing
from app.api.openapi import Document
from app.api.services import Services
from app.domain.errors import Unavailable
from app.domain.permissions import OPERATOR
from app.domain.posts import attachments
from app.web.rate_limit import Guard
from app.web.readiness import Readiness
from app.web.rendered_texts import FormattedTexts
from app.web.routes import assets, documents, health, pages, uploads
from app.web.routes.assets import Assets
from app.web.routes.pages import portal_on
from app.web.routes.uploads import FileRow
from app.web.templating import Pages, host_of


def build(
    services: Services,
    told: Sequence[Document],
    readiness: Readiness,
    texts: FormattedTexts,
    *,
    pace: str | None,
    redis_url: str | None,
) -> FastAPI:
    """The application for everything that neither dialect answers. Its scopes carry the dispatcher's `Visit`.

    `pace` is how often one address may ask, None for as often as it likes.
    """
    drawn = Pages(Assets(), services.public)
    guard = Guard(pace, redis_url=redis_url, clock=services.clock, refusal=drawn.too_often)
    database = services.database

    async def find_file(request: Request, name: str) -> FileRow | None:
        portal_id = await portal_on(database, host_of(request))
        if portal_id is None:
            return None
        row = await database.reading(lambda work: attachments.find(work, name), Standing(portal_id, OPERATOR))
        if row is None:
            return None
        media_type, original_name, moderation = row
        public, given = moderation == attachments.PUBLIC, request.query_params
        if not public and not services.signer.accepts(name, given.get("expires", ""), given.get("signature", "")):
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


def _refuse_nicely(app: FastAPI, drawn: Pages, guard: Guard) -> None:
    @guard
    async def unknown(request: Request) -> Response:
        """Whatever no route answers; counted like the rest."""
        return drawn.refusal(request.state.refused.status_code, headers=request.state.refused.headers)

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, refused: HTTPException) -> Response:
        request.state.refused = refused
        return await unknown(request=request)

    @app.exception_handler(Unavailable)
    async def unavailable(request: Request, error: Unavailable) -> Response:
        return drawn.refusal(503, headers={"Retry-After": "2"})

    @app.exception_handler(Exception)
    async def crashed(request: Request, error: Exception) -> Response:
        return drawn.refusal(500)
