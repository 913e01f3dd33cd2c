"""Single sign-on: verifies the token and creates or updates the user. docs/contracts/productlift.md, section 9.15.

The session comes with the portal's pages. Until then the response is a page that says so.
"""

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters import sign_on_tokens
from app.adapters.database import Clock, Database, PortalContext
from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.adapters.sign_on_tokens import ExpiredSignOnToken, InvalidSignOnToken
from app.domain.errors import Conflict
from app.domain.permissions import OPERATOR
from app.domain.users import sign_on
from app.http.request import RequestContext
from app.web.portals import find_portal_id
from app.web.templating import TemplateRenderer

PARAMETERS: Final = ("token", "sso_token", "jwt")
"""The names of the parameter with the token."""
PRIVATE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""The address of the page contains the token."""

SCRIPT_PATH: Final = "/widgets_sdk"
"""The script is the same for everybody, whatever its query."""

_REFUSALS: Final = {
    "sign_on.team": "the user belongs to the team",
    "sign_on.blocked": "the user is blocked",
    "sign_on.email_taken": "another user has the e-mail address",
}
"""For the log."""
_REASONS: Final = {
    "invalid": "The link is not valid. Go back and sign on again; if that does not help, tell those who made the link.",
    "expired": "The link has expired. Go back and sign on again.",
    "sign_on.team": "Members of the team do not sign on with such a link.",
    "sign_on.blocked": "This account is blocked.",
    "sign_on.email_taken": "Another account has this e-mail address.",
    "unreadable": "Signing on does not work at the moment. The reason is in the log of the server.",
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


def router(pages: TemplateRenderer, database: Database, cipher: SecretCipher, clock: Clock) -> APIRouter:
    """GET /sso."""
    routes = APIRouter()

    def refuse(request: Request, reason: str, cause: object, *, status: int = 403) -> Response:
        context: RequestContext = request.scope["earshot.request"]
        log.warning("sign-on was refused: %s (request %s, from %s)", cause, context.request_id, context.client_ip)
        target = safe_path(request.query_params.get("redirect"))
        if _is_embedded(target):
            return RedirectResponse(pages.link(target), 302, PRIVATE)
        return pages.page(
            "sign_on.html", status=status, headers=PRIVATE, refused=_REASONS[reason], name=None, target=""
        )

    @routes.get("/sso")
    async def sign_on_by_token(request: Request) -> Response:
        portal_id = await find_portal_id(database, request)
        if portal_id is None:
            return pages.error(404)
        context = PortalContext(portal_id, OPERATOR)
        stored, token = await database.read(sign_on.get_secret, context), _token(request.query_params)
        if stored is None:
            return pages.error(404)
        try:
            if token is None:
                raise InvalidSignOnToken("there is no token")
            who = sign_on_tokens.verify(token, cipher.decrypt(stored), now=clock())
            user = await database.write(lambda work: sign_on.sign_on(work, who), context)
        except UnreadableSecret:
            cause = "the secret of sign-on was encrypted with another secret of the server"
            return refuse(request, "unreadable", cause, status=503)
        except InvalidSignOnToken as error:
            return refuse(request, "expired" if isinstance(error, ExpiredSignOnToken) else "invalid", error)
        except Conflict as error:
            return refuse(request, error.code, _REFUSALS[error.code])
        target = safe_path(request.query_params.get("redirect"))
        if _is_embedded(target):
            return RedirectResponse(pages.link(target), 302, PRIVATE)
        return pages.page("sign_on.html", headers=PRIVATE, refused=None, name=user.name, target=pages.link(target))

    return routes


def redirect_to_sign_on(pages: TemplateRenderer, requested: SignOnRequested) -> Response:
    """The response to a page that was requested with a token."""
    return RedirectResponse(pages.link(requested.path), 302, PRIVATE)


def safe_path(path: str | None) -> str:
    """The path if it is one of this portal, otherwise the home page: a link must not lead to another site."""
    if path is None or not path.startswith("/") or not path.isprintable() or "\\" in path or path.startswith("//"):
        return "/"
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc else "/"


def _is_embedded(path: str) -> bool:
    """Whether the path is that of an embedded page. No site may show the page of sign-on in a frame."""
    return "widget_id" in parse_qs(urlsplit(path).query)


def _token(params: Mapping[str, str]) -> str | None:
    return next((params[name] for name in PARAMETERS if params.get(name)), None)
