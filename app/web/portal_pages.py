"""Responds with the pages of a portal: what all of them show besides their content, and their headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.translations import N_
from app.web import appearance, cookies
from app.web.cookies import Cookies
from app.web.notices import find_notice
from app.web.people import Person
from app.web.templating import TemplateRenderer
from app.web.viewer import Viewer, own_path

SEE_OTHER: Final = 303
MAX_SUMMARY: Final = 200

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
    stylesheet: str
    welcome: str
    summary: str


@dataclass(frozen=True, slots=True)
class _ShownViewer:
    user: Person | None
    role: str
    csrf: str


class PortalPages:
    """Renders the templates under `portal/`."""

    def __init__(self, renderer: TemplateRenderer, cookies_of_pages: Cookies) -> None:
        self.link = renderer.link
        self._renderer = renderer
        self._cookies = cookies_of_pages

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
        response = self._renderer.page(
            template,
            status=status,
            headers={**HEADERS, "Cache-Control": cache, **(headers or {})},
            locale=viewer.locale,
            portal=self._show_portal(viewer),
            viewer=_ShownViewer(viewer.person, viewer.actor.role, viewer.csrf),
            navigation=_NAVIGATION,
            current=current,
            here=own_path(request),
            theme=viewer.theme,
            next_theme=next_theme,
            theme_label=theme_label,
            **{"notice": find_notice(request, viewer.locale), **context},
        )
        if viewer.device_token:
            self._ensure_device(request, response, viewer)
        return response

    def redirect_to_sign_in(self, next_path: str) -> Response:
        """To the page of sign-in, which leads to `next_path`."""
        return self.redirect(f"/login?{urlencode({'next': next_path})}")

    def redirect(self, path: str) -> Response:
        """To a path of this server, after a form was sent."""
        return RedirectResponse(self.link(path), SEE_OTHER, {"Cache-Control": "no-store"})

    def _ensure_device(self, request: Request, response: Response, viewer: Viewer) -> None:
        """Give the browser its cookie, if the request came without it."""
        if not cookies.read_token(request, cookies.DEVICE):
            self._cookies.set(request, response, cookies.DEVICE, viewer.device_token)

    def _show_portal(self, viewer: Viewer) -> _ShownPortal:
        portal = viewer.portal
        version = appearance.version(viewer.stylesheet)
        welcome = str(portal["welcome_text"] or "")
        return _ShownPortal(
            title=portal["title"],
            is_open=viewer.user is not None or not portal["is_private"],
            stylesheet=self.link(f"/portal.css?v={version}"),
            welcome=welcome,
            summary=welcome[:MAX_SUMMARY] or portal["title"],
        )
