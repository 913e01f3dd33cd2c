"""Renders pages from templates, with the addresses of static files and the headers that every page carries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from app.domain.portals.widgets import ANY_SITE
from app.domain.sql import timestamps
from app.public_url import PublicUrl
from app.web.routes.assets import Assets

TEMPLATES: Final = Path(__file__).parent / "templates"

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' https:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_EMBEDDABLE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors "
)
_FORM_POLICY: Final = POLICY.replace("form-action 'none'", "form-action 'self'")
SAFE: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

_PRIVATE_FORM: Final = {
    "Content-Security-Policy": _FORM_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}

_ERROR_TEXTS: Final = {
    400: (
        "This form can't be read",
        "What was sent is not what the form sends. Go back, reload the page and try again.",
    ),
    403: ("Not from another site", "This form was sent by a page of another site. Open the page here and try again."),
    404: ("Nothing here", "There is no such page. What was here may have been moved, removed, or never been public."),
    405: ("Not like this", "This address can be read, but takes nothing else."),
    413: ("Too large", "The form takes less text than that. Go back and shorten it."),
    429: ("A little slower, please", "Too many requests came from your address. Try again in a moment."),
    500: ("Something went wrong", "This is our fault, not yours. It has been written to the server's log."),
    503: ("Back in a moment", "The server is too busy, or cannot reach its data, just now. Try again in a moment."),
}


class TemplateRenderer:
    """Renders the templates."""

    def __init__(self, assets: Assets, public: PublicUrl) -> None:
        self.assets = assets
        self.link = public.link
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals |= {"asset": lambda name: public.link(assets.address(name)), "link": public.link}
        self._environment.filters |= {"day": timestamps.format_day, "moment": timestamps.format_seconds}

    def page(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
    ) -> Response:
        """A page with its headers; `headers` override those that all pages carry."""
        html = self._environment.get_template(template).render(context)
        return HTMLResponse(html, status, {**SAFE, **(headers or {})})

    def private_form(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """A page with a form, whose address or content has a secret: nobody may store or pass on its address."""
        return self.page(template, status=status, headers=_PRIVATE_FORM, **context)

    def embeddable_page(
        self,
        template: str,
        *,
        frame_ancestors: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page that these sites may show in a frame. It may run scripts of this server."""
        all_headers = {"Content-Security-Policy": _EMBEDDABLE_POLICY + frame_ancestors, **(headers or {})}
        response = self.page(template, status=status, headers=all_headers, is_embedded=True, **context)
        # It knows no list of sites; browsers that know the policy above ignore it.
        del response.headers["X-Frame-Options"]
        return response

    def error(self, status: int, *, headers: Mapping[str, str] | None = None) -> Response:
        """The error page for this status."""
        title, message = _ERROR_TEXTS.get(status, _ERROR_TEXTS[404])
        all_headers = {"Cache-Control": "no-store", **(headers or {})}
        return self.page("refusal.html", status=status, headers=all_headers, title=title, words=message)

    def widget_error(self, *, has_close_button: bool) -> Response:
        """A 404 that any site may show in a frame, in place of a widget that does not exist or is not public.

        The button closes the dialog of the script of widgets; a frame without this script has none.
        """
        return self.embeddable_page(
            "widget_error.html",
            frame_ancestors=ANY_SITE,
            status=404,
            headers={"Cache-Control": "no-store"},
            title="Not available",
            message="There is nothing to show here. It may have been moved or removed, or is not public.",
            has_close_button=has_close_button,
        )
