"""Comments on the page of a post: write, reply, edit and delete. Each form is a page of its own as well."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Database
from app.domain.errors import Forbidden, NotFound, ServiceUnavailable, ValidationFailed, ValueOutOfRange
from app.domain.posts import comments, editing, texts, visibility
from app.domain.posts.editing import EditableComment
from app.domain.posts.post_page import PostPage
from app.domain.unit_of_work import UnitOfWork
from app.web import kept_forms, unsent_forms
from app.web.drafts import Drafts
from app.web.field_messages import translate
from app.web.forms import UploadForm, limit_form, read_fields, read_form, require_own_site
from app.web.notices import add_notice
from app.web.portal_pages import PortalPages
from app.web.post_messages import COMMENT_GONE, STALE, TEXT_TOO_LARGE, TOO_LARGE, describe_errors
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.post import PostPages, comment_form, parse_code, post_path
from app.web.viewer import FORM_FIELD, Viewer, Viewers

MAX_KEPT_TEXT: Final = 10 * texts.MAX_COMMENT
"""Characters of a text that comes back in its form. A longer one comes back to be copied."""
MAX_KEPT_BYTES: Final = max(limit_form(texts.MAX_COMMENT), 2 * 1024 * 1024)
"""Of a longer form nothing comes back: the browser still has it."""

_METHODS: Final = ["GET", "HEAD"]
_COMMENTS: Final = "/p/{segment}/comments"
_COMMENT: Final = "/p/{segment}/comments/{comment_id:int}"

Errors = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the forms: what happens with its text."""

    name: str
    """That of its draft."""
    path: str
    """Where it is shown after the sign-in."""
    notice: str
    show: Callable[[Viewer, str, Errors], Awaitable[Response]]
    """Show it again, with what was typed and the messages by field."""
    write: Callable[[UnitOfWork, int, str], int]
    """Store the text of this user, and return the id of the comment."""


def router(
    pages: PortalPages,
    viewers: Viewers,
    posts: PostPages,
    database: Database,
    drafts: Drafts,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET and POST of /p/{code}/comments and, for each comment, /reply, /edit and /delete below it."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]
    comment_pages = _CommentPages(pages, viewers, posts, database, drafts)

    @routes.api_route(_COMMENTS, methods=_METHODS)
    async def show_comments(request: Request, segment: str) -> Response:
        """The address of the form, as an address: after a sign-in, or typed by hand."""
        viewer = await viewers.require_reader(request)
        page = await posts.find_by_code(viewer, parse_code(segment))
        return RedirectResponse(pages.link(post_path(page.post) + "#comments"), 302, {"Cache-Control": "no-cache"})

    @routes.post(_COMMENTS, dependencies=forms)
    async def write_comment(request: Request, segment: str) -> Response:
        return await comment_pages.write(request, parse_code(segment))

    @routes.api_route(f"{_COMMENT}/reply", methods=_METHODS)
    async def show_reply(request: Request, segment: str, comment_id: int) -> Response:
        viewer = await viewers.require_user(request)
        return await comment_pages.show_reply(request, viewer, parse_code(segment), comment_id)

    @routes.post(f"{_COMMENT}/reply", dependencies=forms)
    async def reply(request: Request, segment: str, comment_id: int) -> Response:
        return await comment_pages.reply(request, parse_code(segment), comment_id)

    @routes.api_route(f"{_COMMENT}/edit", methods=_METHODS)
    async def show_edit(request: Request, segment: str, comment_id: int) -> Response:
        viewer = await viewers.require_user(request)
        return await comment_pages.show_edit(request, viewer, parse_code(segment), comment_id)

    @routes.post(f"{_COMMENT}/edit", dependencies=forms)
    async def edit(request: Request, segment: str, comment_id: int) -> Response:
        return await comment_pages.edit(request, parse_code(segment), comment_id)

    @routes.api_route(f"{_COMMENT}/delete", methods=_METHODS)
    async def confirm_deletion(request: Request, segment: str, comment_id: int) -> Response:
        viewer = await viewers.require_user(request)
        return await comment_pages.confirm_deletion(request, viewer, parse_code(segment), comment_id)

    @routes.post(f"{_COMMENT}/delete", dependencies=forms)
    async def delete(request: Request, segment: str, comment_id: int) -> Response:
        viewer = await viewers.require_user(request)
        return await comment_pages.delete(request, viewer, parse_code(segment), comment_id)

    return routes


class _CommentPages:
    """Shows the forms, and does what they ask for."""

    def __init__(
        self, pages: PortalPages, viewers: Viewers, posts: PostPages, database: Database, drafts: Drafts
    ) -> None:
        self._pages = pages
        self._viewers = viewers
        self._posts = posts
        self._database = database
        self._drafts = drafts

    async def write(self, request: Request, code: str) -> Response:
        """Write a comment."""

        async def show(viewer: Viewer, body: str, errors: Errors) -> Response:
            page = await self._posts.find_by_code(viewer, code)
            return await self._posts.show(request, viewer, page, status=422, draft=body, errors=errors)

        path = f"/p/{code}#comments"
        form = _Form(comment_form(code), path, "commented", show, _creation(code, None))
        return await self._send(request, code, form)

    async def reply(self, request: Request, code: str, comment_id: int) -> Response:
        """Write a reply to a comment."""

        async def show(viewer: Viewer, body: str, errors: Errors) -> Response:
            return await self.show_reply(request, viewer, code, comment_id, body=body, errors=errors)

        path = f"/p/{code}/comments/{comment_id}/reply"
        form = _Form(f"reply:{comment_id}", path, "commented", show, _creation(code, comment_id))
        return await self._send(request, code, form)

    async def edit(self, request: Request, code: str, comment_id: int) -> Response:
        """Change the text of a comment."""

        async def show(viewer: Viewer, body: str, errors: Errors) -> Response:
            return await self.show_edit(request, viewer, code, comment_id, body=body, errors=errors)

        def write(work: UnitOfWork, user_id: int, body: str) -> int:
            editing.find_comment(work, code, comment_id)
            comments.edit(work, comment_id, body=body)
            return comment_id

        path = f"/p/{code}/comments/{comment_id}/edit"
        return await self._send(request, code, _Form(f"edit-comment:{comment_id}", path, "saved", show, write))

    async def show_reply(
        self,
        request: Request,
        viewer: Viewer,
        code: str,
        comment_id: int,
        *,
        body: str | None = None,
        errors: Errors | None = None,
    ) -> Response:
        """The page with the form of a reply, below the comment. Raises HTTPException 404."""
        page = await self._posts.find_by_code(viewer, code)
        parent = await self._posts.find_comment(viewer, page, comment_id)
        if body is None:
            kept = await self._drafts.find(request, viewer, form=f"reply:{comment_id}")
            body = "" if kept is None else kept.get("body", "")
        return self._pages.respond(
            request,
            viewer,
            "portal/reply.html",
            current="home",
            status=422 if errors else 200,
            post=page.post,
            path=post_path(page.post),
            comment=parent,
            body=body,
            errors=errors or {},
        )

    async def show_edit(
        self,
        request: Request,
        viewer: Viewer,
        code: str,
        comment_id: int,
        *,
        body: str | None = None,
        errors: Errors | None = None,
    ) -> Response:
        """The page with the form that edits a comment. Raises HTTPException 404."""
        page, comment = await self._find(viewer, code, comment_id)
        if body is None:
            kept = await self._drafts.find(request, viewer, form=f"edit-comment:{comment_id}")
            body = comment.body if kept is None else kept.get("body", "")
        return self._pages.respond(
            request,
            viewer,
            "portal/comment_edit.html",
            current="home",
            status=422 if errors else 200,
            post=page.post,
            path=post_path(page.post),
            comment=comment,
            body=body,
            errors=errors or {},
        )

    async def confirm_deletion(
        self, request: Request, viewer: Viewer, code: str, comment_id: int, *, error: str | None = None
    ) -> Response:
        """The page that asks before a comment is deleted. Raises HTTPException 404."""
        page, comment = await self._find(viewer, code, comment_id)
        return self._pages.respond(
            request,
            viewer,
            "portal/comment_delete.html",
            current="home",
            status=200 if error is None else 422,
            post=page.post,
            path=post_path(page.post),
            comment=comment,
            error=error,
        )

    async def delete(self, request: Request, viewer: Viewer, code: str, comment_id: int) -> Response:
        """Delete a comment; replies to it stay."""
        fields = await read_form(request)
        if not self._viewers.is_own_form(viewer, fields.get(FORM_FIELD, "")):
            return await self.confirm_deletion(request, viewer, code, comment_id, error=translate(viewer.locale, STALE))
        page, _ = await self._find(viewer, code, comment_id)
        await self._database.write(lambda work: comments.delete(work, comment_id, with_replies=False), viewer.context)
        return self._pages.redirect(add_notice(f"{post_path(page.post)}#comments", "comment-deleted"))

    async def _send(self, request: Request, code: str, form: _Form) -> Response:
        """Store the text of the form, or show the form again with what was typed."""
        # Not `require_user`: whoever was signed out meanwhile must not lose the text.
        viewer = await self._viewers.find(request)
        try:
            fields = await read_fields(request, max_bytes=MAX_KEPT_BYTES)
        except HTTPException as error:
            if error.status_code != 413:
                raise
            return self._refuse_large(request, viewer)
        if len(dict(fields).get("body", "")) > MAX_KEPT_TEXT:
            return self._refuse_large(request, viewer)
        try:
            return await self._store(request, viewer, code, form, dict(fields))
        except ServiceUnavailable as failure:
            unsent = UploadForm(fields, is_complete=True)
            return unsent_forms.respond(self._pages, request, viewer, failure, unsent)

    async def _store(
        self, request: Request, viewer: Viewer, code: str, form: _Form, fields: Mapping[str, str]
    ) -> Response:
        body, user = fields.get("body", ""), viewer.user
        if user is None:
            if not viewer.portal["is_private"]:
                # Only for a post that can be seen, a file is stored. The page of an error has the text as well.
                await self._posts.find_by_code(viewer, code)
            response = self._pages.redirect_to_sign_in(form.path)
            await self._drafts.keep(request, response, viewer, form=form.name, texts={"body": body})
            return response
        errors: dict[str, str] = {}
        text = ""
        try:
            text = texts.parse_comment(body)
        except ValidationFailed as failed:
            errors |= describe_errors(viewer.locale, failed)
        if not self._viewers.is_own_form(viewer, fields.get(FORM_FIELD, "")):
            errors["form"] = translate(viewer.locale, STALE)
        page = await self._posts.find_by_code(viewer, code)
        try:
            if errors:
                return await form.show(viewer, body, errors)
            comment_id = await self._database.write(lambda work: form.write(work, user.user_id, text), viewer.context)
        except Forbidden:
            raise HTTPException(404) from None
        except (NotFound, ValueOutOfRange):
            # The comment was deleted meanwhile. The text may still be sent as another one.
            errors = {"form": translate(viewer.locale, COMMENT_GONE)}
            return await self._posts.show(request, viewer, page, status=409, draft=body, errors=errors)
        response = self._pages.redirect(add_notice(f"{post_path(page.post)}#comment-{comment_id}", form.notice))
        await self._drafts.delete(request, response, viewer, form=form.name)
        return response

    async def _find(self, viewer: Viewer, code: str, comment_id: int) -> tuple[PostPage, EditableComment]:
        """The post and a comment that the viewer may change. Raises HTTPException 404."""
        page = await self._posts.find_by_code(viewer, code)
        try:
            comment = await self._database.read(
                lambda work: editing.find_comment(work, code, comment_id), viewer.context
            )
        except (NotFound, Forbidden, ValueOutOfRange):
            raise HTTPException(404) from None
        return page, comment

    def _refuse_large(self, request: Request, viewer: Viewer) -> Response:
        return self._pages.error(
            request,
            viewer,
            413,
            texts=(TOO_LARGE, translate(viewer.locale, TEXT_TOO_LARGE, maximum=texts.MAX_COMMENT)),
            kept=kept_forms.find(request),
        )


def _creation(code: str, parent_id: int | None) -> Callable[[UnitOfWork, int, str], int]:
    def create(work: UnitOfWork, user_id: int, body: str) -> int:
        return comments.create(
            work,
            post_id=visibility.require_visible(work, code),
            author_id=user_id,
            body=body,
            parent_id=parent_id,
            same_post_parent=True,
            internal_parent=False,
            deleted_author=False,
            follow=True,
        )

    return create
