"""Adding a passkey, and signing in by one. The script asks the browser, and sends what it made as a plain form."""

import logging
from typing import Final

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.passkeys import InvalidPasskey, Passkeys, Site, read_credential_id
from app.adapters.translations import N_
from app.domain.errors import Conflict, ValidationFailed
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import passkeys as stored_passkeys
from app.domain.users import recent_sign_in
from app.domain.users.sessions import SessionUser
from app.http.request import RequestContext
from app.web.browser_sessions import BrowserSessions, SignIn
from app.web.field_messages import translate
from app.web.forms import read_form, require_own_site
from app.web.portal_pages import PortalPages
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.verification import verification_path
from app.web.routes.portal.sign_in import METHODS, NOT_STORED, STALE_FORM, SignInPages
from app.web.safe_paths import safe_path
from app.web.viewer import FORM_FIELD, Viewer, Viewers

ADD_PATH: Final = "/profile/passkeys/new"
DONE_PATH: Final = "/profile/sessions"
"""The page that lists the passkeys."""
_NOT_VALID: Final = N_("This passkey did not work. Try again, or sign in another way.")
_NOT_ADDED: Final = N_("The passkey could not be added. Try again, or with another device.")
_NAME: Final = N_("Enter a name of up to %(max)s characters.")
_CONFLICTS: Final = {
    "passkey.too_many": N_("You have as many passkeys as possible. Delete one before."),
    "passkey.taken": N_("This passkey was added already."),
    "passkey.invalid": _NOT_ADDED,
}

log = logging.getLogger("earshot.passkeys")


def router(
    pages: PortalPages,
    viewers: Viewers,
    sign_in_pages: SignInPages,
    browser_sessions: BrowserSessions,
    passkeys: Passkeys,
    database: Database,
    public_address: PublicAddress,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """POST of /login/passkey; GET, HEAD and POST of /profile/passkeys/new."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]

    @routes.post("/login/passkey", dependencies=forms)
    async def sign_in_by_passkey(request: Request) -> Response:
        viewer, form = await viewers.find(request), await read_form(request)
        next_path = safe_path(form.get("next"))
        if viewer.user is not None:
            return pages.redirect(next_path)
        if not viewers.is_own_form(viewer, form.get(FORM_FIELD, "")):
            return await refuse_sign_in(request, viewer, next_path, STALE_FORM)
        credential, site = form.get("credential", ""), Site.parse(await public_address.find(request))
        credential_id = read_credential_id(credential)
        stored = await database.read(
            lambda work: stored_passkeys.find_by_credential(work, credential_id), viewer.operator_context
        )
        if stored is None or site is None:
            return await refuse_sign_in(request, viewer, next_path, _NOT_VALID)
        passkey = stored
        try:
            signature = passkeys.finish_sign_in(
                site,
                browser=viewer.device_token,
                ticket=form.get("ticket", ""),
                credential=credential,
                public_key=passkey.public_key,
                sign_count=passkey.sign_count,
            )
        except InvalidPasskey as error:
            log_refusal(request, error)
            return await refuse_sign_in(request, viewer, next_path, _NOT_VALID)

        def act(work: UnitOfWork) -> SignIn:
            stored_passkeys.record_use(
                work,
                passkey,
                sign_count=signature.sign_count,
                challenge=signature.challenge,
                expires_at=signature.expires_at,
            )
            return browser_sessions.open(work, request, viewer, user_id=passkey.user_id, method="passkey")

        try:
            signed_in = await database.write(act, viewer.operator_context)
        except Conflict as error:
            log_refusal(request, error.code)
            return await refuse_sign_in(request, viewer, next_path, _NOT_VALID)
        return await sign_in_pages.finish(request, viewer, signed_in, next_path)

    @routes.api_route(ADD_PATH, methods=METHODS)
    async def add_page(request: Request) -> Response:
        viewer = await viewers.require_user(request)
        if not await database.read(recent_sign_in.is_recent, viewer.context):
            return pages.redirect(verification_path(ADD_PATH))
        return await show(request, viewer, require_signed_in(viewer))

    @routes.post(ADD_PATH, dependencies=forms)
    async def add(request: Request) -> Response:
        viewer, form = await viewers.require_user(request), await read_form(request)
        user, name = require_signed_in(viewer), form.get("name", "")
        if not viewers.is_own_form(viewer, form.get(FORM_FIELD, "")):
            return await show(request, viewer, user, name=name, form_error=STALE_FORM)
        site = Site.parse(await public_address.find(request))
        if site is None:
            raise HTTPException(404)
        try:
            made = passkeys.finish_registration(
                site, browser=user.csrf_key, ticket=form.get("ticket", ""), credential=form.get("credential", "")
            )
            await database.write(
                lambda work: stored_passkeys.add(
                    work,
                    user_id=user.user_id,
                    credential_id=made.credential_id,
                    public_key=made.public_key,
                    sign_count=made.sign_count,
                    name=name,
                ),
                viewer.context,
            )
        except InvalidPasskey as error:
            log_refusal(request, error)
            return await show(request, viewer, user, name=name, form_error=_NOT_ADDED)
        except Conflict as error:
            if error.code == "sign_in.too_old":
                return pages.redirect(verification_path(ADD_PATH))
            return await show(request, viewer, user, name=name, form_error=_CONFLICTS[error.code])
        except ValidationFailed:
            return await show(request, viewer, user, name=name, name_error=_NAME)
        return pages.redirect(DONE_PATH)

    async def show(
        request: Request,
        viewer: Viewer,
        user: SessionUser,
        *,
        name: str = "",
        form_error: str = "",
        name_error: str = "",
    ) -> Response:
        site = Site.parse(await public_address.find(request))
        if site is None:
            raise HTTPException(404)
        known = await database.read(lambda work: stored_passkeys.list_of_user(work, user.user_id), viewer.context)
        ceremony = passkeys.begin_registration(
            site,
            browser=user.csrf_key,
            title=viewer.portal["title"],
            user_id=user.user_id,
            name=user.email or user.name or str(user.user_id),
            known=[passkey.credential_id for passkey in known],
        )
        errors = {"form": form_error, "name": name_error}
        return pages.respond(
            request,
            viewer,
            "portal/passkey_new.html",
            current="profile",
            status=422 if form_error or name_error else 200,
            headers=NOT_STORED,
            ceremony=ceremony,
            name=name,
            max_name=stored_passkeys.MAX_NAME,
            errors={
                field: translate(viewer.locale, message, max=stored_passkeys.MAX_NAME)
                for field, message in errors.items()
                if message
            },
        )

    async def refuse_sign_in(request: Request, viewer: Viewer, next_path: str, message: str) -> Response:
        errors = {"form": translate(viewer.locale, message)}
        return await sign_in_pages.show(request, viewer, next_path, status=422, errors=errors)

    def log_refusal(request: Request, cause: object) -> None:
        context: RequestContext = request.scope["earshot.request"]
        log.warning("a passkey was refused: %s (request %s, from %s)", cause, context.request_id, context.client_ip)

    return routes


def require_signed_in(viewer: Viewer) -> SessionUser:
    """The user of a page that has checked that somebody is signed in."""
    if viewer.user is None:
        raise HTTPException(404)
    return viewer.user
