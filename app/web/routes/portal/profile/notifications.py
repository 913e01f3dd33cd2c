"""The tab with the choices of notifications. The links in emails open the same choices without a session."""

from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.translations import N_
from app.domain.errors import ValidationFailed
from app.domain.notifications import choices
from app.web.forms import require_own_site
from app.web.notification_choices import CADENCES, LABELS, RECAPS, save_choices
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.pages import METHODS, PATHS, STALE, ProfilePages, Visit

TAB: Final = "notifications"
_NO_CHOICE: Final = N_("Choose one of the values of the list.")


def router(pages: ProfilePages, database: Database, form_limiter: PageRateLimit) -> APIRouter:
    """GET, HEAD and POST of /profile/notifications."""
    routes = APIRouter()
    path = PATHS[TAB]

    async def show(visit: Visit, error: str | None = None) -> Response:
        chosen = await database.read(lambda work: choices.get_choices(work, visit.user_id), visit.context)
        return pages.show(
            visit,
            TAB,
            errors=None if error is None else {"form": visit.translate(error)},
            chosen=chosen,
            labels=LABELS,
            cadences=CADENCES,
            recaps=RECAPS,
        )

    @routes.api_route(path, methods=METHODS)
    async def notifications(request: Request) -> Response:
        return await show(await pages.open(request, TAB))

    @routes.post(path, dependencies=[Depends(form_limiter), Depends(require_own_site)])
    async def save(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        if not pages.is_own_form(visit, form):
            return await show(visit, STALE)
        try:
            await database.write(lambda work: save_choices(work, visit.user_id, form), visit.context)
        except ValidationFailed:
            # Only a form that was changed by hand sends another value.
            return await show(visit, _NO_CHOICE)
        return pages.redirect(path, "notifications-saved")

    return routes
