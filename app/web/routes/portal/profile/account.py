"""The first tab: name, language, picture, address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.images import InvalidImage, SanitizedImage
from app.adapters.storage.base import generate_name
from app.adapters.storage.uploads import Uploads
from app.adapters.translations import N_, list_languages
from app.domain.errors import CommitUncertain, ValidationFailed
from app.domain.users import accounts, profile, recent_sign_in
from app.domain.users.profile import Profile
from app.web.field_messages import describe_errors
from app.web.forms import MAX_FORM_BYTES, UploadForm, read_upload_form, require_own_site
from app.web.localization import find_language_name
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.pages import HOME, METHODS, STALE, ProfilePages, Visit, may_have_keys

TAB: Final = "account"
NEW_EMAIL: Final = "new_email"
"""The field of the form that changes the address."""
MAX_PICTURE_BYTES: Final = 10 * 1024 * 1024
PICTURE_TYPES: Final = ("png", "jpeg", "gif", "webp")
LIMITS: Final = {"min_password": accounts.MIN_PASSWORD, "max_password": accounts.MAX_PASSWORD}

_NO_FILE: Final = N_("Choose a picture first.")
_TOO_LARGE: Final = N_("The picture is larger than %(maximum)s MB.")
_NO_PICTURE: Final = N_("This file is not a picture: PNG, JPEG, GIF and WebP can be used.")


@dataclass(frozen=True, slots=True)
class _Language:
    value: str
    """Empty for the language of the portal."""
    name: str
    is_chosen: bool


class AccountPage:
    """Shows the tab, on which the forms of several routes are."""

    def __init__(self, pages: ProfilePages, database: Database) -> None:
        self._pages = pages
        self._database = database

    async def show(
        self, visit: Visit, *, errors: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None
    ) -> Response:
        """The page; `typed` are the fields of a form that comes back."""
        found, may_set_password = await self._database.read(
            lambda work: (profile.get(work, visit.user_id), recent_sign_in.is_recent(work)), visit.context
        )
        kept = None if errors else await self._pages.find_draft(visit, TAB)
        typed = typed or kept or {}
        return self._pages.show(
            visit,
            TAB,
            errors=errors,
            has_kept_draft=kept is not None,
            profile=found,
            may_have_keys=may_have_keys(visit),
            may_set_password=found.has_password or may_set_password,
            name=typed.get("name", found.name),
            new_email=typed.get(NEW_EMAIL, ""),
            languages=_list_languages(visit, found, typed.get("locale")),
            limits=LIMITS,
            max_megabytes=MAX_PICTURE_BYTES >> 20,
        )


def router(
    pages: ProfilePages, page: AccountPage, database: Database, uploads: Uploads, form_limiter: PageRateLimit
) -> APIRouter:
    """GET, HEAD and POST of /profile; POST of /profile/picture, /profile/picture/delete and /profile/confirmation."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]

    @routes.api_route(HOME, methods=METHODS)
    async def show(request: Request) -> Response:
        return await page.show(await pages.open(request, TAB))

    @routes.post(HOME, dependencies=forms)
    async def save(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        name, locale = form.get("name", ""), form.get("locale") or None
        if not pages.is_own_form(visit, form):
            return await page.show(visit, errors={"form": visit.translate(STALE)}, typed=form)
        try:
            await database.write(
                lambda work: profile.edit(work, visit.user_id, name=name, locale=locale), visit.context
            )
        except ValidationFailed as failed:
            return await page.show(visit, errors=describe_errors(visit.viewer.locale, failed), typed=form)
        return await pages.forget_draft(visit, TAB, pages.redirect(HOME, "saved"))

    @routes.post(f"{HOME}/picture", dependencies=forms)
    async def set_picture(request: Request) -> Response:
        visit = await pages.open(request, TAB)
        async with read_upload_form(
            request, max_bytes=MAX_PICTURE_BYTES + MAX_FORM_BYTES, max_text_bytes=MAX_FORM_BYTES
        ) as form:
            if not pages.is_own_form(visit, form.texts):
                return await page.show(visit, errors={"form": visit.translate(STALE)})
            try:
                picture = await uploads.make_avatar(*_check_picture(form))
            except _Unusable as unusable:
                message = visit.translate(unusable.text, maximum=MAX_PICTURE_BYTES >> 20)
                return await page.show(visit, errors={"picture": message})
            except InvalidImage:
                return await page.show(visit, errors={"picture": visit.translate(_NO_PICTURE)})
        await _store(visit, picture, database, uploads)
        return pages.redirect(HOME, "picture-saved")

    @routes.post(f"{HOME}/picture/delete", dependencies=forms)
    async def remove_picture(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        if not pages.is_own_form(visit, form):
            return pages.redirect_stale(TAB)
        replaced = await database.write(lambda work: profile.set_picture(work, visit.user_id, None), visit.context)
        await uploads.delete(replaced)
        return pages.redirect(HOME, "picture-removed")

    @routes.post(f"{HOME}/confirmation", dependencies=forms)
    async def request_confirmation(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        if not pages.is_own_form(visit, form):
            return pages.redirect_stale(TAB)
        email = visit.user.email
        if email is not None:
            # The operator's rule, because visitors may ask for the link as well.
            context = visit.viewer.operator_context
            await database.write(lambda work: accounts.request_confirmation(work, email), context)
        return pages.redirect(HOME, "confirmation-sent")

    return routes


class _Unusable(Exception):
    """The file can't be used; `text` says why."""

    def __init__(self, text: str) -> None:
        self.text = text


def _check_picture(form: UploadForm) -> tuple[BinaryIO, str]:
    """The file of the form and its type. Raises _Unusable."""
    files = form.list_files("picture")
    if not form.is_complete or any((file.size or 0) > MAX_PICTURE_BYTES for file in files):
        raise _Unusable(_TOO_LARGE)
    if not files or not files[0].size:
        raise _Unusable(_NO_FILE)
    image_type = files[0].image_type
    if image_type not in PICTURE_TYPES:
        raise _Unusable(_NO_PICTURE)
    return files[0].file, image_type


async def _store(visit: Visit, picture: SanitizedImage, database: Database, uploads: Uploads) -> None:
    """Store the file and its name; if that fails, neither is stored. Raises ServiceUnavailable."""
    name = generate_name(picture.extension)
    await uploads.files.put(name, picture.content, picture.media_type)
    try:
        replaced = await database.write(lambda work: profile.set_picture(work, visit.user_id, name), visit.context)
    except BaseException as failure:
        # If cancelled during the commit, it is unknown whether the user has the picture.
        in_doubt = isinstance(failure, CommitUncertain) or not isinstance(failure, Exception)
        await uploads.rollback([name], in_doubt=in_doubt)
        raise
    await uploads.delete(replaced)


def _list_languages(visit: Visit, found: Profile, typed: str | None) -> list[_Language]:
    """The languages of the pages, and that of the user, which may be another."""
    chosen = typed if typed is not None else found.locale or ""
    languages = list_languages()
    if found.locale and found.locale not in languages:
        languages.append(found.locale)
    portal_language = find_language_name(str(visit.viewer.portal["locale"]))
    choices = [_Language("", visit.translate(N_("As the portal (%(name)s)"), name=portal_language), not chosen)]
    return choices + [_Language(each, find_language_name(each), each == chosen) for each in languages]
