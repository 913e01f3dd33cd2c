"""The pages on which an author, or the team, edits and deletes a post. The APIs return links to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Database
from app.adapters.sealed_values import SealedValues
from app.adapters.storage.stored_uploads import StoredUploads, keep_if_attached
from app.adapters.storage.uploads import Uploads
from app.adapters.translations import N_
from app.domain.errors import Conflict, Forbidden, NotFound, ServiceUnavailable, UniqueViolation, ValidationFailed
from app.domain.permissions import is_team
from app.domain.portals import boards, categories
from app.domain.posts import attachments, editing, texts, update
from app.domain.posts.editing import EditablePost
from app.domain.posts.update import PostUpdate
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET
from app.web import pictures, unsent_forms
from app.web.drafts import Drafts
from app.web.field_messages import translate
from app.web.forms import UploadForm, limit_form, read_form, read_upload_form, require_own_site
from app.web.notices import add_notice
from app.web.pictures import NO_PICTURES, FormPictures, Pictures
from app.web.portal_pages import PortalPages
from app.web.post_messages import STALE, TOO_LARGE, UNKNOWN_BOARD, describe_errors
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.post import PostPages, parse_code, post_path
from app.web.viewer import FORM_FIELD, Viewer, Viewers

MAX_FORM_BYTES: Final = limit_form(texts.MAX_TITLE + texts.MAX_DESCRIPTION)
HAS_RESPONSES: Final = N_("Others have voted for this post or commented on it, so only the team can delete it.")

_METHODS: Final = ["GET", "HEAD"]
_EDIT: Final = "/p/{segment}/edit"
_DELETE: Final = "/p/{segment}/delete"


@dataclass(frozen=True, slots=True)
class _Values:
    """The fields of the form."""

    title: str
    description: str | None
    """None if the form has no such field."""
    board: str
    categories: Sequence[str]
    removed: Sequence[str]
    """The names of the pictures to remove."""

    @classmethod
    def of(cls, post: EditablePost) -> Self:
        """Those with which the form begins."""
        return cls(post.title, post.description, str(post.board_id), list(map(str, post.category_ids)), ())

    @classmethod
    def parse(cls, form: UploadForm) -> Self:
        """Those that were typed and chosen."""
        texts_by_name = form.texts
        return cls(
            title=texts_by_name.get("title", ""),
            description=texts_by_name.get("description"),
            board=texts_by_name.get("board", ""),
            categories=form.list_texts("categories"),
            removed=form.list_texts("remove"),
        )

    @classmethod
    def parse_draft(cls, kept: Mapping[str, str]) -> Self:
        """Those of a draft: see `make_draft`."""
        lists = (kept.get("categories", "").split(), kept.get("remove", "").split())
        return cls(kept.get("title", ""), kept.get("description"), kept.get("board", ""), *lists)

    def make_draft(self) -> dict[str, str]:
        """As the texts of a draft."""
        kept = {"title": self.title, "board": self.board, "categories": " ".join(self.categories)}
        kept["remove"] = " ".join(self.removed)
        return kept if self.description is None else {**kept, "description": self.description}


@dataclass(frozen=True, slots=True)
class _Editable:
    post: EditablePost
    boards: Sequence[Row]
    """Those to which the viewer may move it."""
    categories: Sequence[Row]

    def find_board_id(self, board: str) -> int | None:
        """The id of one of the boards, if it is one."""
        return next((int(row["id"]) for row in self.boards if str(row["id"]) == board), None)

    def count_kept_pictures(self, values: _Values) -> int:
        """How many pictures the post has without those to remove."""
        return sum(picture.name not in values.removed for picture in self.post.pictures)


def router(
    pages: PortalPages,
    viewers: Viewers,
    posts: PostPages,
    database: Database,
    uploads: Uploads,
    sealed_values: SealedValues,
    drafts: Drafts,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /p/{code}/edit and /p/{code}/delete."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]
    own_posts = _OwnPosts(pages, viewers, posts, database, uploads, sealed_values, drafts)

    @routes.api_route(_EDIT, methods=_METHODS)
    async def show_form(request: Request, segment: str) -> Response:
        viewer = await viewers.require_reader(request)
        return await own_posts.show(request, viewer, parse_code(segment))

    @routes.post(_EDIT, dependencies=forms)
    async def edit(request: Request, segment: str) -> Response:
        # Not `require_user`: whoever was signed out meanwhile must not lose the text.
        viewer, code = await viewers.find(request), parse_code(segment)
        max_bytes = pictures.MAX_FORM_BYTES if viewer.user else MAX_FORM_BYTES
        try:
            async with read_upload_form(request, max_bytes=max_bytes, max_text_bytes=MAX_FORM_BYTES) as form:
                return await own_posts.edit(request, viewer, code, form)
        except HTTPException as error:
            if error.status_code != 413:
                raise
            return own_posts.refuse_large(request, viewer)

    @routes.api_route(_DELETE, methods=_METHODS)
    async def confirm_deletion(request: Request, segment: str) -> Response:
        viewer = await viewers.require_reader(request)
        return await own_posts.confirm_deletion(request, viewer, parse_code(segment))

    @routes.post(_DELETE, dependencies=forms)
    async def delete(request: Request, segment: str) -> Response:
        viewer = await viewers.require_user(request)
        return await own_posts.delete(request, viewer, parse_code(segment))

    return routes


class _OwnPosts:
    """Shows the forms, and does what they ask for. Who may not change the post is led to its page."""

    def __init__(
        self,
        pages: PortalPages,
        viewers: Viewers,
        posts: PostPages,
        database: Database,
        uploads: Uploads,
        sealed_values: SealedValues,
        drafts: Drafts,
    ) -> None:
        self._pages = pages
        self._viewers = viewers
        self._posts = posts
        self._database = database
        self._uploads = uploads
        self._pictures = Pictures(sealed_values)
        self._drafts = drafts

    async def show(
        self,
        request: Request,
        viewer: Viewer,
        code: str,
        *,
        values: _Values | None = None,
        errors: Mapping[str, str] | None = None,
        kept: FormPictures = NO_PICTURES,
    ) -> Response:
        """The form; `values` are those that were typed."""
        editable = await self._find(viewer, code)
        if editable is None:
            return await self._redirect_to_post(viewer, code)
        draft = None if values else await self._drafts.find(request, viewer, form=_form_name(code))
        if draft is not None:
            values = _Values.parse_draft(draft)
        return self._pages.respond(
            request,
            viewer,
            "portal/post_edit.html",
            current="home",
            status=422 if errors else 200,
            code=code,
            post=editable.post,
            values=values or _Values.of(editable.post),
            boards=editable.boards,
            categories=editable.categories,
            existing_pictures=[
                (picture, self._posts.sign_file_path(picture.name)) for picture in editable.post.pictures
            ],
            pictures=kept.kept,
            has_lost_pictures=draft is not None and "images" in draft,
            errors=errors or {},
            **pictures.FIELD_LIMITS,
        )

    async def edit(self, request: Request, viewer: Viewer, code: str, form: UploadForm) -> Response:
        """Store the changes, or show the form again with what was typed."""
        try:
            if viewer.user is None:
                return await self._keep_for_sign_in(request, viewer, code, form)
            return await self._edit(request, viewer, code, form)
        except ServiceUnavailable as failure:
            return unsent_forms.respond(self._pages, request, viewer, failure, form)

    async def _edit(self, request: Request, viewer: Viewer, code: str, form: UploadForm) -> Response:
        editable = await self._find(viewer, code)
        if editable is None:
            return await self._redirect_to_post(viewer, code)
        values = _Values.parse(form)
        errors = self._find_errors(viewer, editable, values, form)
        async with keep_if_attached(self._uploads) as stored:
            existing_count = editable.count_kept_pictures(values)
            kept = await self._pictures.store(viewer, form, stored, existing_count=existing_count)
            if kept.errors:
                errors["images"] = " ".join(kept.errors)
            if errors:
                return await self.show(request, viewer, code, values=values, errors=errors, kept=kept)
            return await self._save(request, viewer, code, editable, values, stored)

    def _find_errors(self, viewer: Viewer, editable: _Editable, values: _Values, form: UploadForm) -> dict[str, str]:
        errors: dict[str, str] = {}
        try:
            texts.parse_post(values.title, values.description or "")
        except ValidationFailed as failed:
            errors |= describe_errors(viewer.locale, failed)
        if editable.boards and values.board and editable.find_board_id(values.board) is None:
            errors["board"] = translate(viewer.locale, UNKNOWN_BOARD)
        if not self._viewers.is_own_form(viewer, form.texts.get(FORM_FIELD, "")):
            errors["form"] = translate(viewer.locale, STALE)
        return errors

    async def _save(
        self,
        request: Request,
        viewer: Viewer,
        code: str,
        editable: _Editable,
        values: _Values,
        stored: StoredUploads,
    ) -> Response:
        post_id = editable.post.id
        title, description = texts.parse_post(values.title, values.description or "")
        # The description of a post that is too long for the form is not in the form.
        is_description_shown = values.description is not None and editable.post.description is not None
        change = PostUpdate(
            title=title,
            description=description if is_description_shown else UNSET,
            category_ids=[row["id"] for row in editable.categories if str(row["id"]) in values.categories],
        )
        board_id = editable.find_board_id(values.board)
        # The post's other files are not in the form.
        removed = [picture.name for picture in editable.post.pictures if picture.name in values.removed]

        def write(work: UnitOfWork) -> None:
            update.update_post(work, post_id, change)
            if board_id is not None:
                update.move_to_board(work, post_id, board_id)
            deleted = attachments.remove(work, post_id=post_id, names=removed)
            stored.attach(work, post_id)
            stored.replaced += deleted

        try:
            await self._database.write(write, viewer.context)
        except UniqueViolation:
            # The kept pictures belong to a post already: the form was sent twice.
            message = translate(viewer.locale, pictures.CHOOSE_AGAIN)
            return await self.show(request, viewer, code, values=values, errors={"images": message})
        response = self._pages.redirect(add_notice(f"/p/{code}", "saved"))
        await self._drafts.delete(request, response, viewer, form=_form_name(code))
        return response

    async def _keep_for_sign_in(self, request: Request, viewer: Viewer, code: str, form: UploadForm) -> Response:
        response = self._pages.redirect_to_sign_in(f"/p/{code}/edit")
        draft = _Values.parse(form).make_draft()
        if pictures.has_pictures(form):
            draft["images"] = "yes"
        await self._drafts.keep(request, response, viewer, form=_form_name(code), texts=draft)
        return response

    async def confirm_deletion(
        self, request: Request, viewer: Viewer, code: str, *, error: str | None = None, status: int = 200
    ) -> Response:
        """The page that asks before the post is deleted."""
        editable = await self._find(viewer, code)
        if editable is None:
            return await self._redirect_to_post(viewer, code)
        if not editable.post.may_delete:
            error = translate(viewer.locale, HAS_RESPONSES)
        return self._pages.respond(
            request,
            viewer,
            "portal/post_delete.html",
            current="home",
            status=status,
            code=code,
            post=editable.post,
            error=error,
        )

    async def delete(self, request: Request, viewer: Viewer, code: str) -> Response:
        """Delete the post."""
        fields = await read_form(request)
        if not self._viewers.is_own_form(viewer, fields.get(FORM_FIELD, "")):
            error = translate(viewer.locale, STALE)
            return await self.confirm_deletion(request, viewer, code, error=error, status=422)
        editable = await self._find(viewer, code)
        if editable is None:
            return await self._redirect_to_post(viewer, code)
        post_id = editable.post.id
        try:
            files = await self._database.write(
                lambda work: update.delete(work, post_id), viewer.context, in_thread=True
            )
        except Conflict:
            return await self.confirm_deletion(request, viewer, code, status=409)
        await self._uploads.delete(files)
        return self._pages.redirect(add_notice("/", "post-deleted"))

    async def _find(self, viewer: Viewer, code: str) -> _Editable | None:
        """The post; None if the viewer sees it, but may not change it. Raises HTTPException 404."""

        def find(work: UnitOfWork) -> _Editable:
            post = editing.find_post(work, code)
            return _Editable(post, boards.list_all(work) if is_team(work.actor) else (), categories.list_all(work))

        try:
            return await self._database.read(find, viewer.context)
        except NotFound:
            raise HTTPException(404) from None
        except Forbidden:
            return None

    async def _redirect_to_post(self, viewer: Viewer, code: str) -> Response:
        page = await self._posts.find_by_code(viewer, code)
        return RedirectResponse(self._pages.link(post_path(page.post)), 302, {"Cache-Control": "no-cache"})

    def refuse_large(self, request: Request, viewer: Viewer) -> Response:
        """The page for a form that is too large to be read."""
        return self._pages.error(request, viewer, 413, texts=(TOO_LARGE, pictures.describe_limits(viewer.locale)))


def _form_name(code: str) -> str:
    """The name of the form's draft."""
    return f"edit-post:{code}"
