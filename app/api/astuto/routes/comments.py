"""Comments in Astuto's dialect, which does not have the team's internal ones. docs/contracts/astuto.md, section 2.4."""

from collections.abc import Callable
from typing import Annotated, ClassVar

from pydantic import Field

from app.api.astuto import errors, responses, schemas, serializers
from app.api.astuto.forms import FLAG, ID, ID_OR_NULL, IMPERSONATED_ID, TEXT, Form
from app.api.astuto.pagination import ChildListForm, child_list_response
from app.api.astuto.rack_params import InvalidParam
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import resolve_acting_user
from app.api.astuto.routes.rows import change_row, show_row
from app.api.request import ApiRequest
from app.domain.posts import comments
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Comments"])


class CreateComment(Form, json_schema_extra={"required": ["body", "post_id"]}):
    json_example: ClassVar[tuple[str, ...]] = ("body", "post_id", "is_post_update")

    body: Annotated[
        str | None, TEXT, Field(description="The text in Markdown", examples=["This would save us an hour a week."])
    ] = None
    post_id: Annotated[int | None, ID, Field(description="The post to comment on", examples=[1])] = None
    parent_id: Annotated[
        int | None,
        ID_OR_NULL,
        Field(description="The comment that this one replies to, on any post", examples=[1]),
    ] = None
    is_post_update: Annotated[
        bool,
        FLAG,
        Field(description="Whether it is an update by the team; null is false", examples=[False]),
    ] = False
    impersonated_user_id: Annotated[int | None, IMPERSONATED_ID] = None


class UpdateComment(Form):
    body: Annotated[
        str | Unset | None,
        TEXT,
        Field(description="The text in Markdown; if absent, nothing changes", examples=["This would save us a day."]),
    ] = UNSET


@router.get("/comments", response_model=list[schemas.Comment], form=ChildListForm)
async def list_comments(request: ApiRequest) -> ApiResponse:
    """All comments and replies, newest first."""
    return await child_list_response(request, serializers.COMMENTS, serializers.serialize_comment)


@router.get("/comments/{id}", response_model=schemas.Comment)
async def show_comment(request: ApiRequest) -> ApiResponse:
    """One comment."""
    return await show_row(request, "comment", serializers.COMMENTS.by_id, serializers.serialize_comment)


@router.post("/comments", response_model=schemas.Id, status_code=201, errors=[422], form=CreateComment)
async def create_comment(request: ApiRequest) -> ApiResponse:
    """Write a comment. An administrator's key may impersonate another user."""
    form = CreateComment.parse(request.params)

    def write(work: UnitOfWork) -> int:
        author_id = resolve_acting_user(work, form.impersonated_user_id)
        with errors.ReplaceNotFound("comment", InvalidParam()):
            return comments.create(
                work,
                post_id=form.post_id or 0,
                author_id=author_id,
                body=form.body or "",
                parent_id=form.parent_id,
                official=form.is_post_update,
                same_post_parent=False,
                internal_parent=False,
                follow=False,
            )

    return responses.created(await request.write(write))


@router.api_route(
    "/comments/{id}", methods=["PUT", "PATCH"], response_model=schemas.Id, errors=[422], form=UpdateComment
)
async def update_comment(request: ApiRequest) -> ApiResponse:
    """Change the text of a comment."""
    body = UpdateComment.parse(request.params).body or ""
    return await _change_comment(request, lambda work, comment_id: comments.edit(work, comment_id, body=body))


@router.delete("/comments/{id}", response_model=schemas.Id)
async def delete_comment(request: ApiRequest) -> ApiResponse:
    """Delete a comment with all replies to it, and their replies."""
    return await _change_comment(
        request, lambda work, comment_id: comments.delete(work, comment_id, with_replies=True), in_thread=True
    )


@router.put("/comments/{id}/mark_as_post_update", response_model=schemas.Id)
async def mark_comment_as_post_update(request: ApiRequest) -> ApiResponse:
    """Mark a comment as an update by the team."""
    return await _change_comment(request, lambda work, comment_id: comments.edit(work, comment_id, official=True))


@router.put("/comments/{id}/unmark_as_post_update", response_model=schemas.Id)
async def unmark_comment_as_post_update(request: ApiRequest) -> ApiResponse:
    """Unmark a comment as an update by the team."""
    return await _change_comment(request, lambda work, comment_id: comments.edit(work, comment_id, official=False))


async def _change_comment(
    request: ApiRequest, change: Callable[[UnitOfWork, int], object], *, in_thread: bool = False
) -> ApiResponse:
    """Change the comment in the path, unless it is an internal one."""

    def change_visible(work: UnitOfWork, comment_id: int) -> None:
        serializers.COMMENTS.by_id(work, comment_id)
        change(work, comment_id)

    return await change_row(request, "comment", change_visible, in_thread=in_thread)
