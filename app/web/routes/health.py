"""Whether the server lives, and whether it can work. Not counted: those who watch a server ask often."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.web.readiness import Readiness
from app.web.templating import text


def router(readiness: Readiness) -> APIRouter:
    """GET and HEAD /health and /health/ready."""
    routes = APIRouter()

    @routes.api_route("/health", methods=["GET", "HEAD"])
    async def health(request: Request) -> Response:
        """The process lives. docs/contracts/astuto.md, section 1.13."""
        return text("success")

    @routes.api_route("/health/ready", methods=["GET", "HEAD"])
    async def ready(request: Request) -> Response:
        """503 while nobody should be sent here, with what is amiss. docs/operating.md says what each member means."""
        state = await readiness.state()
        return JSONResponse(state._asdict(), 200 if state.ready else 503, {"Cache-Control": "no-store"})

    return routes
