"""The tab with the user's data: the export, and the deletion of the account."""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.storage.signed_urls import FileSigner
from app.adapters.storage.uploads import Uploads
from app.adapters.translations import N_
from app.api.authentication import ApiKeyAuthenticator
from app.domain.errors import Conflict
from app.domain.users import deletion, emails, own_data, own_password, profile
from app.domain.users.profile import Profile
from app.web.cookies import SESSION, Cookies
from app.web.forms import require_own_site
from app.web.present_password import FIELD, PresentPassword
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.pages import HOME, METHODS, PATHS, STALE, ProfilePages, Visit

TAB: Final = "data"
CONTENT_CHOICES: Final = ("keep", "delete")
_DELETE_PATH: Final = f"{HOME}/delete"
_NO_CHOICE: Final = N_("Choose what happens to what you wrote.")
_OTHER_ADDRESS: Final = N_("That is not the email address of this account.")
_OTHER_NAME: Final = N_("That is not the name of this account.")
_IS_OWNER: Final = N_("The owner of the portal can't delete the account. Make somebody else the owner first.")
_DOWNLOAD: Final = {
    "Content-Disposition": 'attachment; filename="my-data.json"',
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
}


def router(
    pages: ProfilePages,
    database: Database,
    uploads: Uploads,
    signer: FileSigner,
    public_address: PublicAddress,
    authenticator: ApiKeyAuthenticator,
    present_password: PresentPassword,
    cookies: Cookies,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET and HEAD of /profile/data and /profile/export; GET, HEAD and POST of /profile/delete."""
    routes = APIRouter()

    @routes.api_route(PATHS[TAB], methods=METHODS)
    async def show(request: Request) -> Response:
        visit = await pages.open(request, TAB)
        return pages.show(visit, TAB, is_owner=visit.user.role == "owner")

    @routes.api_route(f"{HOME}/export", methods=METHODS, dependencies=[Depends(form_limiter)])
    async def export(request: Request) -> Response:
        visit = await pages.open(request, TAB)
        data = await database.read(
            lambda work: own_data.export_own_data(work, visit.user_id), visit.context, in_thread=True
        )
        add_addresses(data, await public_address.find(request))
        content = json.dumps(data, ensure_ascii=False, indent=2)
        return Response(content, headers=_DOWNLOAD, media_type="application/json")

    def add_addresses(data: dict[str, Any], base_url: str) -> None:
        """Under them, the files can be loaded for some hours, also those of posts that visitors don't see."""
        picture = data["profile"]["picture"]
        data["profile"]["picture_address"] = None if picture is None else base_url + signer.path(picture)
        for file in data["files"]:
            file["address"] = base_url + signer.path(file["name"])

    async def show_question(
        visit: Visit, *, errors: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None
    ) -> Response:
        found = await database.read(lambda work: profile.get(work, visit.user_id), visit.context)
        typed = typed or {}
        return pages.show(
            visit,
            TAB,
            template="delete",
            errors=errors,
            profile=found,
            content=typed.get("content", ""),
            typed_name=typed.get("confirmation", ""),
        )

    @routes.api_route(_DELETE_PATH, methods=METHODS)
    async def ask(request: Request) -> Response:
        return await show_question(await pages.open(request, TAB))

    @routes.post(_DELETE_PATH, dependencies=[Depends(form_limiter), Depends(require_own_site)])
    async def delete_account(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        if not pages.is_own_form(visit, form):
            return await show_question(visit, errors={"form": visit.translate(STALE)}, typed=form)
        errors = {}
        if form.get("content") not in CONTENT_CHOICES:
            errors["content"] = visit.translate(_NO_CHOICE)
        found, stored = await database.read(
            lambda work: (profile.get(work, visit.user_id), own_password.find_hash(work, visit.user_id)),
            visit.context,
        )
        if stored is None:
            errors |= _check_confirmation(visit, found, form.get("confirmation", ""))
        elif error := await present_password.find_error(visit.viewer, form.get(FIELD, ""), stored):
            errors[FIELD] = error
        if errors:
            return await show_question(visit, errors=errors, typed=form)
        with_content = form["content"] == "delete"
        try:
            deleted = await database.write(
                lambda work: deletion.delete(work, visit.user_id, with_content=with_content),
                visit.context,
                in_thread=with_content,
            )
        except Conflict:
            return await show_question(visit, errors={"form": visit.translate(_IS_OWNER)}, typed=form)
        authenticator.invalidate()
        await uploads.delete(deleted.files)
        response = pages.redirect("/", "account-deleted")
        cookies.delete(request, response, SESSION)
        return response

    return routes


def _check_confirmation(visit: Visit, found: Profile, typed: str) -> dict[str, str]:
    """The messages about what a user without a password types instead: the address, or the name of one without it."""
    if found.email is not None:
        is_right = emails.normalize_email(typed) == emails.normalize_email(found.email)
        return {} if is_right else {"confirmation": visit.translate(_OTHER_ADDRESS)}
    return {} if typed.strip() == found.name else {"confirmation": visit.translate(_OTHER_NAME)}
