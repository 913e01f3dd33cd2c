"""Whether the server lives, and whether it can work. Not counted: those who watch a server ask often."""

import asyncio
from typing import Final, Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.adapters.database import NOWHERE, Database
from app.domain import portals
from app.domain.refusals import Unavailable
from app.web.rendering import text

PATIENCE_SECONDS: Final = 3.0


class Watched(Protocol):
    """What may be asked whether it answers."""

    async def answers(self) -> bool | None:
        """True, False, or None when there is nothing to ask."""
        ...


def router(database: Database, redis: Watched) -> APIRouter:
    """GET and HEAD /health and /health/ready."""
    routes = APIRouter()

    @routes.api_route("/health", methods=["GET", "HEAD"])
    async def health(request: Request) -> Response:
        """The process lives. docs/contracts/astuto.md, section 1.13."""
        return text("success")

    @routes.api_route("/health/ready", methods=["GET", "HEAD"])
    async def ready(request: Request) -> Response:
        """503 while the database does not answer. Without Redis requests are served, so it is only told."""
        database_answers, redis_answers = await asyncio.gather(_reads(database), redis.answers())
        told = {"ready": database_answers, "database": database_answers, "redis": redis_answers}
        return JSONResponse(told, 200 if database_answers else 503, {"Cache-Control": "no-store"})

    return routes


async def _reads(database: Database) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await database.reading(portals.count, NOWHERE)
    except (Unavailable, TimeoutError):
        return False
    return True
