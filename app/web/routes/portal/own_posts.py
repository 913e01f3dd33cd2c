"""The pages on which an author, or the team, edits and deletes a post. The APIs return links to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Database
from app.adapters.storage.uploads import Uploads
from app.adapters.translations import N_
from app.domain.errors import Conflict, Forbidden, NotFound, ValidationFailed
from app.domain.permissions import is_team
from app.domain.portals import boards, categories
from app.domain.posts import editing, texts, update
from app.domain.posts.editing import EditablePost
from app.domain.posts.update import PostUpdate
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET
from app.web.drafts import Drafts
from app.web.field_messages import translate
from app.web.forms import limit_form, read_fields, read_form, require_own_site
from app.web.notices import add_notice
from app.web.portal_pages import PortalPages
from app.web.post_messages import STALE, TEXT_TOO_LARGE, TOO_LARGE, describe_errors
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

    @classmethod
    def of(cls, post: EditablePost) -> "_Values":
        """Those with which the form begins."""
        return cls(post.title, post.description, str(post.board_id), list(map(str, post.category_ids)))


@dataclass(frozen=True, slots=True)
class _Editable:
    post: EditablePost
    boards: Sequence[Row]
    """Those to which the viewer may move it."""
    categories: Sequence[Row]


def router(
    pages: PortalPages,
    viewers: Viewers,
    posts: PostPages,
    database: Database,
    uploads: Uploads,
    drafts: Drafts,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /p/{code}/edit and /p/{code}/delete."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]
    own_posts = _OwnPosts(pages, viewers, posts, database, uploads, drafts)

    @routes.api_route(_EDIT, methods=_METHODS)
    async def show_form(request: Request, segment: str) -> Response:
        viewer = await viewers.require_reader(request)
        return await own_posts.show(request, viewer, parse_code(segment))

    @routes.post(_EDIT, dependencies=forms)
    async def edit(request: Request, segment: str) -> Response:
        viewer = await viewers.find(request)
        return await own_posts.edit(request, viewer, parse_code(segment))

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
        drafts: Drafts,
    ) -> None:
        self._pages = pages
        self._viewers = viewers
        self._posts = posts
        self._database = database
        self._uploads = uploads
        self._drafts = drafts

    async def show(
        self,
        request: Request,
        viewer: Viewer,
        code: str,
        *,
        values: _Values | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> Response:
        """The form; `values` are those that were typed."""
        editable = await self._find(viewer, code)
        if editable is None:
            return await self._redirect_to_post(viewer, code)
        kept = None if values else await self._drafts.find(request, viewer, form=_form_name(code))
        if kept is not None:
            fields = [(name, value) for name, value in kept.items() if name != "categories"]
            fields += [("categories", each) for each in kept.get("categories", "").split()]
            values = _parse(fields)
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
            errors=errors or {},
        )

    async def edit(self, request: Request, viewer: Viewer, code: str) -> Response:
        """Store the changes, or show the form again with what was typed."""
        try:
            fields = await read_fields(request, max_bytes=MAX_FORM_BYTES)
        except HTTPException as error:
            if error.status_code != 413:
                raise
            return self._refuse_large(request, viewer)
        values = _parse(fields)
        if viewer.user is None:
            response = self._pages.redirect_to_sign_in(f"/p/{code}/edit")
            kept = {name: value for name, value in fields if name in ("title", "description", "board")}
            kept["categories"] = " ".join(values.categories)
            await self._drafts.keep(request, response, viewer, form=_form_name(code), texts=kept)
            return response
        errors: dict[str, str] = {}
        title, description = "", ""
        try:
            title, description = texts.parse_post(values.title, values.description or "")
        except ValidationFailed as failed:
            errors |= describe_errors(viewer.locale, failed)
        if not self._viewers.is_own_form(viewer, dict(fields).get(FORM_FIELD, "")):
            errors["form"] = translate(viewer.locale, STALE)
        if errors:
            return await self.show(request, viewer, code, values=values, errors=errors)
        editable = await self._find(viewer, code)
        if editable is None:
            return await self._redirect_to_post(viewer, code)
        # The description of a post that is too long for the form is not in the form.
        is_description_shown = values.description is not None and editable.post.description is not None
        change = PostUpdate(
            title=title,
            description=description if is_description_shown else UNSET,
            category_ids=[row["id"] for row in editable.categories if str(row["id"]) in values.categories],
        )
        board_id = next((row["id"] for row in editable.boards if str(row["id"]) == values.board), None)

        def write(work: UnitOfWork) -> None:
            update.update_post(work, editable.post.id, change)
            if board_id is not None:
                update.move_to_board(work, editable.post.id, board_id)

        await self._database.write(write, viewer.context)
        response = self._pages.redirect(add_notice(f"/p/{code}", "saved"))
        await self._drafts.delete(request, response, viewer, form=_form_name(code))
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

    def _refuse_large(self, request: Request, viewer: Viewer) -> Response:
        return self._pages.error(
            request,
            viewer,
            413,
            texts=(TOO_LARGE, translate(viewer.locale, TEXT_TOO_LARGE, maximum=texts.MAX_DESCRIPTION)),
        )


def _form_name(code: str) -> str:
    """The name of the form's draft."""
    return f"edit-post:{code}"


def _parse(fields: Sequence[tuple[str, str]]) -> _Values:
    last = dict(fields)
    return _Values(
        title=last.get("title", ""),
        description=last.get("description"),
        board=last.get("board", ""),
        categories=[value for name, value in fields if name == "categories"],
    )
