"""Responds with the pages of a portal: what all of them show besides their content, and their headers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.translations import N_
from app.web import appearance, cookies
from app.web.compression import accepts_gzip, compress_page
from app.web.cookies import Cookies
from app.web.kept_forms import KeptForm
from app.web.notices import find_notice
from app.web.people import Person
from app.web.templating import ERROR_HEADERS, ERROR_TEXTS, PRIVATE_FORM, TemplateRenderer, minutes_to_wait
from app.web.viewer import Viewer, own_path

SEE_OTHER: Final = 303
MAX_REMEMBERED: Final = 1000
"""Hosts whose look is kept for pages that can't read the database."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Vary": "Cookie, Accept-Encoding",
}
_NAVIGATION: Final = (
    ("home", "/", N_("Feedback")),
    ("roadmap", "/roadmap", N_("Roadmap")),
    ("changelog", "/changelog", N_("Changelog")),
)
_THEMES: Final = {
    "": ("dark", N_("Theme of the system. Switch to dark")),
    "dark": ("light", N_("Dark theme. Switch to light")),
    "light": ("", N_("Light theme. Switch to that of the system")),
}
"""For each theme, the next one, and what its button says."""


@dataclass(frozen=True, slots=True)
class _ShownPortal:
    title: str
    is_open: bool
    """Whether the viewer may read it."""
    is_public: bool
    """Whether everybody may read it, so that it has feeds."""
    stylesheet: str


@dataclass(frozen=True, slots=True)
class _ShownViewer:
    user: Person | None
    role: str
    csrf: str


@dataclass(frozen=True, slots=True)
class _Look:
    """What a page of a portal needs that can't read the database."""

    portal: _ShownPortal
    locale: str


class PortalPages:
    """Renders the templates under `portal/`."""

    def __init__(self, renderer: TemplateRenderer, cookies_of_pages: Cookies, *, sends_mail: bool) -> None:
        """`sends_mail` is whether the server has a mail server: pages must not promise an email without one."""
        self.link = renderer.link
        self.sends_mail = sends_mail
        self._renderer = renderer
        self._cookies = cookies_of_pages
        self._looks: dict[str, _Look] = {}

    def respond(
        self,
        request: Request,
        viewer: Viewer,
        template: str,
        *,
        current: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page in the viewer's language. `current` is the name of its entry in the navigation."""
        next_theme, theme_label = _THEMES[viewer.theme]
        cache = "private, no-store" if viewer.user else "no-cache"
        portal = self._show_portal(viewer)
        self._remember(request, viewer, portal)
        response = self._renderer.page(
            template,
            status=status,
            headers={**HEADERS, "Cache-Control": cache, **(headers or {})},
            locale=viewer.locale,
            portal=portal,
            viewer=_ShownViewer(viewer.person, viewer.actor.role, viewer.csrf),
            navigation=_NAVIGATION,
            current=current,
            theme=viewer.theme,
            next_theme=next_theme,
            theme_label=theme_label,
            sends_mail=self.sends_mail,
            **{"here": own_path(request), "notice": find_notice(request, viewer.locale), "is_plain": False, **context},
        )
        if viewer.device_token:
            self._ensure_device(request, response, viewer)
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            response.body = compress_page(bytes(response.body))
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Length"] = str(len(response.body))
        return response

    def private_form(
        self, request: Request, viewer: Viewer, template: str, *, status: int = 200, **context: Any
    ) -> Response:
        """A page whose address or content has a secret: nobody may store it or pass on its address. It has no script.

        The secret is the authority, not the session, so the page does not show who is signed in.
        """
        return self.respond(
            request, viewer, template, status=status, headers=PRIVATE_FORM, **{"is_plain": True, **context}
        )

    def error(
        self,
        request: Request,
        viewer: Viewer,
        status: int,
        *,
        texts: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        kept: KeptForm | None = None,
    ) -> Response:
        """The error page for this status; `texts` are its heading and message, in English.

        `kept` is a form whose texts the page gives back, to be copied: it can't be sent again as it is.
        """
        title, message = texts or ERROR_TEXTS.get(status, ERROR_TEXTS[404])
        return self.respond(
            request,
            viewer,
            "portal/error.html" if kept is None else "portal/unsent.html",
            status=status,
            headers={**ERROR_HEADERS, **(headers or {})},
            # The address, which may be anything, is not shown, not even in a form.
            here="/",
            title=title,
            message=message,
            wait=minutes_to_wait(status, headers),
            kept=kept,
            csrf=viewer.csrf,
            may_send_again=False,
        )

    def error_without_database(
        self,
        request: Request,
        status: int,
        headers: Mapping[str, str] | None = None,
        *,
        kept: KeptForm | None = None,
    ) -> Response:
        """As `error`, in the look that the last page on this host had; without one, in that of no portal.

        The form that is kept can be sent again.
        """
        look = self._looks.get(request.scope["earshot.request"].host)
        if look is None:
            return self.error_without_portal(status, headers)
        title, message = ERROR_TEXTS.get(status, ERROR_TEXTS[404])
        return self._renderer.page(
            "portal/error.html" if kept is None else "portal/unsent.html",
            status=status,
            headers={**ERROR_HEADERS, "Vary": HEADERS["Vary"], **(headers or {})},
            locale=look.locale,
            portal=look.portal,
            navigation=_NAVIGATION,
            current="",
            theme=cookies.read_theme(request),
            notice=None,
            is_plain=True,
            title=title,
            message=message,
            wait=minutes_to_wait(status, headers),
            kept=kept,
            csrf="" if kept is None else kept.csrf,
            may_send_again=True,
        )

    def has_look(self, request: Request) -> bool:
        """Whether `error_without_database` shows the portal's look."""
        return request.scope["earshot.request"].host in self._looks

    def error_without_portal(self, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """As `error`, on a host that has no portal."""
        return self._renderer.error(status, headers=headers)

    def redirect_to_sign_in(self, next_path: str) -> Response:
        """To the page of sign-in, which leads to `next_path`."""
        return self.redirect(f"/login?{urlencode({'next': next_path})}")

    def redirect(self, path: str) -> Response:
        """To a path of this server, after a form was sent."""
        return RedirectResponse(self.link(path), SEE_OTHER, {"Cache-Control": "no-store"})

    def _ensure_device(self, request: Request, response: Response, viewer: Viewer) -> None:
        """Give the browser its cookie, if the request came without it."""
        if not self._cookies.read_device(request):
            self._cookies.set(request, response, cookies.DEVICE, viewer.device_token)

    def _remember(self, request: Request, viewer: Viewer, portal: _ShownPortal) -> None:
        host = request.scope["earshot.request"].host
        if host not in self._looks and len(self._looks) >= MAX_REMEMBERED:
            self._looks.clear()
        # The next visitor may be another one, whose language and rights are not known.
        self._looks[host] = _Look(replace(portal, is_open=portal.is_public), str(viewer.portal["locale"]))

    def _show_portal(self, viewer: Viewer) -> _ShownPortal:
        portal = viewer.portal
        is_public = not portal["is_private"]
        return _ShownPortal(
            title=portal["title"],
            is_open=viewer.user is not None or is_public,
            is_public=is_public,
            stylesheet=self.link(appearance.find_path(viewer.stylesheet)),
        )
