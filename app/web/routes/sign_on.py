"""Single sign-on: verifies the token, creates or updates the user and signs them in.

docs/contracts/productlift.md, section 9.15.
"""

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters import sign_on_tokens
from app.adapters.database import Clock, Database, PortalContext
from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.adapters.sign_on_tokens import ExpiredSignOnToken, InvalidSignOnToken
from app.adapters.translations import N_
from app.domain.errors import Conflict
from app.domain.permissions import OPERATOR
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import sign_on
from app.domain.users.sign_on import SignOn
from app.http.request import RequestContext
from app.web.browser_sessions import BrowserSessions, SignIn
from app.web.portal_pages import PortalPages
from app.web.portals import find_portal_id
from app.web.routes.portal.sign_in import REFUSALS, SECRET_ADDRESS, SignInPages, login_path
from app.web.safe_paths import safe_path
from app.web.templating import TemplateRenderer
from app.web.viewer import Viewer, Viewers

PARAMETERS: Final = ("token", "sso_token", "jwt")
"""The names of the parameter with the token."""

SCRIPT_PATH: Final = "/widgets_sdk"
"""The script is the same for everybody, whatever its query."""

_CAUSES: Final = {
    "sign_on.team": "the user belongs to the team",
    "sign_on.blocked": "the user is blocked",
    "sign_on.email_taken": "another user has the e-mail address",
    "sign_in.awaits_approval": "the team has not approved the user",
}
"""For the log."""
_REASONS: Final = {
    "invalid": N_(
        "The link is not valid. Go back and sign in again; if that does not help, tell those who made the link."
    ),
    "expired": N_("The link has expired. Go back and sign in again."),
    "sign_on.team": N_("Members of the team do not sign in with such a link."),
    "sign_on.blocked": N_("This account is blocked."),
    "sign_on.email_taken": N_("Another account has this email address."),
    "unreadable": N_("This way to sign in does not work at the moment. The reason is in the log of the server."),
    **REFUSALS,
}

log = logging.getLogger("earshot.sign_on")


class SignOnRequested(Exception):
    """A page was requested with a token."""

    def __init__(self, path: str) -> None:
        self.path = path


class TokenRedirect:
    """A dependency of the pages: with a token they lead to the endpoint, if the portal has single sign-on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, request: Request) -> None:
        """Raise SignOnRequested."""
        token = _token(request.query_params)
        if token is None or request.method != "GET" or request.url.path == SCRIPT_PATH:
            return
        portal_id = await find_portal_id(self._database, request)
        if portal_id is None:
            return
        secret = await self._database.read(sign_on.get_secret, PortalContext(portal_id, OPERATOR))
        if secret is None:
            return
        rest = [(name, value) for name, value in request.query_params.multi_items() if name not in PARAMETERS]
        target = request.url.path + (f"?{urlencode(rest)}" if rest else "")
        raise SignOnRequested(f"/sso?{urlencode({'token': token, 'redirect': target})}")


def router(
    pages: PortalPages,
    viewers: Viewers,
    sign_in_pages: SignInPages,
    browser_sessions: BrowserSessions,
    database: Database,
    cipher: SecretCipher,
    clock: Clock,
) -> APIRouter:
    """GET /sso."""
    routes = APIRouter()

    def refuse(request: Request, viewer: Viewer, reason: str, cause: object, *, status: int = 403) -> Response:
        context: RequestContext = request.scope["earshot.request"]
        log.warning("sign-on was refused: %s (request %s, from %s)", cause, context.request_id, context.client_ip)
        target = safe_path(request.query_params.get("redirect"))
        if _is_embedded(target):
            return RedirectResponse(pages.link(target), 302, SECRET_ADDRESS)
        retry_path = login_path(target)
        return sign_in_pages.refuse(
            request, viewer, _REASONS[reason], status=status, refusal=reason, retry_path=retry_path
        )

    @routes.get("/sso")
    async def sign_on_by_token(request: Request) -> Response:
        viewer, token = await viewers.find(request), _token(request.query_params)
        context = viewer.operator_context
        stored = await database.read(sign_on.get_secret, context)
        if stored is None:
            raise HTTPException(404)
        target = safe_path(request.query_params.get("redirect"))

        def sign_in(work: UnitOfWork, who: SignOn) -> SignIn:
            user = sign_on.sign_on(work, who)
            if _is_embedded(target):
                # A frame on another site gets no cookies.
                return SignIn()
            return browser_sessions.open(work, request, viewer, user_id=user.id, method="sign_on")

        try:
            if token is None:
                raise InvalidSignOnToken("there is no token")
            who = sign_on_tokens.verify(token, cipher.decrypt(stored), now=clock())
            signed_in = await database.write(lambda work: sign_in(work, who), context)
        except UnreadableSecret:
            cause = "the secret of sign-on was encrypted with another secret of the server"
            return refuse(request, viewer, "unreadable", cause, status=503)
        except InvalidSignOnToken as error:
            return refuse(request, viewer, "expired" if isinstance(error, ExpiredSignOnToken) else "invalid", error)
        except Conflict as error:
            return refuse(request, viewer, error.code, _CAUSES[error.code])
        if signed_in.refusal:
            return refuse(request, viewer, signed_in.refusal, _CAUSES[signed_in.refusal])
        response = RedirectResponse(pages.link(target), 302, SECRET_ADDRESS)
        return browser_sessions.respond(request, viewer, response, signed_in)

    return routes


def redirect_to_sign_on(pages: TemplateRenderer, requested: SignOnRequested) -> Response:
    """The response to a page that was requested with a token."""
    return RedirectResponse(pages.link(requested.path), 302, SECRET_ADDRESS)


def _is_embedded(path: str) -> bool:
    """Whether the path is that of an embedded page. No site may show the page of sign-on in a frame."""
    return "widget_id" in parse_qs(urlsplit(path).query)


def _token(params: Mapping[str, str]) -> str | None:
    return next((params[name] for name in PARAMETERS if params.get(name)), None)
