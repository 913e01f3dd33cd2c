"""Single sign-on: verifies the token, creates or updates the user and signs them in.

docs/contracts/productlift.md, section 9.15.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters import sign_on_tokens
from app.adapters.database import Clock, Database, PortalContext
from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.adapters.sign_on_tokens import ExpiredSignOnToken, InvalidSignOnToken, VerifiedToken
from app.adapters.translations import N_
from app.domain.errors import Conflict
from app.domain.permissions import OPERATOR
from app.domain.posts import devices
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import sign_on
from app.http.request import RequestContext
from app.web.browser_sessions import BrowserSessions, SignIn
from app.web.field_messages import translate
from app.web.forms import MAX_FORM_BYTES, read_form, require_own_site
from app.web.portal_pages import PortalPages
from app.web.portals import find_portal_id
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.sign_in import REFUSALS, SECRET_ADDRESS, STALE_FORM, SignInPages, login_path
from app.web.safe_paths import safe_path
from app.web.templating import TemplateRenderer
from app.web.viewer import FORM_FIELD, Viewer, Viewers

PARAMETERS: Final = ("token", "sso_token", "jwt")
"""The names of the parameter with the token."""

SCRIPT_PATH: Final = "/widgets_sdk"
"""The script is the same for everybody, whatever its query."""

_CAUSES: Final = {
    "sign_on.team": "the user belongs to the team",
    "sign_on.blocked": "the user is blocked",
    "sign_on.email_taken": "another user has the e-mail address",
    "sign_on.used": "the token has signed somebody in before",
    "sign_in.awaits_approval": "the team has not approved the user",
}
"""For the log."""
_REASONS: Final = {
    "invalid": N_(
        "The link is not valid. Go back and sign in again; if that does not help, tell those who made the link."
    ),
    "expired": N_("The link has expired. Go back and sign in again."),
    "sign_on.used": N_("The link was used already. Go back and sign in again."),
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


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request with a token: by a link, or by the form of the page that asks first."""

    request: Request
    viewer: Viewer
    token: str | None
    target: str
    """Where the user goes afterwards."""
    is_confirmed: bool
    """Whether the user has sent the form."""

    @property
    def is_embedded(self) -> bool:
        """Whether the target is an embedded page. No site may show the page of sign-on in a frame."""
        return "widget_id" in parse_qs(urlsplit(self.target).query)


@dataclass(frozen=True, slots=True)
class _Question:
    """The user must confirm the sign-in as `name` first."""

    name: str
    has_claims: bool
    """Whether the posts and votes of the browser would become those of the user."""


def router(
    pages: PortalPages,
    viewers: Viewers,
    sign_in_pages: SignInPages,
    browser_sessions: BrowserSessions,
    database: Database,
    cipher: SecretCipher,
    clock: Clock,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET and POST of /sso."""
    routes = APIRouter()

    @routes.get("/sso")
    async def sign_on_by_link(request: Request) -> Response:
        viewer, params = await viewers.find(request), request.query_params
        return await respond(_Visit(request, viewer, _token(params), safe_path(params.get("redirect")), False))

    @routes.post("/sso", dependencies=[Depends(form_limiter), Depends(require_own_site)])
    async def sign_on_by_form(request: Request) -> Response:
        max_bytes = MAX_FORM_BYTES + sign_on_tokens.MAX_TOKEN
        viewer, form = await viewers.find(request), await read_form(request, max_bytes=max_bytes)
        is_own_form = viewers.is_own_form(viewer, form.get(FORM_FIELD, ""))
        return await respond(_Visit(request, viewer, _token(form), safe_path(form.get("redirect")), is_own_form))

    async def respond(visit: _Visit) -> Response:
        context, token = visit.viewer.operator_context, visit.token
        stored = await database.read(sign_on.get_secret, context)
        if stored is None:
            raise HTTPException(404)
        try:
            if token is None:
                raise InvalidSignOnToken("there is no token")
            verified = sign_on_tokens.verify(token, cipher.decrypt(stored), now=clock())
            result = await database.write(lambda work: sign_in(work, visit, verified), context)
        except UnreadableSecret:
            cause = "the secret of sign-on was encrypted with another secret of the server"
            return refuse(visit, "unreadable", cause, status=503)
        except InvalidSignOnToken as error:
            return refuse(visit, "expired" if isinstance(error, ExpiredSignOnToken) else "invalid", error)
        except Conflict as error:
            return refuse(visit, error.code, _CAUSES[error.code])
        if isinstance(result, _Question):
            return ask(visit, result)
        if result.refusal:
            return refuse(visit, result.refusal, _CAUSES[result.refusal])
        status = 303 if visit.request.method == "POST" else 302
        response = RedirectResponse(pages.link(visit.target), status, SECRET_ADDRESS)
        return browser_sessions.respond(visit.request, visit.viewer, response, result)

    def sign_in(work: UnitOfWork, visit: _Visit, verified: VerifiedToken) -> SignIn | _Question:
        user, viewer = sign_on.sign_on(work, verified.who), visit.viewer
        is_signed_in = viewer.user is not None and viewer.user.user_id == user.id
        # A frame on another site gets no cookies.
        if visit.is_embedded or is_signed_in:
            return SignIn()
        has_claims = bool(viewer.device_token) and devices.has_claims(work, devices.digest(viewer.device_token))
        # Any site can lead a visitor here, with a token of its own. Only what loses nothing happens without a question.
        if not visit.is_confirmed and (viewer.user is not None or has_claims):
            return _Question(user.name, has_claims)
        signed_in = browser_sessions.open(work, visit.request, viewer, user_id=user.id, method="sign_on")
        if signed_in.token:
            sign_on.use_proof(work, verified.proof, user_id=user.id, expires_at=verified.expires_at)
        return signed_in

    def ask(visit: _Visit, question: _Question) -> Response:
        is_stale = visit.request.method == "POST"
        return pages.respond(
            visit.request,
            viewers.with_device(visit.viewer),
            "portal/sign_on.html",
            current="sign_in",
            status=422 if is_stale else 200,
            headers=SECRET_ADDRESS,
            question=question,
            token=visit.token,
            target=visit.target,
            errors={"form": translate(visit.viewer.locale, STALE_FORM)} if is_stale else {},
        )

    def refuse(visit: _Visit, reason: str, cause: object, *, status: int = 403) -> Response:
        context: RequestContext = visit.request.scope["earshot.request"]
        log.warning("sign-on was refused: %s (request %s, from %s)", cause, context.request_id, context.client_ip)
        if visit.is_embedded:
            return RedirectResponse(pages.link(visit.target), 302, SECRET_ADDRESS)
        return sign_in_pages.refuse(
            visit.request,
            visit.viewer,
            _REASONS[reason],
            status=status,
            refusal=reason,
            retry_path=login_path(visit.target),
        )

    return routes


def redirect_to_sign_on(pages: TemplateRenderer, requested: SignOnRequested) -> Response:
    """The response to a page that was requested with a token."""
    return RedirectResponse(pages.link(requested.path), 302, SECRET_ADDRESS)


def _token(params: Mapping[str, str]) -> str | None:
    return next((params[name] for name in PARAMETERS if params.get(name)), None)
