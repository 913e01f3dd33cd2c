"""Signing up, as the settings of the portal allow."""

import json
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.passwords import PasswordHasher
from app.adapters.translations import N_
from app.domain.errors import Conflict, ValidationFailed
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import accounts, emails, sign_up
from app.web.bot_check import TIME_FIELD, BotCheck
from app.web.browser_sessions import BrowserSessions
from app.web.field_messages import describe_errors, find_errors, translate
from app.web.forms import read_form, require_own_site
from app.web.portal_pages import PortalPages
from app.web.rate_limit import PageRateLimit
from app.web.response_time import wait_evenly
from app.web.routes.portal.sign_in import METHODS, NOT_STORED, STALE_FORM, SignInPages
from app.web.safe_paths import safe_path
from app.web.viewer import FORM_FIELD, Viewer, Viewers

_NO_PASSWORD: Final = N_("Choose a password: this server sends no email, so nobody can sign in with a code.")
_DOMAINS_HINT: Final = N_("Of one of these domains: %(domains)s")


def router(
    pages: PortalPages,
    viewers: Viewers,
    sign_in_pages: SignInPages,
    browser_sessions: BrowserSessions,
    bot_check: BotCheck,
    database: Database,
    passwords: PasswordHasher,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /register."""
    routes = APIRouter()

    @routes.api_route("/register", methods=METHODS)
    async def sign_up_page(request: Request) -> Response:
        viewer = await viewers.find(request)
        next_path = safe_path(request.query_params.get("next"))
        if viewer.user is not None:
            return pages.redirect(next_path)
        return show(request, viewer, next_path, {TIME_FIELD: bot_check.stamp()})

    @routes.post("/register", dependencies=[Depends(form_limiter), Depends(require_own_site)])
    async def sign_up_by_form(request: Request) -> Response:
        viewer, form = await viewers.find(request), await read_form(request)
        next_path = safe_path(form.get("next"))
        if viewer.user is not None:
            return pages.redirect(next_path)
        if viewer.portal["sign_up"] == "closed":
            return show(request, viewer, next_path, form, status=403)
        errors = await find_form_errors(viewer, form)
        if errors:
            return show(request, viewer, next_path, form, status=422, errors=errors)
        email, name, password = form["email"].strip(), form["name"], form.get("password", "")
        # For a known address, too: the time of the response must not tell.
        password_hash = await passwords.hash_password(password) if password else None
        device = viewer.device_token

        def create(work: UnitOfWork) -> None:
            sign_up.sign_up(work, email=email, name=name, password_hash=password_hash, browser_token=device)

        try:
            await wait_evenly(database.write(create, viewer.operator_context))
        except Conflict:
            # Sign-up was closed since the portal was read.
            return show(request, viewer, next_path, form, status=403, is_closed=True)
        except ValidationFailed as failed:
            errors = describe_errors(viewer.locale, failed)
            return show(request, viewer, next_path, form, status=422, errors=errors)
        response = sign_in_pages.show_code(request, viewer, next_path, email=email, has_password=bool(password))
        browser_sessions.keep_next_path(request, response, next_path)
        return response

    async def find_form_errors(viewer: Viewer, form: Mapping[str, str]) -> Mapping[str, str]:
        """The messages by field."""
        name, email, password = form.get("name", ""), form.get("email", ""), form.get("password", "")
        checks = [lambda: accounts.check_name(name), lambda: emails.parse_email(email)]
        if password:
            checks.append(lambda: accounts.check_password(password))
        errors = dict(find_errors(viewer.locale, *checks))
        if not viewers.is_own_form(viewer, form.get(FORM_FIELD, "")):
            errors["form"] = translate(viewer.locale, STALE_FORM)
        elif error := bot_check.find_error(form):
            errors["form"] = translate(viewer.locale, error)
        if not password and not pages.sends_mail:
            errors["password"] = translate(viewer.locale, _NO_PASSWORD)
        if "email" not in errors:
            address = emails.normalize_email(email)
            try:
                await database.read(lambda work: sign_up.check_policy(work, address), viewer.operator_context)
            except ValidationFailed as failed:
                errors |= describe_errors(viewer.locale, failed)
        return errors

    def show(
        request: Request,
        viewer: Viewer,
        next_path: str,
        form: Mapping[str, str],
        *,
        status: int = 200,
        errors: Mapping[str, str] | None = None,
        is_closed: bool = False,
    ) -> Response:
        policy, stored = viewer.portal["sign_up"], viewer.portal["sign_up_domains"]
        domains = ", ".join(json.loads(stored)) if stored else ""
        return pages.respond(
            request,
            viewers.with_device(viewer),
            "portal/sign_up.html",
            current="sign_in",
            status=status,
            headers=NOT_STORED,
            next_path=next_path,
            is_closed=is_closed or policy == "closed",
            needs_approval=policy == "approval",
            domains_hint=translate(viewer.locale, _DOMAINS_HINT, domains=domains) if domains else None,
            limits={
                "max_name": accounts.MAX_NAME,
                "min_password": accounts.MIN_PASSWORD,
                "max_password": accounts.MAX_PASSWORD,
            },
            shown_at=form.get(TIME_FIELD, ""),
            name=form.get("name", ""),
            email=form.get("email", ""),
            errors=errors or {},
        )

    return routes
