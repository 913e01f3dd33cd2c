"""Who looks at which portal: the portal on the request's host, the session in the cookie, language and theme."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.adapters.csrf_tokens import CsrfTokens
from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.domain.permissions import OPERATOR, VISITOR, Actor
from app.domain.portals import portals, statuses
from app.domain.posts import devices
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import sessions
from app.domain.users.sessions import SessionUser
from app.web import cookies
from app.web.appearance import make_stylesheet
from app.web.cookies import Cookies
from app.web.people import Person, describe
from app.web.public_address import PublicAddress

FORM_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed into a form, to be kept under this name: see `Drafts`."""

    form: str
    texts: Mapping[str, str]


class SignInRequired(Exception):
    """The page is for signed-in users. `next_path` is where the visitor goes after signing in.

    `draft` is kept until then.
    """

    def __init__(self, next_path: str, *, draft: Draft | None = None) -> None:
        self.next_path = next_path
        self.draft = draft


class StaleForm(Exception):
    """The form of a signed-in user is not of this session. `next_path` is the page that says so."""

    def __init__(self, next_path: str) -> None:
        self.next_path = next_path


@dataclass(frozen=True, slots=True)
class Viewer:
    """A visitor of a portal, signed in or not."""

    portal: Row
    """As `portals.get_current` returns it."""
    statuses: Sequence[Row]
    """Those of the portal, in their order, as `statuses.list_all` returns them."""
    user: SessionUser | None
    session_token: str
    """That of the cookie; empty without a session."""
    device_token: str
    """That of the browser's cookie; empty without one."""
    csrf: str
    """The token of the forms on the page."""
    theme: str
    """`light`, `dark`, or empty for that of the browser."""
    base_url: str | None

    @property
    def actor(self) -> Actor:
        """The user as the actor of rules, or a visitor."""
        return VISITOR if self.user is None else self.user.actor

    @property
    def context(self) -> PortalContext:
        """For rules that the viewer calls."""
        return PortalContext(self.portal["id"], self.actor, self.base_url)

    @property
    def device_id(self) -> str | None:
        """What the votes of this browser are stored under; None without a cookie."""
        return devices.anonymous_id(devices.digest(self.device_token)) if self.device_token else None

    @property
    def operator_context(self) -> PortalContext:
        """For rules by which visitors get a session, such as signing in, which check their own conditions."""
        return PortalContext(self.portal["id"], OPERATOR, self.base_url)

    @property
    def stylesheet(self) -> str:
        """The style sheet with the portal's colours."""
        colors = tuple((row["id"], row["color"]) for row in self.statuses)
        return make_stylesheet(self.portal["accent_color"], colors)

    @property
    def locale(self) -> str:
        """The language of the pages."""
        own = None if self.user is None else self.user.locale
        return own or str(self.portal["locale"])

    @property
    def person(self) -> Person | None:
        """The user as pages show them; None for a visitor."""
        user = self.user
        if user is None:
            return None
        picture = None if user.picture is None else f"/files/{user.picture}"
        return describe(user.user_id, user.name, picture=picture, avatar_url=user.avatar_url)


class Viewers:
    """Finds the viewer of a request, and verifies that a form came from one of its pages."""

    def __init__(
        self, database: Database, public_address: PublicAddress, csrf: CsrfTokens, cookies_of_pages: Cookies
    ) -> None:
        self._database = database
        self._cookies = cookies_of_pages
        self._public_address = public_address
        self._csrf = csrf

    async def find(self, request: Request) -> Viewer:
        """The viewer, also of a private portal. Raises HTTPException 404 if the host has no portal."""
        host = str(request.scope["earshot.request"].host)
        found = await self._database.read(lambda work: portals.by_host(work, host), NO_PORTAL)
        if found is None:
            raise HTTPException(404)
        token, device = self._cookies.read_token(request, cookies.SESSION), self._cookies.read_device(request)
        context = PortalContext(int(found["id"]), OPERATOR, await self._public_address.find_trusted(request))

        def look_up(work: UnitOfWork) -> tuple[Row, Sequence[Row], SessionUser | None]:
            user = sessions.find(work, token) if token else None
            return portals.get_current(work), statuses.list_all(work), user

        portal, all_statuses, user = await self._database.read(look_up, context)
        if user is not None and user.is_touch_due:
            session_id = user.session_id
            await self._database.write(lambda work: sessions.touch(work, session_id), context)
        return Viewer(
            portal=portal,
            statuses=all_statuses,
            user=user,
            session_token="" if user is None else token,
            device_token=device,
            csrf=self._csrf.make(device if user is None else user.csrf_key),
            theme=cookies.read_theme(request),
            base_url=context.base_url,
        )

    async def require_reader(self, request: Request) -> Viewer:
        """As `find`. Raises SignInRequired if the portal is private and nobody is signed in."""
        viewer = await self.find(request)
        if viewer.user is not None:
            return viewer
        if viewer.portal["is_private"]:
            raise SignInRequired(own_path(request))
        # The buttons of votes are forms.
        return self.with_device(viewer) if viewer.portal["allows_anonymous_votes"] else viewer

    async def require_user(self, request: Request) -> Viewer:
        """As `find`. Raises SignInRequired if nobody is signed in."""
        viewer = await self.find(request)
        if viewer.user is None:
            raise SignInRequired(own_path(request))
        return viewer

    def with_device(self, viewer: Viewer) -> Viewer:
        """The viewer of a page with a form for visitors: with the token of the browser, a new one at the first visit.

        `PortalPages.respond` stores a new one in the cookie.
        """
        if viewer.device_token:
            return viewer
        token = self._cookies.make_device()
        csrf = self._csrf.make(token) if viewer.user is None else viewer.csrf
        return replace(viewer, device_token=token, csrf=csrf)

    def with_session(self, viewer: Viewer, user: SessionUser, token: str) -> Viewer:
        """The viewer from the sign-in on that the request has just finished."""
        return replace(viewer, user=user, session_token=token, csrf=self._csrf.make(user.csrf_key))

    def is_own_form(self, viewer: Viewer, token: str) -> bool:
        """Whether this token is that of the viewer's forms."""
        binding = viewer.device_token if viewer.user is None else viewer.user.csrf_key
        return self._csrf.is_valid(token, binding)


def own_path(request: Request) -> str:
    """The path of the request with its query, to come back to it."""
    query = request.url.query
    return quote(request.scope["path"], safe="/~-._") + (f"?{query}" if query else "")
