"""The form of the address on the first tab, and the page that the link to a new address opens."""

from typing import Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.translations import N_
from app.domain.errors import Conflict, ValidationFailed
from app.domain.users import own_email, own_password
from app.web.field_messages import describe_errors
from app.web.forms import require_own_site
from app.web.present_password import PresentPassword
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.account import NEW_EMAIL, TAB, AccountPage
from app.web.routes.portal.profile.pages import HOME, METHODS, STALE, ProfilePages, Visit
from app.web.routes.portal.sign_in import SECRET_ADDRESS
from app.web.routes.portal.sign_in_link import TOKEN_STATUSES

PASSWORD_FIELD: Final = "email_password"  # noqa: S105  The name of a field.
"""Not that of the other form, whose message would be shown beside it."""
_STATUSES: Final = {**TOKEN_STATUSES, "email.taken": 409}
_MESSAGES: Final = {
    "password.changed": N_("The password was changed meanwhile. Enter the new one."),
    "confirmation.too_soon": N_("A link was sent a moment ago. Another one can be sent five minutes later."),
}
_WITHOUT_MAIL: Final = N_("This server sends no email, so a new address can't be confirmed here.")


def router(
    pages: ProfilePages,
    page: AccountPage,
    database: Database,
    present_password: PresentPassword,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /profile/email, POST of /profile/email/confirm."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]

    @routes.post(f"{HOME}/email", dependencies=forms)
    async def request_change(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        if not pages.is_own_form(visit, form):
            return await page.show(visit, errors={"form": visit.translate(STALE)}, typed=form)
        if not pages.sends_mail:
            return await page.show(visit, errors={NEW_EMAIL: visit.translate(_WITHOUT_MAIL)})
        stored = await database.read(lambda work: own_password.find_hash(work, visit.user_id), visit.context)
        if stored is not None:
            error = await present_password.find_error(visit.viewer, form.get(PASSWORD_FIELD, ""), stored)
            if error is not None:
                return await page.show(visit, errors={PASSWORD_FIELD: error}, typed=form)
        email = form.get(NEW_EMAIL, "")
        try:
            await database.write(
                lambda work: own_email.request_change(work, visit.user_id, email=email, verified_hash=stored),
                visit.context,
            )
        except ValidationFailed as failed:
            message = describe_errors(visit.viewer.locale, failed)["email"]
            return await page.show(visit, errors={NEW_EMAIL: message}, typed=form)
        except Conflict as error:
            if error.code == "sign_in.too_old":
                return await pages.ask_for_verification(visit, TAB, form)
            field = PASSWORD_FIELD if error.code == "password.changed" else NEW_EMAIL
            return await page.show(visit, errors={field: visit.translate(_MESSAGES[error.code])}, typed=form)
        return await pages.forget_draft(visit, TAB, pages.redirect(HOME, "new-address-sent"))

    @routes.api_route(f"{HOME}/email", methods=METHODS)
    async def ask(request: Request) -> Response:
        """It changes nothing, because programs that scan mail open links."""
        visit, token = await pages.open(request, TAB), request.query_params.get("token", "")
        try:
            email = await database.read(
                lambda work: own_email.find_new_address(work, visit.user_id, token), visit.context
            )
        except Conflict as conflict:
            return refuse(visit, conflict.code)
        return pages.show(visit, TAB, template="email", headers=SECRET_ADDRESS, email=email, token=token, refusal="")

    def refuse(visit: Visit, refusal: str) -> Response:
        status = _STATUSES[refusal]
        return pages.show(visit, TAB, template="email", headers=SECRET_ADDRESS, status=status, refusal=refusal)

    @routes.post(f"{HOME}/email/confirm", dependencies=forms)
    async def change(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        token = form.get("token", "")
        if not pages.is_own_form(visit, form):
            return pages.redirect_stale(TAB)
        try:
            await database.write(lambda work: own_email.change(work, visit.user_id, token), visit.context)
        except Conflict as error:
            return refuse(visit, error.code)
        return pages.redirect(HOME, "address-changed")

    return routes
