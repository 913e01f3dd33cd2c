"""The tab about signing in: the passkeys of the user, and the browsers that are signed in."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Clock, Database
from app.adapters.passkeys import Site
from app.adapters.translations import N_
from app.domain.errors import NotFound, ValueOutOfRange
from app.domain.sql.timestamps import Timestamp
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import passkeys, sessions
from app.domain.users.sessions import SessionDescription
from app.web import browsers
from app.web.forms import require_own_site
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.pages import HOME, METHODS, PATHS, ProfilePages, Visit

TAB: Final = "sessions"
_METHODS: Final = {
    "password": N_("by password"),
    "email": N_("by email"),
    "provider": N_("by a provider"),
    "passkey": N_("by passkey"),
    "sign_on": N_("by single sign-on"),
    "link": N_("by a link"),
}


@dataclass(frozen=True, slots=True)
class _ShownSession:
    id: int
    browser: str
    method: str
    created_at: Timestamp
    last_used_at: Timestamp
    is_current: bool


def router(
    pages: ProfilePages, database: Database, public_address: PublicAddress, clock: Clock, form_limiter: PageRateLimit
) -> APIRouter:
    """GET and HEAD of /profile/sessions; POST of what ends sessions and deletes passkeys."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]

    async def write(request: Request, rule: Callable[[UnitOfWork, Visit], object], notice: str) -> Response:
        """Run the rule for the form of a button."""
        visit, form = await pages.open_form(request, TAB)
        if not pages.is_own_form(visit, form):
            return pages.redirect_stale(TAB)
        # After a double click, or in another window, it is as the form asked for.
        with suppress(NotFound, ValueOutOfRange):
            await database.write(lambda work: rule(work, visit), visit.context)
        return pages.redirect(PATHS[TAB], notice)

    @routes.api_route(PATHS[TAB], methods=METHODS)
    async def show(request: Request) -> Response:
        visit = await pages.open(request, TAB)
        user_id = visit.user_id
        all_sessions, all_passkeys = await database.read(
            lambda work: (sessions.list_of_user(work, user_id), passkeys.list_of_user(work, user_id)), visit.context
        )
        return pages.show(
            visit,
            TAB,
            sessions=[_show_session(visit, session) for session in all_sessions],
            passkeys=all_passkeys,
            # Browsers make none for an address without a name, such as 127.0.0.1.
            may_add_passkey=Site.parse(await public_address.find(request)) is not None,
            now=clock(),
        )

    @routes.post(f"{PATHS[TAB]}/{{session_id:int}}/end", dependencies=forms)
    async def end_session(request: Request, session_id: int) -> Response:
        return await write(
            request, lambda work, visit: sessions.revoke(work, session_id, user_id=visit.user_id), "session-ended"
        )

    @routes.post(f"{PATHS[TAB]}/end-others", dependencies=forms)
    async def end_other_sessions(request: Request) -> Response:
        return await write(
            request,
            lambda work, visit: sessions.revoke_all(work, visit.user_id, kept=visit.user.session_id),
            "other-sessions-ended",
        )

    @routes.post(f"{HOME}/passkeys/{{passkey_id:int}}/delete", dependencies=forms)
    async def delete_passkey(request: Request, passkey_id: int) -> Response:
        return await write(
            request,
            lambda work, visit: passkeys.delete_passkey(work, passkey_id, user_id=visit.user_id),
            "passkey-deleted",
        )

    return routes


def _show_session(visit: Visit, session: SessionDescription) -> _ShownSession:
    return _ShownSession(
        session.id,
        _describe_browser(visit, session.user_agent),
        visit.translate(_METHODS[session.method]),
        session.created_at,
        session.last_used_at,
        session.id == visit.user.session_id,
    )


def _describe_browser(visit: Visit, user_agent: str) -> str:
    browser, system = browsers.find_names(user_agent)
    if browser is None:
        return browsers.shorten(user_agent) or visit.translate(N_("Unknown browser"))
    if system is None:
        return browser
    return visit.translate(N_("%(browser)s on %(system)s"), browser=browser, system=system)
