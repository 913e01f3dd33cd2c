"""Renders pages from templates, with the addresses of static files and the headers that every page carries."""

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from app.adapters.translations import N_, SOURCE_LANGUAGE, Translation, load_translation
from app.domain.portals.widgets import ANY_SITE
from app.domain.sql import timestamps
from app.public_url import PublicUrl
from app.web.fast_templates import cached_gettext, icon_maker, row_cache
from app.web.localization import localized_filters
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

PRIVATE_FORM: Final = {
    "Content-Security-Policy": _FORM_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}

ERROR_TEXTS: Final = {
    400: (
        N_("This form can't be read"),
        N_("What was sent is not what the form sends. Go back, reload the page and try again."),
    ),
    403: (
        N_("Not from another site"),
        N_("This form was sent by a page of another site. Open the page here and try again."),
    ),
    404: (
        N_("Nothing here"),
        N_("There is no such page. What was here may have been moved, removed, or never been public."),
    ),
    405: (N_("Not like this"), N_("This address can be read, but takes nothing else.")),
    409: (
        N_("That is not possible any more"),
        N_("What this is about has changed in the meantime. Go back, reload the page and look at it again."),
    ),
    413: (N_("Too large"), N_("The form takes less text than that. Go back and shorten it.")),
    422: (N_("This does not fit"), N_("The server can't use what was sent. Go back and change it.")),
    429: (N_("A little slower, please"), N_("Too many requests came from your address.")),
    500: (N_("Something went wrong"), N_("This is our fault, not yours. It has been written to the server's log.")),
    503: (
        N_("Back in a moment"),
        N_("The server is too busy, or cannot reach its data, just now. Try again in a moment."),
    ),
}
FORBIDDEN: Final = (N_("Not allowed"), N_("Your account may not do this."))
"""In place of the texts for the status 403, where the rights of the user are the reason."""
ERROR_HEADERS: Final[Mapping[str, str]] = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""Of error pages: the address of any request may have a token, so it is not passed on."""


def minutes_to_wait(status: int, headers: Mapping[str, str] | None) -> int:
    """How many minutes a page of status 429 asks to wait, by its header; 0 for any other page.

    Rounded up, since a request that comes too early is rejected again.
    """
    return -(-int(headers["Retry-After"]) // 60) if status == 429 and headers and "Retry-After" in headers else 0


class TemplateRenderer:
    """Renders the templates."""

    def __init__(self, assets: Assets, public: PublicUrl) -> None:
        self.assets = assets
        self.link = public.link
        self._environment = lru_cache(maxsize=64)(self._make_environment)

    def _make_environment(self, translation: Translation) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.install_gettext_translations(translation.catalogue, newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= cached_gettext(translation.catalogue)
        asset = cache(lambda name: self.link(self.assets.address(name)))
        environment.globals |= {
            "asset": asset,
            "draw_icon": icon_maker(asset("icons.svg")),
            "cached_rows": row_cache(),
            "link": self.link,
            "language": translation.language,
            "direction": translation.direction,
        }
        environment.filters |= {"day": timestamps.format_day, "moment": timestamps.format_seconds}
        environment.filters |= localized_filters(translation.language)
        environment.filters["bold"] = Markup("<b>{}</b>").format
        return environment

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        locale: str = SOURCE_LANGUAGE,
        **context: Any,
    ) -> Response:
        """A page with its headers; `headers` override those that all pages carry.

        The texts are in the language of the locale.
        """
        environment = self._environment(load_translation(locale))
        return HTMLResponse(environment.get_template(template).render(context), status, {**SAFE, **(headers or {})})

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
        response = self.page(template, status=status, headers=all_headers, **context)
        # It knows no list of sites; browsers that know the policy above ignore it.
        del response.headers["X-Frame-Options"]
        return response

    def error(self, status: int, *, headers: Mapping[str, str] | None = None) -> Response:
        """The error page for this status, of no portal."""
        title, message = ERROR_TEXTS.get(status, ERROR_TEXTS[404])
        return self.page(
            "refusal.html",
            status=status,
            headers={**ERROR_HEADERS, **(headers or {})},
            title=title,
            words=message,
            wait=minutes_to_wait(status, headers),
        )

    def widget_error(self, *, has_close_button: bool) -> Response:
        """A 404 that any site may show in a frame, in place of a widget that does not exist or is not public.

        The button closes the dialog of the script of widgets; a frame without this script has none.
        """
        return self.embeddable_page(
            "portal/widget_error.html",
            frame_ancestors=ANY_SITE,
            stylesheet=None,
            portal_title="Earshot",
            status=404,
            headers={"Cache-Control": "no-store"},
            title="Not available",
            message="There is nothing to show here. It may have been moved or removed, or is not public.",
            has_close_button=has_close_button,
        )
