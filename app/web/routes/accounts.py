"""The pages that emails about accounts link to: an invitation, a new password, a confirmed address.

GET shows a form and changes nothing, because programs that scan mail open links. POST uses the token. Who accepts an
invitation or sets a new password is signed in by that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.passwords import PasswordHasher
from app.domain.errors import Conflict
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import accounts, emails
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, PASSWORD_RESET, TokenOwner
from app.web.browser_sessions import BrowserSessions, SignIn
from app.web.field_messages import find_errors, translate
from app.web.forms import read_form, require_own_site
from app.web.portal_pages import PortalPages
from app.web.rate_limit import PageRateLimit
from app.web.response_time import wait_evenly
from app.web.routes.portal.sign_in import METHODS, REFUSALS, SECRET_ADDRESS, STALE_FORM
from app.web.routes.portal.sign_in_link import TOKEN_STATUSES
from app.web.viewer import FORM_FIELD, Viewer, Viewers

_TEMPLATES: Final = {
    INVITATION: "portal/invitation.html",
    PASSWORD_RESET: "portal/password_reset.html",
    EMAIL_CONFIRMATION: "portal/confirm_email.html",
}
_LIMITS: Final = {
    "max_name": accounts.MAX_NAME,
    "min_password": accounts.MIN_PASSWORD,
    "max_password": accounts.MAX_PASSWORD,
}

Rule = Callable[[UnitOfWork], TokenOwner]


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request to the page of a purpose: with the user of its token, or with why the token is not valid."""

    request: Request
    viewer: Viewer
    purpose: str
    token: str
    owner: TokenOwner | None
    refusal: str
    is_own_form: bool
    """Whether the form came from this page; True for a request without one."""

    def find_errors(self, *checks: Callable[[], object]) -> dict[str, str]:
        """The messages of the fields that a check rejects, and that of an old form, as `form`."""
        errors = dict(find_errors(self.viewer.locale, *checks))
        if not self.is_own_form:
            errors["form"] = translate(self.viewer.locale, STALE_FORM)
        return errors


def router(
    pages: PortalPages,
    viewers: Viewers,
    browser_sessions: BrowserSessions,
    database: Database,
    passwords: PasswordHasher,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /invitation, /password-reset and /confirm-email."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]
    account_pages = _AccountPages(pages, viewers, browser_sessions, database)

    @routes.api_route("/invitation", methods=METHODS)
    async def invitation(request: Request) -> Response:
        return await account_pages.open(request, INVITATION)

    @routes.api_route("/password-reset", methods=METHODS)
    async def password_reset(request: Request) -> Response:
        return await account_pages.open(request, PASSWORD_RESET)

    @routes.api_route("/confirm-email", methods=METHODS)
    async def email_confirmation(request: Request) -> Response:
        return await account_pages.open(request, EMAIL_CONFIRMATION)

    @routes.post("/invitation", dependencies=forms)
    async def accept_invitation(request: Request) -> Response:
        form = await read_form(request)
        visit = await account_pages.find(request, INVITATION, form)
        if visit.owner is None:
            return account_pages.show(visit)
        name, password = form.get("name", ""), form.get("password", "")
        errors = visit.find_errors(lambda: accounts.check_name(name), lambda: accounts.check_password(password))
        if errors:
            return account_pages.show(visit, errors=errors, name=name)
        password_hash = await passwords.hash_password(password)
        return await account_pages.finish(
            visit,
            lambda work: accounts.accept_invitation(
                work, visit.token, name=accounts.check_name(name), password_hash=password_hash
            ),
        )

    @routes.post("/password-reset", dependencies=forms)
    async def reset_password(request: Request) -> Response:
        form = await read_form(request)
        visit = await account_pages.find(request, PASSWORD_RESET, form)
        if not visit.token:
            return await account_pages.request_link(visit, form, accounts.request_password_reset)
        if visit.owner is None:
            return account_pages.show(visit)
        password = form.get("password", "")
        errors = visit.find_errors(lambda: accounts.check_password(password))
        if errors:
            return account_pages.show(visit, errors=errors)
        password_hash = await passwords.hash_password(password)
        return await account_pages.finish(
            visit, lambda work: accounts.reset_password(work, visit.token, password_hash=password_hash)
        )

    @routes.post("/confirm-email", dependencies=forms)
    async def confirm_email(request: Request) -> Response:
        form = await read_form(request)
        visit = await account_pages.find(request, EMAIL_CONFIRMATION, form)
        if not visit.token:
            return await account_pages.request_link(visit, form, accounts.request_confirmation)
        if visit.owner is None:
            return account_pages.show(visit)
        errors = visit.find_errors()
        if errors:
            return account_pages.show(visit, errors=errors)
        browser_token = visit.viewer.device_token or None
        return await account_pages.finish(
            visit, lambda work: accounts.confirm_email(work, visit.token, browser_token=browser_token)
        )

    return routes


class _AccountPages:
    """Looks up tokens, and responds with the pages."""

    def __init__(
        self,
        pages: PortalPages,
        viewers: Viewers,
        browser_sessions: BrowserSessions,
        database: Database,
    ) -> None:
        self._pages = pages
        self._viewers = viewers
        self._browser_sessions = browser_sessions
        self._database = database

    async def open(self, request: Request, purpose: str) -> Response:
        """The response to GET, which changes nothing."""
        return self.show(await self.find(request, purpose, request.query_params))

    async def find(self, request: Request, purpose: str, params: Mapping[str, str]) -> _Visit:
        """The visit with the `token` of these parameters. Raises HTTPException 404 without a portal on the host."""
        viewer = await self._viewers.find(request)
        token = params.get("token", "")
        is_own_form = request.method != "POST" or self._viewers.is_own_form(viewer, params.get(FORM_FIELD, ""))
        visit = _Visit(request, viewer, purpose, token, None, "", is_own_form)
        try:
            owner = await self._database.read(
                lambda work: accounts.find_owner(work, token, purpose=purpose), viewer.operator_context
            )
        except Conflict as error:
            return replace(visit, refusal=error.code)
        return replace(visit, owner=owner)

    def show(self, visit: _Visit, *, errors: Mapping[str, str] | None = None, **values: str) -> Response:
        """The form, with messages by field, or the page that says why there is none. `values` are those of fields."""
        status = 422 if errors else 200
        if not visit.token and visit.purpose != INVITATION:
            if not self._pages.sends_mail:
                return self._respond("portal/without_mail.html", visit)
            return self._respond("portal/link_request.html", visit, status=status, errors=errors or {}, **values)
        if visit.owner is None:
            return self._respond("portal/account_refusal.html", visit, status=TOKEN_STATUSES[visit.refusal])
        values = {"name": visit.owner.name, **values}
        template = _TEMPLATES[visit.purpose]
        return self._respond(template, visit, status=status, errors=errors or {}, limits=_LIMITS, **values)

    async def finish(self, visit: _Visit, rule: Rule) -> Response:
        """Run the rule that uses the token, sign the user in unless it is a confirmation, and say what was stored."""
        is_sign_in = visit.purpose != EMAIL_CONFIRMATION

        def act(work: UnitOfWork) -> SignIn:
            owner = rule(work)
            if not is_sign_in:
                return SignIn()
            return self._browser_sessions.open(work, visit.request, visit.viewer, user_id=owner.user_id, method="email")

        try:
            sign_in = await self._database.write(act, visit.viewer.operator_context)
        except Conflict as error:
            # Another request has used the token since it was looked up.
            return self.show(replace(visit, owner=None, refusal=error.code))
        visit = replace(visit, viewer=self._browser_sessions.show_signed_in(visit.viewer, sign_in))
        refusal = translate(visit.viewer.locale, REFUSALS[sign_in.refusal]) if sign_in.refusal else ""
        response = self._respond("portal/account_result.html", visit, refusal=refusal)
        return self._browser_sessions.respond(visit.request, visit.viewer, response, sign_in)

    async def request_link(
        self, visit: _Visit, form: Mapping[str, str], rule: Callable[[UnitOfWork, str], None]
    ) -> Response:
        """Record that a link is to be sent. The response, and its time, are the same whether the address is known."""
        if not self._pages.sends_mail:
            return self.show(visit)
        email = form.get("email", "").strip()
        errors = visit.find_errors(lambda: emails.parse_known_email(email))
        if errors:
            return self.show(visit, errors=errors, email=email)
        await wait_evenly(self._database.write(lambda work: rule(work, email), visit.viewer.operator_context))
        return self._respond("portal/link_requested.html", visit, email=email)

    def _respond(self, template: str, visit: _Visit, *, status: int = 200, **values: Any) -> Response:
        return self._pages.respond(
            visit.request,
            self._viewers.with_device(visit.viewer),
            template,
            current="account",
            status=status,
            headers=SECRET_ADDRESS,
            visit=visit,
            **{"email": "", **values},
        )
