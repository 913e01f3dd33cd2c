"""Signing in by a password, or by a link or a code in an email, and signing out."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Database
from app.adapters.passkeys import Passkeys, Site
from app.adapters.passwords import PasswordHasher
from app.adapters.translations import N_
from app.domain.errors import Conflict
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import emails, identity_providers, sign_in
from app.domain.users.address_confirmation import may_skip_confirmation
from app.domain.users.sign_in_requests import CODE_DIGITS
from app.web.account_limit import AccountLimit
from app.web.browser_sessions import BrowserSessions, SignIn
from app.web.field_messages import find_errors, translate, translate_minutes
from app.web.forms import read_form, require_own_site
from app.web.known_browsers import KnownBrowsers
from app.web.portal_pages import PortalPages
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.response_time import wait_evenly
from app.web.safe_paths import safe_path
from app.web.viewer import FORM_FIELD, Viewer, Viewers

METHODS: Final = ["GET", "HEAD"]
NOT_STORED: Final = {"Cache-Control": "no-store"}
"""The pages have tokens of forms, and addresses that were typed."""
SECRET_ADDRESS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
"""The headers of pages whose address may have a token."""
STALE_FORM: Final = N_(
    "This form was open for too long, or your browser keeps no cookies. Nothing is lost: send it again."
)
REFUSALS: Final = {
    "sign_in.blocked": N_("This account is blocked."),
    "sign_in.awaits_approval": N_("The team has not approved this account yet. You get an email when it has."),
}
WRONG_PASSWORD: Final = N_(
    "The address or the password is wrong, or you have not confirmed the address yet. Leave the password empty to get "
    "a code by email, which also confirms the address."
)
"""The same for each reason: whoever signs up with an address must not learn whether it had an account before."""
WRONG_PASSWORD_WITHOUT_MAIL: Final = N_("The address or the password is wrong.")
_TOO_MANY_PASSWORDS: Final = N_(
    "Too many wrong passwords for this address. Try again in %(minutes)s, or in a browser in which you have signed in "
    "before. Every other way to sign in still works, such as a code by email: leave the password empty to get one."
)
_TOO_MANY_PASSWORDS_WITHOUT_MAIL: Final = N_(
    "Too many wrong passwords for this address. Try again in %(minutes)s, or in a browser in which you have signed in "
    "before. Every other way to sign in still works."
)
_WRONG_CODE: Final = N_(
    "This code is wrong, was used, or came more than 15 minutes ago. The link of the email works as well."
)
_MALFORMED_CODE: Final = N_("The code has six digits.")
_CODE: Final = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")


class SignInPages:
    """Responds with the pages of signing in."""

    def __init__(
        self,
        pages: PortalPages,
        viewers: Viewers,
        sessions: BrowserSessions,
        database: Database,
        passkeys: Passkeys,
        public_address: PublicAddress,
    ) -> None:
        self._passkeys = passkeys
        self._public_address = public_address
        self._database = database
        self._pages = pages
        self._viewers = viewers
        self._sessions = sessions

    async def show(
        self,
        request: Request,
        viewer: Viewer,
        next_path: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        email: str = "",
        errors: Mapping[str, str] | None = None,
    ) -> Response:
        """The page of sign-in, with the messages by field; `form` is that of the whole form."""
        viewer = self._viewers.with_device(viewer)
        providers = await self._database.read(identity_providers.list_all, viewer.operator_context)
        site = Site.parse(await self._public_address.find(request))
        passkey = None if site is None else self._passkeys.begin_sign_in(site, browser=viewer.device_token)
        return self._respond(
            request,
            viewer,
            "portal/sign_in.html",
            status=status,
            headers=headers,
            next_path=next_path,
            email=email,
            errors=errors or {},
            is_private=bool(viewer.portal["is_private"]),
            may_sign_up=viewer.portal["sign_up"] != "closed",
            providers=[provider for provider in providers if provider.is_enabled],
            passkey=passkey,
        )

    def show_code(
        self,
        request: Request,
        viewer: Viewer,
        next_path: str,
        *,
        status: int = 200,
        email: str = "",
        code: str = "",
        has_password: bool = False,
        errors: Mapping[str, str] | None = None,
    ) -> Response:
        """The page that waits for the code, or says that none can come.

        `has_password` is whether somebody has just signed up with one.
        """
        template = "portal/sign_in_code.html"
        if not self._pages.sends_mail:
            template = "portal/sign_up_result.html" if has_password else "portal/without_mail.html"
        return self._respond(
            request,
            viewer,
            template,
            status=status,
            next_path=next_path,
            email=email,
            code=code,
            has_password=has_password,
            needs_approval=viewer.portal["sign_up"] == "approval",
            can_use_password=may_skip_confirmation(viewer.portal, sends_mail=self._pages.sends_mail),
            errors=errors or {},
        )

    def refuse(
        self,
        request: Request,
        viewer: Viewer,
        message: str,
        *,
        status: int = 403,
        refusal: str = "",
        retry_path: str = "",
        values: Mapping[str, str] | None = None,
    ) -> Response:
        """The page that says why the user may not sign in.

        `retry_path` leads to another way. `values` replace the placeholders of the message.
        """
        return self._pages.respond(
            request,
            viewer,
            "portal/sign_in_refusal.html",
            current="sign_in",
            status=status,
            headers=SECRET_ADDRESS,
            message=translate(viewer.locale, message, **(values or {})),
            refusal=refusal,
            retry_path=retry_path,
        )

    async def finish(self, request: Request, viewer: Viewer, signed_in: SignIn, next_path: str | None) -> Response:
        """Lead the user on, or say why the user may not sign in."""
        if signed_in.refusal:
            return self.refuse(request, viewer, REFUSALS[signed_in.refusal], refusal=signed_in.refusal)
        return self._sessions.redirect(request, viewer, signed_in, next_path)

    def _respond(
        self,
        request: Request,
        viewer: Viewer,
        template: str,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        return self._pages.respond(
            request,
            self._viewers.with_device(viewer),
            template,
            current="sign_in",
            status=status,
            headers={**NOT_STORED, **(headers or {})},
            **context,
        )


def router(
    pages: PortalPages,
    viewers: Viewers,
    sign_in_pages: SignInPages,
    browser_sessions: BrowserSessions,
    known_browsers: KnownBrowsers,
    database: Database,
    passwords: PasswordHasher,
    account_limit: AccountLimit,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /login, /login/code and /logout; GET and HEAD of /sign-in."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]

    @routes.api_route("/sign-in", methods=METHODS)
    async def sign_in_by_other_name(request: Request) -> Response:
        query = request.url.query
        return RedirectResponse(pages.link("/login" + (f"?{query}" if query else "")), 302, NOT_STORED)

    @routes.api_route("/login", methods=METHODS)
    async def sign_in_page(request: Request) -> Response:
        viewer = await viewers.find(request)
        next_path = safe_path(request.query_params.get("next"))
        if viewer.user is not None:
            return pages.redirect(next_path)
        return await sign_in_pages.show(request, viewer, next_path)

    @routes.post("/login", dependencies=forms)
    async def sign_in_by_form(request: Request) -> Response:
        viewer, form = await viewers.find(request), await read_form(request)
        next_path, email = safe_path(form.get("next")), form.get("email", "").strip()
        if viewer.user is not None:
            # In another window, after this form was shown.
            return pages.redirect(next_path)
        errors = dict(find_errors(viewer.locale, lambda: emails.parse_known_email(email)))
        if not viewers.is_own_form(viewer, form.get(FORM_FIELD, "")):
            errors["form"] = translate(viewer.locale, STALE_FORM)
        if errors:
            return await sign_in_pages.show(request, viewer, next_path, status=422, email=email, errors=errors)
        password = form.get("password", "")
        if not password:
            return await send_code(request, viewer, next_path, email)
        return await verify_password(request, viewer, next_path, email, password)

    async def send_code(request: Request, viewer: Viewer, next_path: str, email: str) -> Response:
        """Record that an email is to be sent. The response and its time do not depend on the address.

        Without a mail server nothing is recorded, and the page says so.
        """
        if not pages.sends_mail:
            return sign_in_pages.show_code(request, viewer, next_path)
        device = viewer.device_token
        await wait_evenly(
            database.write(lambda work: sign_in.request(work, email, browser_token=device), viewer.operator_context)
        )
        response = sign_in_pages.show_code(request, viewer, next_path, email=email)
        browser_sessions.keep_next_path(request, response, next_path)
        return response

    async def verify_password(request: Request, viewer: Viewer, next_path: str, email: str, password: str) -> Response:
        """Sign in by password. An address without a user, or without a password, takes the same work."""
        portal_id, key = viewer.portal["id"], emails.normalize_email(email)
        browser = known_browsers.find(request, portal_id, key)
        seconds = await account_limit.count(portal_id, key, browser=browser)
        if seconds is not None:
            minutes = translate_minutes(viewer.locale, seconds)
            message = _TOO_MANY_PASSWORDS if pages.sends_mail else _TOO_MANY_PASSWORDS_WITHOUT_MAIL
            return await sign_in_pages.show(
                request,
                viewer,
                next_path,
                status=429,
                headers={"Retry-After": str(seconds)},
                email=email,
                errors={"form": translate(viewer.locale, message, minutes=minutes)},
            )
        context = viewer.operator_context
        credentials = await database.read(
            lambda work: sign_in.find_by_email(work, email, sends_mail=pages.sends_mail), context
        )
        verification = await passwords.verify(password, credentials.password_hash)

        def complete(work: UnitOfWork) -> SignIn:
            token = sign_in.complete(
                work,
                credentials,
                sends_mail=pages.sends_mail,
                new_hash=verification.new_hash,
                user_agent=request.headers.get("user-agent", ""),
                former_token=viewer.session_token or None,
            )
            return browser_sessions.claim(work, viewer, token, user_id=credentials.user_id or 0)

        wrong = WRONG_PASSWORD if pages.sends_mail else WRONG_PASSWORD_WITHOUT_MAIL
        message = wrong
        # Without a write, as for a wrong one: the time of the response must not tell.
        if verification.is_valid and credentials.is_enough:
            try:
                signed_in = await database.write(complete, context)
            except Conflict as error:
                message = REFUSALS.get(error.code, wrong)
            else:
                await account_limit.forget(portal_id, key, browser=browser)
                return await sign_in_pages.finish(request, viewer, signed_in, next_path)
        errors = {"form": translate(viewer.locale, message)}
        return await sign_in_pages.show(request, viewer, next_path, status=422, email=email, errors=errors)

    @routes.api_route("/login/code", methods=METHODS)
    async def code_page(request: Request) -> Response:
        viewer = await viewers.find(request)
        next_path = safe_path(request.query_params.get("next"))
        if viewer.user is not None:
            return pages.redirect(next_path)
        return sign_in_pages.show_code(request, viewer, next_path)

    @routes.post("/login/code", dependencies=forms)
    async def sign_in_by_code(request: Request) -> Response:
        viewer, form = await viewers.find(request), await read_form(request)
        next_path, email = safe_path(form.get("next")), form.get("email", "")
        if viewer.user is not None:
            return pages.redirect(next_path)
        code = "".join(form.get("code", "").split())
        errors = {}
        if not viewers.is_own_form(viewer, form.get(FORM_FIELD, "")):
            errors["form"] = translate(viewer.locale, STALE_FORM)
        elif not _CODE.fullmatch(code):
            errors["code"] = translate(viewer.locale, _MALFORMED_CODE)
        if errors:
            return sign_in_pages.show_code(
                request, viewer, next_path, status=422, email=email, code=code, errors=errors
            )

        def use_code(work: UnitOfWork) -> SignIn | None:
            owner = sign_in.use_code(work, code, browser_token=viewer.device_token)
            if owner is None:
                return None
            return browser_sessions.open(work, request, viewer, user_id=owner.user_id, method="email")

        signed_in = await database.write(use_code, viewer.operator_context)
        if signed_in is None:
            errors["code"] = translate(viewer.locale, _WRONG_CODE)
            return sign_in_pages.show_code(
                request, viewer, next_path, status=422, email=email, code=code, errors=errors
            )
        return await sign_in_pages.finish(request, viewer, signed_in, next_path)

    @routes.api_route("/logout", methods=METHODS)
    async def sign_out_page(request: Request) -> Response:
        """For links to it: signing out takes a form, or any page could sign its visitors out."""
        return show_sign_out(request, await viewers.find(request))

    @routes.post("/logout", dependencies=[Depends(require_own_site)])
    async def sign_out(request: Request) -> Response:
        viewer, form = await viewers.find(request), await read_form(request)
        if viewer.user is not None and not viewers.is_own_form(viewer, form.get(FORM_FIELD, "")):
            return show_sign_out(request, viewer, status=422)
        return await browser_sessions.end(request, viewer)

    def show_sign_out(request: Request, viewer: Viewer, *, status: int = 200) -> Response:
        if viewer.user is None:
            return pages.redirect("/")
        return pages.respond(
            request, viewer, "portal/sign_out.html", current="profile", status=status, headers=NOT_STORED
        )

    return routes


def login_path(next_path: str) -> str:
    """The path of the page of signing in, which leads on to `next_path`."""
    return "/login" if next_path == "/" else f"/login?{urlencode({'next': next_path})}"
