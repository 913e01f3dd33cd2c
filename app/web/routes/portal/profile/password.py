"""The form of the password on the first tab."""

from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.passwords import PasswordHasher
from app.adapters.translations import N_
from app.api.authentication import ApiKeyAuthenticator
from app.domain.errors import Conflict
from app.domain.users import accounts, own_password
from app.web.field_messages import find_errors
from app.web.forms import require_own_site
from app.web.present_password import FIELD, PresentPassword
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.account import TAB, AccountPage
from app.web.routes.portal.profile.pages import HOME, STALE, ProfilePages

_CHANGED: Final = N_("The password was changed meanwhile. Enter the new one.")


def router(
    pages: ProfilePages,
    page: AccountPage,
    database: Database,
    passwords: PasswordHasher,
    present_password: PresentPassword,
    authenticator: ApiKeyAuthenticator,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """POST of /profile/password."""
    routes = APIRouter()

    @routes.post(f"{HOME}/password", dependencies=[Depends(form_limiter), Depends(require_own_site)])
    async def set_password(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        if not pages.is_own_form(visit, form):
            return await page.show(visit, errors={"form": visit.translate(STALE)})
        password = form.get("password", "")
        errors = dict(find_errors(visit.viewer.locale, lambda: accounts.check_password(password)))
        stored = await database.read(lambda work: own_password.find_hash(work, visit.user_id), visit.context)
        if stored is not None:
            error = await present_password.find_error(visit.viewer, form.get(FIELD, ""), stored)
            if error is not None:
                errors[FIELD] = error
        if errors:
            return await page.show(visit, errors=errors)
        new_hash = await passwords.hash_password(password)
        try:
            await database.write(
                lambda work: own_password.change(
                    work,
                    visit.user_id,
                    verified_hash=stored,
                    new_hash=new_hash,
                    removes_passkeys="remove_passkeys" in form,
                    revokes_keys="revoke_keys" in form,
                ),
                visit.context,
            )
        except Conflict as error:
            if error.code == "sign_in.too_old":
                return await pages.ask_for_verification(visit, TAB, {})
            return await page.show(visit, errors={FIELD: visit.translate(_CHANGED)})
        authenticator.invalidate()
        return pages.redirect(HOME, "password-set" if stored is None else "password-changed")

    return routes
