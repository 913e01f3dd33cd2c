"""The link by which a user signs in, once: from an email, or from the command of an operator."""

from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.domain.errors import Conflict
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import sign_in
from app.domain.users.sign_in_requests import RequestOwner
from app.public_url import SIGN_IN_LINK
from app.web import cookies
from app.web.browser_sessions import BrowserSessions, SignIn
from app.web.field_messages import translate
from app.web.forms import read_form, require_own_site
from app.web.portal_pages import PortalPages
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.sign_in import METHODS, SECRET_ADDRESS, STALE_FORM, SignInPages
from app.web.viewer import FORM_FIELD, Viewer, Viewers

TOKEN_STATUSES: Final = {"token.unknown": 404, "token.used": 410, "token.expired": 410}


def router(
    pages: PortalPages,
    viewers: Viewers,
    sign_in_pages: SignInPages,
    browser_sessions: BrowserSessions,
    database: Database,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /sign-in/link."""
    routes = APIRouter()

    @routes.api_route(SIGN_IN_LINK, methods=METHODS)
    async def link_page(request: Request) -> Response:
        """It changes nothing, because programs that scan mail open links."""
        viewer = await viewers.find(request)
        return await show(request, viewer, request.query_params.get("token", ""))

    @routes.post(SIGN_IN_LINK, dependencies=[Depends(form_limiter), Depends(require_own_site)])
    async def sign_in_by_link(request: Request) -> Response:
        viewer, form = await viewers.find(request), await read_form(request)
        token = form.get("token", "")
        if not viewers.is_own_form(viewer, form.get(FORM_FIELD, "")):
            return await show(request, viewer, token, status=422, error=translate(viewer.locale, STALE_FORM))

        def use_link(work: UnitOfWork) -> SignIn:
            owner = sign_in.use_link(work, token, browser_token=viewer.device_token or None)
            method = "link" if owner.email is None else "email"
            return browser_sessions.open(work, request, viewer, user_id=owner.user_id, method=method)

        try:
            signed_in = await database.write(use_link, viewer.operator_context)
        except Conflict as error:
            return refuse(request, viewer, error.code)
        return await sign_in_pages.finish(request, viewer, signed_in, cookies.read_path(request))

    async def show(request: Request, viewer: Viewer, token: str, *, status: int = 200, error: str = "") -> Response:
        def find_owner(work: UnitOfWork) -> RequestOwner:
            return sign_in.find_link_owner(work, token)

        try:
            owner = await database.read(find_owner, viewer.operator_context)
        except Conflict as conflict:
            return refuse(request, viewer, conflict.code)
        return pages.respond(
            request,
            viewers.with_device(viewer),
            "portal/sign_in_link.html",
            current="sign_in",
            status=status,
            headers=SECRET_ADDRESS,
            owner=owner,
            token=token,
            errors={"form": error} if error else {},
        )

    def refuse(request: Request, viewer: Viewer, refusal: str) -> Response:
        return pages.respond(
            request,
            viewer,
            "portal/sign_in_link_refusal.html",
            current="sign_in",
            status=TOKEN_STATUSES[refusal],
            headers=SECRET_ADDRESS,
            refusal=refusal,
        )

    return routes
