"""The error pages: in the look of the portal on the request's host, also while the database is not available."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import Conflict, Forbidden, NotFound, ServiceUnavailable, ValidationFailed, ValueOutOfRange
from app.web import kept_forms
from app.web.drafts import Drafts
from app.web.kept_forms import KeptForm
from app.web.notices import add_notice
from app.web.portal_pages import PortalPages
from app.web.rate_limit import PageRateLimit
from app.web.templating import FORBIDDEN
from app.web.viewer import SignInRequired, StaleForm, Viewer, Viewers, own_path

_WITHOUT_DATABASE: Final = frozenset({500, 503})
"""These pages say that the database is not available."""
_RETRY_SECONDS: Final = "2"
_STATUSES: Final[Mapping[type[Exception], int]] = {
    NotFound: 404,
    Conflict: 409,
    ValidationFailed: 422,
    ValueOutOfRange: 422,
}
"""Of the errors of rules that a page has no words for."""


class ErrorPages:
    """Responds to the exceptions of the pages."""

    def __init__(self, pages: PortalPages, viewers: Viewers, limiter: PageRateLimit, drafts: Drafts) -> None:
        self._drafts = drafts
        self._pages = pages
        self._viewers = viewers
        self._limiter = limiter

    def register(self, app: FastAPI) -> None:
        """Let the application respond to exceptions with these pages."""
        handlers: dict[type[Exception], Any] = {
            HTTPException: self._respond_to_http_error,
            SignInRequired: self._respond_to_sign_in_required,
            StaleForm: self._respond_to_stale_form,
            Forbidden: self._respond_to_missing_right,
            ServiceUnavailable: self._respond_to_unavailable,
            Exception: self._respond_to_server_error,
            **dict.fromkeys(_STATUSES, self._respond_to_domain_error),
        }
        for error, handler in handlers.items():
            app.add_exception_handler(error, handler)

    async def _respond_to_http_error(self, request: Request, error: HTTPException) -> Response:
        """No route, no such row, a form that can't be read, or too many requests."""
        if not hasattr(request.state, "view_rate_limit"):
            # The rate limit is a dependency of the routes, so a request without a route has not been counted yet.
            try:
                await self._limiter(request)
            except HTTPException as too_many_requests:
                error = too_many_requests
        if error.status_code == 429:
            kept = await kept_forms.read(request)
            if kept is not None and not self._pages.has_look(request):
                # A text goes before the protection of the database: this is the first page of this process.
                return await self._respond_with_viewer(request, 429, headers=error.headers, kept=kept)
            return self._pages.error_without_database(request, 429, error.headers, kept=kept)
        return await self._respond(request, error.status_code, headers=error.headers)

    async def _respond_to_sign_in_required(self, request: Request, required: SignInRequired) -> Response:
        response = self._pages.redirect_to_sign_in(required.next_path)
        draft = required.draft
        if draft is not None:
            try:
                viewer = await self._viewers.find(request)
                await self._drafts.keep(request, response, viewer, form=draft.form, texts=draft.texts)
            except HTTPException as error:
                return await self._respond_to_http_error(request, error)
            except ServiceUnavailable as error:
                return await self._respond_to_unavailable(request, error)
        return _redirect_page(request, response)

    async def _respond_to_stale_form(self, request: Request, stale: StaleForm) -> Response:
        return _redirect_page(request, self._pages.redirect(add_notice(stale.next_path, "stale")))

    async def _respond_to_missing_right(self, request: Request, error: Forbidden) -> Response:
        """Signing in helps a visitor; a user needs another role."""
        viewer = await self._find_viewer(request)
        if viewer is None or viewer.user is not None:
            return await self._respond(request, 403, texts=FORBIDDEN)
        # A form can't be sent again by a link.
        next_path = own_path(request) if request.method in ("GET", "HEAD") else "/"
        return await self._respond_to_sign_in_required(request, SignInRequired(next_path))

    async def _respond_to_domain_error(self, request: Request, error: Exception) -> Response:
        return await self._respond(request, _STATUSES[type(error)])

    async def _respond_to_unavailable(self, request: Request, error: ServiceUnavailable) -> Response:
        return await self._respond(request, 503, headers={"Retry-After": _RETRY_SECONDS})

    async def _respond_to_server_error(self, request: Request, error: Exception) -> Response:
        return await self._respond(request, 500)

    async def _respond(
        self,
        request: Request,
        status: int,
        *,
        texts: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        kept = kept_forms.find(request)
        if status in _WITHOUT_DATABASE:
            return self._pages.error_without_database(request, status, headers, kept=kept)
        return await self._respond_with_viewer(request, status, texts=texts, headers=headers, kept=kept)

    async def _respond_with_viewer(
        self,
        request: Request,
        status: int,
        *,
        texts: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        kept: KeptForm | None,
    ) -> Response:
        try:
            viewer = await self._find_viewer(request)
        except ServiceUnavailable:
            return self._pages.error_without_database(request, status, headers, kept=kept)
        if viewer is None:
            return self._pages.error_without_portal(status, headers)
        return self._pages.error(request, viewer, status, texts=texts, headers=headers, kept=kept)

    async def _find_viewer(self, request: Request) -> Viewer | None:
        """The viewer, or None if the host has no portal."""
        try:
            return await self._viewers.find(request)
        except HTTPException:
            return None


def _redirect_page(request: Request, redirect: Response) -> Response:
    """The redirect. For htmx, that of the page: it would put the other page into a part of this one."""
    if "hx-request" not in request.headers:
        return redirect
    return Response(headers={"HX-Redirect": redirect.headers["location"], "Cache-Control": "no-store"})
