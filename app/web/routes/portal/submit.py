"""The page on which visitors and users write a post, and the similar posts that it shows meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.adapters.sealed_values import SealedValues
from app.adapters.storage.stored_uploads import StoredUploads, keep_if_attached
from app.adapters.storage.uploads import Uploads
from app.domain.errors import (
    Conflict,
    Forbidden,
    ServiceUnavailable,
    UniqueViolation,
    ValidationFailed,
)
from app.domain.portals import boards, categories
from app.domain.posts import create, devices, repeats, texts, visible_posts
from app.domain.posts.create import NewPost
from app.domain.posts.visible_posts import PostSummary
from app.domain.unit_of_work import Row, UnitOfWork
from app.web import pictures, unsent_forms
from app.web.bot_check import BotCheck
from app.web.drafts import Drafts
from app.web.field_messages import translate
from app.web.forms import UploadForm, limit_form, read_upload_form, require_own_site
from app.web.notices import add_notice
from app.web.pictures import NO_PICTURES, FormPictures, Pictures
from app.web.portal_pages import PortalPages
from app.web.post_messages import (
    NO_VOTES,
    STALE,
    TOO_LARGE,
    UNKNOWN_BOARD,
    UNKNOWN_CATEGORY,
    describe_errors,
)
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.actions import change_vote
from app.web.routes.portal.post import parse_code
from app.web.viewer import FORM_FIELD, Viewer, Viewers

PATH: Final = "/submit"
FORM: Final = "submit"
"""The name of the form's draft."""
MAX_TEXT_BYTES: Final = limit_form(texts.MAX_TITLE + texts.MAX_DESCRIPTION)

_METHODS: Final = ["GET", "HEAD"]
_TEXTS: Final = ("title", "description", "board", "category")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What was typed and chosen."""

    title: str = ""
    description: str = ""
    board: str = ""
    """An id, or in the address of the page a slug."""
    category: str = ""
    shown_at: str = ""
    """When the page was first shown: see `BotCheck`."""

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Self:
        return cls(**{name: fields.get(name, "") for name in (*_TEXTS, "shown_at")})

    def texts(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in _TEXTS}


@dataclass(frozen=True, slots=True)
class _Choices:
    boards: Sequence[Row]
    categories: Sequence[Row]

    def find_board_id(self, board: str) -> int | None:
        """The id of the board with this id or slug; the default board otherwise."""
        default = (row for row in self.boards if row["is_default"])
        row = self._find_board(board) or next(default, None)
        return None if row is None else int(row["id"])

    def find_category_id(self, category: str) -> int | None:
        """The id of the category, if there is one."""
        return next((int(row["id"]) for row in self.categories if str(row["id"]) == category), None)

    def find_errors(self, locale: str, entry: _Entry) -> dict[str, str]:
        """The messages about a board or category that has been deleted since the form was shown."""
        errors = {}
        if entry.board and self._find_board(entry.board) is None:
            errors["board"] = translate(locale, UNKNOWN_BOARD)
        if entry.category and self.find_category_id(entry.category) is None:
            errors["category"] = translate(locale, UNKNOWN_CATEGORY)
        return errors

    def _find_board(self, board: str) -> Row | None:
        return next((row for row in self.boards if board in (str(row["id"]), row["slug"])), None)


@dataclass(frozen=True, slots=True)
class _Created:
    """The post of the form."""

    code: str
    slug: str
    moderation: str


def router(
    pages: PortalPages,
    viewers: Viewers,
    database: Database,
    uploads: Uploads,
    sealed_values: SealedValues,
    bot_check: BotCheck,
    drafts: Drafts,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /submit, GET of /submit/similar."""
    routes = APIRouter()
    submission = _Submission(pages, viewers, database, uploads, sealed_values, bot_check, drafts)

    @routes.api_route(PATH, methods=_METHODS)
    async def show_form(request: Request) -> Response:
        viewer = await viewers.require_reader(request)
        if viewer.user is None:
            viewer = viewers.with_device(viewer)
        draft = await drafts.find(request, viewer, form=FORM)
        entry = _Entry.parse(draft or request.query_params)
        return await submission.show(request, viewer, entry, draft_images=None if draft is None else "images" in draft)

    @routes.post(PATH, dependencies=[Depends(form_limiter), Depends(require_own_site)])
    async def send(request: Request) -> Response:
        # Not `require_reader`: whoever was signed out meanwhile must not lose the text.
        viewer = await viewers.find(request)
        max_bytes = pictures.MAX_FORM_BYTES
        if viewer.user is None:
            viewer, max_bytes = viewers.with_device(viewer), MAX_TEXT_BYTES
        try:
            async with read_upload_form(request, max_bytes=max_bytes, max_text_bytes=MAX_TEXT_BYTES) as form:
                return await submission.send(request, viewer, form)
        except HTTPException as error:
            if error.status_code != 413:
                raise
            return submission.refuse_large(request, viewer)

    @routes.api_route(f"{PATH}/similar", methods=_METHODS)
    async def similar(request: Request) -> Response:
        """The similar posts alone, which the page loads while the title is typed."""
        viewer = await viewers.find(request)
        if viewer.user is None and viewer.portal["is_private"]:
            return Response(status_code=204)
        found = await submission.find_similar(viewer, request.query_params.get("title", ""))
        return pages.respond(request, viewer, "portal/similar.html", similar=found)

    return routes


class _Submission:
    """Shows the form, and does what it asks for."""

    def __init__(
        self,
        pages: PortalPages,
        viewers: Viewers,
        database: Database,
        uploads: Uploads,
        sealed_values: SealedValues,
        bot_check: BotCheck,
        drafts: Drafts,
    ) -> None:
        self._pages = pages
        self._viewers = viewers
        self._database = database
        self._uploads = uploads
        self._bot_check = bot_check
        self._pictures = Pictures(sealed_values)
        self._drafts = drafts

    async def show(
        self,
        request: Request,
        viewer: Viewer,
        entry: _Entry,
        *,
        status: int = 422,
        errors: Mapping[str, str] | None = None,
        similar: Sequence[PostSummary] = (),
        kept: FormPictures = NO_PICTURES,
        draft_images: bool | None = None,
    ) -> Response:
        """The form, with the status for errors.

        `draft_images` tells whether pictures of a draft are missing; None if the texts are no draft.
        """
        choices = await self._database.read(_list_choices, viewer.context)
        shown_at = entry.shown_at or self._bot_check.stamp()
        return self._pages.respond(
            request,
            viewer,
            "portal/submit.html",
            status=status if errors else 200,
            errors=errors or {},
            entry=replace(entry, shown_at=shown_at),
            boards=choices.boards,
            categories=choices.categories,
            board_id=choices.find_board_id(entry.board),
            category_id=choices.find_category_id(entry.category),
            similar=similar,
            pictures=kept.kept,
            picture_errors=kept.errors,
            draft_images=draft_images,
            may_send_anonymously=_may_send_anonymously(viewer),
            **pictures.FIELD_LIMITS,
        )

    async def send(self, request: Request, viewer: Viewer, form: UploadForm) -> Response:
        """Create the post, or show the form again with what was typed."""
        entry = _Entry.parse(form.texts)
        try:
            if "vote_instead" in form.texts:
                return await self._vote_instead(request, viewer, form, entry)
            return await self._send(request, viewer, form, entry)
        except ServiceUnavailable as failure:
            return unsent_forms.respond(self._pages, request, viewer, failure, form)

    async def _send(self, request: Request, viewer: Viewer, form: UploadForm, entry: _Entry) -> Response:
        fields = form.texts
        choices = await self._database.read(_list_choices, viewer.context)
        errors = _find_errors(viewer.locale, entry) | choices.find_errors(viewer.locale, entry)
        if viewer.user is None and not _may_send_anonymously(viewer):
            # The form of a private portal is shown to nobody who is signed out.
            if errors and not viewer.portal["is_private"]:
                return await self.show(request, viewer, entry, errors=errors)
            return await self._keep_for_sign_in(request, viewer, form, entry, next_path=PATH)
        if not self._viewers.is_own_form(viewer, fields.get(FORM_FIELD, "")):
            errors["form"] = translate(viewer.locale, STALE)
        elif viewer.user is None and (error := self._bot_check.find_error(fields)):
            errors["form"] = translate(viewer.locale, error)
        # A form that comes back for its similar posts would lose the files that were chosen.
        is_similar_due = not errors and "similar_seen" not in fields and not form.list_files(pictures.FIELD)
        similar = await self.find_similar(viewer, entry.title) if is_similar_due else []
        if viewer.user is None:
            if errors or similar:
                return await self.show(request, viewer, entry, errors=errors, similar=similar)
            return await self._create(request, viewer, entry, choices, StoredUploads(self._uploads))
        async with keep_if_attached(self._uploads) as stored:
            kept = await self._pictures.store(viewer, form, stored)
            if errors or similar or kept.errors:
                return await self._show_again(request, viewer, entry, errors, similar, kept)
            return await self._create(request, viewer, entry, choices, stored)

    async def find_similar(self, viewer: Viewer, title: str) -> list[PostSummary]:
        """The posts that the viewer may see and that may be about the same."""
        title = " ".join(title.split())[: texts.MAX_TITLE]
        if not title:
            return []
        return await self._database.read(
            lambda work: visible_posts.list_similar(work, title, device=viewer.device_id),
            viewer.context,
            in_thread=True,
            snapshot=True,
        )

    def refuse_large(self, request: Request, viewer: Viewer) -> Response:
        """The page for a form that is too large to be read."""
        return self._pages.error(request, viewer, 413, texts=(TOO_LARGE, pictures.describe_limits(viewer.locale)))

    async def _show_again(
        self,
        request: Request,
        viewer: Viewer,
        entry: _Entry,
        errors: Mapping[str, str],
        similar: Sequence[PostSummary],
        kept: FormPictures,
    ) -> Response:
        all_errors = {**errors, "images": " ".join(kept.errors)} if kept.errors else errors
        return await self.show(request, viewer, entry, errors=all_errors, similar=similar, kept=kept)

    async def _create(
        self, request: Request, viewer: Viewer, entry: _Entry, choices: _Choices, stored: StoredUploads
    ) -> Response:
        title, description = texts.parse_post(entry.title, entry.description)
        new_post = NewPost(
            title=title,
            description=description,
            author=None if viewer.user is None else viewer.user.user_id,
            board_id=choices.find_board_id(entry.board),
            category_id=choices.find_category_id(entry.category),
            default_status=True,
            follow=True,
            deleted_author=False,
            moderation=None,
        )

        device = devices.digest(viewer.device_token) if viewer.user is None else None

        def create_post(work: UnitOfWork) -> _Created:
            files = [*stored.earlier, *stored.files]
            repeated = repeats.find(work, new_post, files=files, device_digest=device)
            if repeated is not None:
                # The form was sent twice: its author gets to the one post, and the files are not needed.
                stored.replaced = [file.name for file in stored.files]
                return _Created(repeated["code"], repeated["slug"], repeated["moderation"])
            if device is None:
                created = create.create_post(work, new_post)
                stored.attach(work, created.id)
            else:
                created = devices.create_post(work, new_post, device_digest=device)
            return _Created(created.code, created.slug, created.moderation)

        try:
            created = await self._database.write(create_post, viewer.context)
        except ValidationFailed as failed:
            errors = describe_errors(viewer.locale, failed)
            return await self.show(request, viewer, entry, errors={"form": " ".join(errors.values())})
        except UniqueViolation:
            # The kept pictures belong to a post already: the form was sent twice.
            message = translate(viewer.locale, pictures.CHOOSE_AGAIN)
            return await self.show(request, viewer, entry, errors={"images": message})
        response = self._pages.redirect(_next_path(viewer, created))
        await self._drafts.delete(request, response, viewer, form=FORM)
        return response

    async def _vote_instead(self, request: Request, viewer: Viewer, form: UploadForm, entry: _Entry) -> Response:
        """Vote for a similar post. What was typed is kept, so that nothing is lost by a slip."""
        fields = form.texts
        code = parse_code(fields["vote_instead"])
        if viewer.user is None and viewer.portal["is_private"]:
            return await self._keep_for_sign_in(request, viewer, form, entry, next_path=f"/p/{code}")
        if not self._viewers.is_own_form(viewer, fields.get(FORM_FIELD, "")):
            return await self.show(request, viewer, entry, errors={"form": translate(viewer.locale, STALE)})
        response = self._pages.redirect(add_notice(f"/p/{code}", "voted"))
        # Before the vote: if the text can't be kept, there is no vote either.
        await self._drafts.keep(request, response, viewer, form=FORM, texts=entry.texts())
        try:
            await change_vote(self._database, viewer, code, is_cast=True)
        except Forbidden:
            return await self._keep_for_sign_in(request, viewer, form, entry, next_path=f"/p/{code}")
        except (Conflict, HTTPException) as refusal:
            errors = {"form": translate(viewer.locale, NO_VOTES)}
            status = 409 if isinstance(refusal, Conflict) else 404
            return await self.show(request, viewer, entry, errors=errors, status=status)
        return response

    async def _keep_for_sign_in(
        self, request: Request, viewer: Viewer, form: UploadForm, entry: _Entry, *, next_path: str
    ) -> Response:
        response = self._pages.redirect_to_sign_in(next_path)
        kept = entry.texts()
        if pictures.has_pictures(form):
            kept["images"] = "yes"
        await self._drafts.keep(request, response, viewer, form=FORM, texts=kept)
        return response


def _list_choices(work: UnitOfWork) -> _Choices:
    return _Choices(boards.list_all(work), categories.list_all(work))


def _find_errors(locale: str, entry: _Entry) -> dict[str, str]:
    try:
        texts.parse_post(entry.title, entry.description)
    except ValidationFailed as failed:
        return describe_errors(locale, failed)
    return {}


def _may_send_anonymously(viewer: Viewer) -> bool:
    portal = viewer.portal
    return viewer.user is None and bool(portal["allows_anonymous_posts"]) and not portal["is_private"]


def _next_path(viewer: Viewer, created: _Created) -> str:
    """The page of the post; the list of posts, for a visitor whose post waits for approval and can't be seen yet."""
    is_pending = created.moderation != "approved"
    notice = "pending" if is_pending else "posted"
    return add_notice("/" if is_pending and viewer.user is None else f"/p/{created.slug}-{created.code}", notice)
