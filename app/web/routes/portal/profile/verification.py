"""The page on which a signed-in user shows again who it is, before a change that a stolen session must not make."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.passkeys import InvalidPasskey, Passkeys, Site, read_credential_id
from app.adapters.translations import N_
from app.domain.errors import Conflict
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import own_password, profile, sign_in
from app.domain.users import passkeys as stored_passkeys
from app.web.browser_sessions import BrowserSessions, SignIn
from app.web.forms import require_own_site
from app.web.present_password import FIELD, PresentPassword
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.pages import HOME, METHODS, STALE, VERIFICATION_PATH, ProfilePages, Visit
from app.web.safe_paths import safe_path

TAB: Final = "account"
_NOT_VALID: Final = N_("This passkey did not work. Try again, or another way.")
_CHANGED: Final = N_("The password was changed meanwhile. Enter the new one.")
_WRONG_CODE: Final = N_("This code is wrong, was used, or came more than 15 minutes ago.")


def router(
    pages: ProfilePages,
    database: Database,
    browser_sessions: BrowserSessions,
    present_password: PresentPassword,
    passkeys: Passkeys,
    public_address: PublicAddress,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /profile/verification; POST of its /passkey, /send and /code."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]
    verification = _Verification(pages, database, browser_sessions, present_password, passkeys, public_address)

    @routes.api_route(VERIFICATION_PATH, methods=METHODS)
    async def ask(request: Request) -> Response:
        visit = await pages.open(request, TAB)
        return await verification.show(visit, safe_path(request.query_params.get("next") or HOME))

    @routes.post(VERIFICATION_PATH, dependencies=forms)
    async def verify_password(request: Request) -> Response:
        return await verification.verify_password(*await pages.open_form(request, TAB))

    @routes.post(f"{VERIFICATION_PATH}/passkey", dependencies=forms)
    async def verify_passkey(request: Request) -> Response:
        return await verification.verify_passkey(*await pages.open_form(request, TAB))

    @routes.post(f"{VERIFICATION_PATH}/send", dependencies=forms)
    async def send_code(request: Request) -> Response:
        return await verification.send_code(*await pages.open_form(request, TAB))

    @routes.post(f"{VERIFICATION_PATH}/code", dependencies=forms)
    async def verify_code(request: Request) -> Response:
        return await verification.verify_code(*await pages.open_form(request, TAB))

    return routes


def verification_path(next_path: str) -> str:
    """The path of the page, which leads on to `next_path`."""
    return f"{VERIFICATION_PATH}?{urlencode({'next': next_path})}"


class _Verification:
    """Shows the page. Whoever passes gets a new session in place of the present one."""

    def __init__(
        self,
        pages: ProfilePages,
        database: Database,
        browser_sessions: BrowserSessions,
        present_password: PresentPassword,
        passkeys: Passkeys,
        public_address: PublicAddress,
    ) -> None:
        self._pages = pages
        self._database = database
        self._browser_sessions = browser_sessions
        self._present_password = present_password
        self._passkeys = passkeys
        self._public_address = public_address

    async def show(
        self, visit: Visit, next_path: str, *, errors: Mapping[str, str] | None = None, is_code_sent: bool = False
    ) -> Response:
        """The page with the ways that the user has."""
        found, known = await self._database.read(
            lambda work: (profile.get(work, visit.user_id), stored_passkeys.list_of_user(work, visit.user_id)),
            visit.context,
        )
        site = Site.parse(await self._public_address.find(visit.request)) if known else None
        return self._pages.show(
            visit,
            TAB,
            template="verification",
            errors=errors,
            next_path=next_path,
            profile=found,
            # A code would confirm the address of an account that somebody else may have signed up for.
            may_send_code=found.is_email_confirmed and self._pages.sends_mail,
            is_code_sent=is_code_sent,
            passkey=None if site is None else self._passkeys.begin_sign_in(site, browser=visit.user.csrf_key),
        )

    async def verify_password(self, visit: Visit, form: Mapping[str, str]) -> Response:
        """By the present password."""
        next_path = safe_path(form.get("next"))
        stored = await self._database.read(lambda work: own_password.find_hash(work, visit.user_id), visit.context)
        if stored is None or not self._pages.is_own_form(visit, form):
            return await self.show(visit, next_path, errors={"form": visit.translate(STALE)})
        error = await self._present_password.find_error(visit.viewer, form.get(FIELD, ""), stored)
        if error is not None:
            return await self.show(visit, next_path, errors={FIELD: error})

        def renew(work: UnitOfWork) -> SignIn:
            own_password.require_hash(work, visit.user_id, stored)
            return self._renew(work, visit, "password")

        try:
            signed_in = await self._database.write(renew, visit.viewer.operator_context)
        except Conflict:
            return await self.show(visit, next_path, errors={FIELD: visit.translate(_CHANGED)})
        return self._finish(visit, signed_in, next_path)

    async def verify_passkey(self, visit: Visit, form: Mapping[str, str]) -> Response:
        """By a passkey of the same user."""
        next_path, credential = safe_path(form.get("next")), form.get("credential", "")
        if not self._pages.is_own_form(visit, form):
            return await self.show(visit, next_path, errors={"form": visit.translate(STALE)})
        site = Site.parse(await self._public_address.find(visit.request))
        credential_id = read_credential_id(credential)
        passkey = await self._database.read(
            lambda work: stored_passkeys.find_by_credential(work, credential_id), visit.viewer.operator_context
        )
        refusal = {"form": visit.translate(_NOT_VALID)}
        if passkey is None or site is None or passkey.user_id != visit.user_id:
            return await self.show(visit, next_path, errors=refusal)
        try:
            signature = self._passkeys.finish_sign_in(
                site,
                browser=visit.user.csrf_key,
                ticket=form.get("ticket", ""),
                credential=credential,
                public_key=passkey.public_key,
                sign_count=passkey.sign_count,
            )
        except InvalidPasskey:
            return await self.show(visit, next_path, errors=refusal)

        def renew(work: UnitOfWork) -> SignIn:
            stored_passkeys.record_use(
                work,
                passkey,
                sign_count=signature.sign_count,
                challenge=signature.challenge,
                expires_at=signature.expires_at,
            )
            return self._renew(work, visit, "passkey")

        try:
            signed_in = await self._database.write(renew, visit.viewer.operator_context)
        except Conflict:
            return await self.show(visit, next_path, errors=refusal)
        return self._finish(visit, signed_in, next_path)

    async def send_code(self, visit: Visit, form: Mapping[str, str]) -> Response:
        """Send a code that is valid in this session only."""
        next_path, email = safe_path(form.get("next")), visit.user.email
        if not self._pages.is_own_form(visit, form):
            return await self.show(visit, next_path, errors={"form": visit.translate(STALE)})
        found = await self._database.read(lambda work: profile.get(work, visit.user_id), visit.context)
        if email is None or not found.is_email_confirmed or not self._pages.sends_mail:
            raise HTTPException(404)
        await self._database.write(
            lambda work: sign_in.request(work, email, browser_token=visit.user.csrf_key), visit.viewer.operator_context
        )
        return await self.show(visit, next_path, is_code_sent=True)

    async def verify_code(self, visit: Visit, form: Mapping[str, str]) -> Response:
        """By the code that was sent."""
        next_path, code = safe_path(form.get("next")), "".join(form.get("code", "").split())
        if not self._pages.is_own_form(visit, form):
            return await self.show(visit, next_path, errors={"form": visit.translate(STALE)}, is_code_sent=True)

        def renew(work: UnitOfWork) -> SignIn | None:
            owner = sign_in.use_code(work, code, browser_token=visit.user.csrf_key)
            return None if owner is None or owner.user_id != visit.user_id else self._renew(work, visit, "email")

        signed_in = await self._database.write(renew, visit.viewer.operator_context)
        if signed_in is None:
            return await self.show(visit, next_path, errors={"code": visit.translate(_WRONG_CODE)}, is_code_sent=True)
        return self._finish(visit, signed_in, next_path)

    def _renew(self, work: UnitOfWork, visit: Visit, method: str) -> SignIn:
        return self._browser_sessions.open(work, visit.request, visit.viewer, user_id=visit.user_id, method=method)

    def _finish(self, visit: Visit, signed_in: SignIn, next_path: str) -> Response:
        if signed_in.refusal:
            # Blocked meanwhile, which also ended the session.
            return self._pages.redirect_to_sign_in(next_path)
        return self._browser_sessions.redirect(visit.request, visit.viewer, signed_in, next_path)
