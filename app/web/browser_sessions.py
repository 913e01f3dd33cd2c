"""Signs browsers in and out: the session, its cookies, and what the browser did before without an account."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.domain.errors import Conflict
from app.domain.posts import devices
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import sessions
from app.domain.users.sessions import SessionUser
from app.web import cookies
from app.web.cookies import Cookies
from app.web.known_browsers import KnownBrowsers
from app.web.portal_pages import PortalPages
from app.web.safe_paths import safe_path
from app.web.viewer import Viewer, Viewers

MAX_NEXT_PATH: Final = 2000
NEXT_PATH_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class SignIn:
    """A new session, or why the user may not have one."""

    token: str = ""
    user: SessionUser | None = None
    refusal: str = ""
    """`sign_in.blocked` or `sign_in.awaits_approval`."""
    is_device_claimed: bool = False
    """Whether what the browser did without an account is the user's now."""


class BrowserSessions:
    """Opens and ends the sessions of browsers."""

    def __init__(
        self,
        database: Database,
        viewers: Viewers,
        pages: PortalPages,
        cookies_of_pages: Cookies,
        known_browsers: KnownBrowsers,
    ) -> None:
        self._known_browsers = known_browsers
        self._database = database
        self._viewers = viewers
        self._pages = pages
        self._cookies = cookies_of_pages

    def open(self, work: UnitOfWork, request: Request, viewer: Viewer, *, user_id: int, method: str) -> SignIn:
        """Sign the user in, as `sessions.create`, whose Conflict is returned, so that the transaction is committed."""
        try:
            token = sessions.create(
                work,
                user_id=user_id,
                method=method,
                user_agent=request.headers.get("user-agent", ""),
                former_token=viewer.session_token or None,
            )
        except Conflict as error:
            return SignIn(refusal=error.code)
        return self.claim(work, viewer, token, user_id=user_id)

    def claim(self, work: UnitOfWork, viewer: Viewer, token: str, *, user_id: int) -> SignIn:
        """After a session was created: give the user what this browser did without an account."""
        if viewer.device_token:
            devices.claim(work, user_id=user_id, device_digest=devices.digest(viewer.device_token))
        return SignIn(token, sessions.find(work, token), is_device_claimed=True)

    def respond(self, request: Request, viewer: Viewer, response: Response, sign_in: SignIn) -> Response:
        """The response with the cookie of a new session; unchanged if there is none."""
        if not sign_in.token:
            return response
        self._cookies.set(request, response, cookies.SESSION, sign_in.token)
        if sign_in.user is not None and sign_in.user.email is not None:
            self._known_browsers.remember(request, response, viewer.portal["id"], sign_in.user.email)
        if sign_in.is_device_claimed:
            self._renew_device(request, response)
        if cookies.NEXT_PATH in request.cookies:
            self._cookies.delete(request, response, cookies.NEXT_PATH)
        return response

    def redirect(self, request: Request, viewer: Viewer, sign_in: SignIn, next_path: str | None) -> Response:
        """Lead a user who has just signed in to the page that asked for it."""
        return self.respond(request, viewer, self._pages.redirect(safe_path(next_path)), sign_in)

    def show_signed_in(self, viewer: Viewer, sign_in: SignIn) -> Viewer:
        """The viewer of a page that is shown right after the sign-in; the same viewer if it was refused."""
        return viewer if sign_in.user is None else self._viewers.with_session(viewer, sign_in.user, sign_in.token)

    def keep_next_path(self, request: Request, response: Response, next_path: str) -> None:
        """Store where the visitor goes after signing in by the link of an email."""
        value = quote(next_path, safe="/")
        if len(value) <= MAX_NEXT_PATH:
            self._cookies.set(request, response, cookies.NEXT_PATH, value, max_age=NEXT_PATH_SECONDS)

    async def end(self, request: Request, viewer: Viewer) -> Response:
        """Sign the browser out, and lead to the home page."""
        await self._database.write(lambda work: sessions.end(work, viewer.session_token), viewer.operator_context)
        response = self._pages.redirect("/")
        self._cookies.delete(request, response, cookies.SESSION)
        self._renew_device(request, response)
        return response

    def _renew_device(self, request: Request, response: Response) -> None:
        """Let the next page with a form for visitors give the browser a new token.

        What the browser did under its present one belongs to the user who has signed in.
        """
        if self._cookies.find_name(request, cookies.DEVICE) in request.cookies:
            self._cookies.delete(request, response, cookies.DEVICE)
