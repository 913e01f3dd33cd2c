"""Health checks, without a rate limit, since monitoring sends many requests."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.web.readiness import Readiness


def router(readiness: Readiness) -> APIRouter:
    """GET and HEAD /health and /health/ready."""
    routes = APIRouter()

    @routes.api_route("/health", methods=["GET", "HEAD"])
    async def health(request: Request) -> Response:
        """The process is alive. docs/contracts/astuto.md, section 1.13."""
        return PlainTextResponse("success", headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})

    @routes.api_route("/health/ready", methods=["GET", "HEAD"])
    async def ready(request: Request) -> Response:
        """503 while the process should get no requests. docs/operating/monitoring.md describes each member."""
        state = await readiness.state()
        return JSONResponse(state._asdict(), 200 if state.ready else 503, {"Cache-Control": "no-store"})

    return routes
