"""How the pages look: the portal's style sheet, and the switch of the theme."""

from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.web import appearance, etags
from app.web.cookies import THEME, THEMES, Cookies
from app.web.forms import read_form, require_own_site
from app.web.portal_pages import PortalPages
from app.web.safe_paths import safe_path
from app.web.viewer import Viewers

_FOREVER: Final = "public, max-age=31536000, immutable"


def router(pages: PortalPages, viewers: Viewers, cookies_of_pages: Cookies) -> APIRouter:
    """GET and HEAD of /portal.css, POST of /theme."""
    routes = APIRouter()

    @routes.api_route("/portal.css", methods=["GET", "HEAD"])
    async def stylesheet(request: Request) -> Response:
        """Only colours, so a private portal need not hide it: the page of sign-in has them."""
        viewer = await viewers.find(request)
        content = viewer.stylesheet
        version = appearance.version(content)
        is_versioned = request.query_params.get("v") == version
        headers = {
            "Cache-Control": _FOREVER if is_versioned else "no-cache",
            "ETag": f'"{version}"',
            "X-Content-Type-Options": "nosniff",
        }
        if etags.is_known(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(content, 200, headers, "text/css; charset=utf-8")

    @routes.post("/theme", dependencies=[Depends(require_own_site)])
    async def switch_theme(request: Request) -> Response:
        """It changes nothing but how this browser shows the pages, so it needs no token."""
        form = await read_form(request)
        response = pages.redirect(safe_path(form.get("next")))
        theme = form.get("theme", "")
        if theme in THEMES:
            cookies_of_pages.set(request, response, THEME, theme)
        else:
            cookies_of_pages.delete(request, response, THEME)
        return response

    return routes
