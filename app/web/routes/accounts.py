"""The pages that emails about accounts link to: an invitation, a new password, a confirmed address.

GET shows a form and changes nothing, because programs that scan mail open links. POST uses the token. The session comes
with the portal's pages; until then the last page says what was stored.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database, PortalContext
from app.adapters.passwords import PasswordHasher
from app.adapters.translations import N_, load_translation
from app.domain.errors import Conflict, ValidationFailed
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import accounts, emails
from app.domain.users.one_time_tokens import EMAIL_CONFIRMATION, INVITATION, PASSWORD_RESET, TokenOwner
from app.web.forms import read_form, require_own_site
from app.web.portal_language import PortalLanguage
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.routes.pages import find_portal_id
from app.web.templating import TemplateRenderer

MIN_REQUEST_SECONDS: Final = 0.3
"""The response to a requested link takes this long, so that its time does not show whether the address is known."""

_METHODS: Final = ["GET", "HEAD"]
_STATUSES: Final = {"token.unknown": 404, "token.used": 410, "token.expired": 410}
_MESSAGES: Final = {
    ("name", "blank"): N_("Enter your name."),
    ("name", "too_long"): N_("The name can have at most %(max)s characters."),
    ("name", "invalid"): N_("The name contains a character that can't be used."),
    ("password", "too_short"): N_("The password must have at least %(min)s characters."),
    ("password", "too_long"): N_("The password can have at most %(max)s characters."),
    ("password", "invalid"): N_("The password contains a character that can't be used."),
    ("email", "invalid"): N_("Enter an email address, such as jane@example.com."),
}

_TEMPLATES: Final = {
    INVITATION: "invitation.html",
    PASSWORD_RESET: "password_reset.html",
    EMAIL_CONFIRMATION: "confirm_email.html",
}
_LIMITS: Final = {
    "max_name": accounts.MAX_NAME,
    "min_password": accounts.MIN_PASSWORD,
    "max_password": accounts.MAX_PASSWORD,
}

Rule = Callable[[UnitOfWork], object]


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request to the page of a purpose: with the user of its token, or with why the token is not valid."""

    context: PortalContext
    portal: str
    """Its title."""
    locale: str
    purpose: str
    token: str
    owner: TokenOwner | None
    refusal: str

    def find_errors(self, *checks: Callable[[], object]) -> dict[str, str]:
        """The messages of the fields that a check rejects, in the language of the portal."""
        catalogue = load_translation(self.locale).catalogue
        errors: dict[str, str] = {}
        for check in checks:
            try:
                check()
            except ValidationFailed as failed:
                for error in failed.errors:
                    errors[error.field] = catalogue.gettext(_MESSAGES[error.field, error.code]) % error.limits
        return errors


def router(
    pages: TemplateRenderer,
    database: Database,
    passwords: PasswordHasher,
    public_address: PublicAddress,
    form_limiter: PageRateLimit,
    language: PortalLanguage,
) -> APIRouter:
    """GET, HEAD and POST of /invitation, /password-reset and /confirm-email."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]
    account_pages = _AccountPages(pages, database, public_address, language)

    @routes.api_route("/invitation", methods=_METHODS)
    async def invitation(request: Request) -> Response:
        return await account_pages.open(request, INVITATION)

    @routes.api_route("/password-reset", methods=_METHODS)
    async def password_reset(request: Request) -> Response:
        return await account_pages.open(request, PASSWORD_RESET)

    @routes.api_route("/confirm-email", methods=_METHODS)
    async def email_confirmation(request: Request) -> Response:
        return await account_pages.open(request, EMAIL_CONFIRMATION)

    @routes.post("/invitation", dependencies=forms)
    async def accept_invitation(request: Request) -> Response:
        form = await read_form(request)
        visit = await account_pages.find(request, INVITATION, form)
        if visit is None or visit.owner is None:
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
        if visit is not None and not visit.token:
            return await account_pages.request_link(visit, form, accounts.request_password_reset)
        if visit is None or visit.owner is None:
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
        if visit is not None and not visit.token:
            return await account_pages.request_link(visit, form, accounts.request_confirmation)
        if visit is None or visit.owner is None:
            return account_pages.show(visit)
        return await account_pages.finish(visit, lambda work: accounts.confirm_email(work, visit.token))

    return routes


class _AccountPages:
    """Looks up tokens, and responds with the pages."""

    def __init__(
        self, pages: TemplateRenderer, database: Database, public_address: PublicAddress, language: PortalLanguage
    ) -> None:
        self._pages = pages
        self._language = language
        self._database = database
        self._public_address = public_address

    async def open(self, request: Request, purpose: str) -> Response:
        """The response to GET, which changes nothing."""
        return self.show(await self.find(request, purpose, request.query_params))

    async def find(self, request: Request, purpose: str, params: Mapping[str, str]) -> _Visit | None:
        """The visit with the `token` of these parameters; None without a portal on the request's host."""
        portal_id = await find_portal_id(self._database, request)
        if portal_id is None:
            return None
        context = PortalContext(portal_id, OPERATOR, await self._public_address.find_trusted(request))
        token = params.get("token", "")

        def look_up(work: UnitOfWork) -> _Visit:
            portal = portals.get_current(work)
            owner, refusal = None, ""
            try:
                owner = accounts.find_owner(work, token, purpose=purpose)
            except Conflict as error:
                refusal = error.code
            return _Visit(context, portal["title"], portal["locale"], purpose, token, owner, refusal)

        visit = await self._database.read(look_up, context)
        self._language.remember(request, visit.locale)
        return visit

    def show(self, visit: _Visit | None, *, errors: Mapping[str, str] | None = None, **values: str) -> Response:
        """The form, with messages by field, or the page that says why there is none. `values` are those of fields."""
        if visit is None:
            return self._pages.error(404)
        status = 422 if errors else 200
        if not visit.token and visit.purpose != INVITATION:
            return self._respond("link_request.html", visit, status=status, errors=errors or {}, **values)
        if visit.owner is None:
            return self._respond("account_refusal.html", visit, status=_STATUSES[visit.refusal])
        values = {"name": visit.owner.name, **values}
        template = _TEMPLATES[visit.purpose]
        return self._respond(template, visit, status=status, errors=errors or {}, limits=_LIMITS, **values)

    async def finish(self, visit: _Visit, rule: Rule) -> Response:
        """Run the rule that uses the token, and say what was stored."""
        try:
            await self._database.write(rule, visit.context)
        except Conflict as error:
            # Another request has used the token since it was looked up.
            return self.show(replace(visit, owner=None, refusal=error.code))
        return self._respond("account_result.html", visit)

    async def request_link(
        self, visit: _Visit, form: Mapping[str, str], rule: Callable[[UnitOfWork, str], None]
    ) -> Response:
        """Record that a link is to be sent. The response, and its time, are the same whether the address is known."""
        email = form.get("email", "").strip()
        errors = visit.find_errors(lambda: emails.parse_known_email(email))
        if errors:
            return self.show(visit, errors=errors, email=email)
        write = self._database.write(lambda work: rule(work, email), visit.context)
        await asyncio.gather(write, asyncio.sleep(MIN_REQUEST_SECONDS))
        return self._respond("link_requested.html", visit, email=email)

    def _respond(self, template: str, visit: _Visit, *, status: int = 200, **values: Any) -> Response:
        return self._pages.private_form(
            template,
            status=status,
            locale=visit.locale,
            portal=visit.portal,
            visit=visit,
            **{"email": "", **values},
        )
