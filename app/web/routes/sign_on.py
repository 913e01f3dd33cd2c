"""Single sign-on: verifies the token and creates or updates the user. docs/contracts/productlift.md, section 9.15.

The session comes with the portal's pages. Until then the response is a page that says so.
"""

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

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
from app.web.routes.pages import find_portal_id
from app.web.templating import TemplateRenderer

PARAMETERS: Final = ("token", "sso_token", "jwt")
"""The names of the parameter with the token."""
PRIVATE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""The address of the page contains the token."""

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


def redirect_tokens(request: Request) -> None:
    """A dependency of the pages: with a token, they lead to the endpoint, and from there back without the token."""
    token = _token(request.query_params)
    if token is not None:
        rest = [(name, value) for name, value in request.query_params.multi_items() if name not in PARAMETERS]
        target = request.url.path + (f"?{urlencode(rest)}" if rest else "")
        raise SignOnRequested(f"/sso?{urlencode({'token': token, 'redirect': target})}")


def router(pages: TemplateRenderer, database: Database, cipher: SecretCipher, clock: Clock) -> APIRouter:
    """GET /sso."""
    routes = APIRouter()

    def refuse(reason: str, status: int = 403) -> Response:
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
            who = sign_on_tokens.verify(token or "", cipher.decrypt(stored), now=clock())
            await database.write(lambda work: sign_on.sign_on(work, who), context)
        except UnreadableSecret:
            log.error("portal %s: the secret of sign-on was encrypted with another secret of the server", portal_id)
            return refuse("unreadable", 503)
        except InvalidSignOnToken as error:
            log.warning("portal %s: sign-on was refused: %s", portal_id, error)
            return refuse("expired" if isinstance(error, ExpiredSignOnToken) else "invalid")
        except Conflict as error:
            log.warning("portal %s: sign-on was refused: %s", portal_id, error.code)
            return refuse(error.code)
        target = pages.link(safe_path(request.query_params.get("redirect")))
        return pages.page("sign_on.html", headers=PRIVATE, refused=None, name=who.name or who.email, target=target)

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


def _token(params: Mapping[str, str]) -> str | None:
    return next((params[name] for name in PARAMETERS if params.get(name)), None)
