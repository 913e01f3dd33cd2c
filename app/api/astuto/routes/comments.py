"""Comments in Astuto's dialect, which does not have the team's internal ones. docs/contracts/astuto.md, section 2.4."""

from collections.abc import Callable

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import (
    BOOLEAN_OR_NULL,
    COMMENT_ID,
    IMPERSONATED,
    INTEGER,
    INTEGER_OR_NULL,
    TEXT,
    id_filter_param,
    object_body,
    pagination_params,
    with_description,
)
from app.api.astuto.pagination import ListSource, list_response
from app.api.astuto.params import MISSING, OVERFLOW
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import id_filter, path_id, resolve_acting_user, str_or, str_or_unset
from app.api.astuto.schemas import CommentOut, Id
from app.api.request import ApiRequest
from app.domain.errors import NotFound
from app.domain.posts import comments
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Comments"])


@router.get(
    "/comments",
    response_model=list[CommentOut],
    parameters=[*pagination_params(100), id_filter_param("post_id", "post")],
)
async def list_comments(request: ApiRequest) -> ApiResponse:
    """All comments and replies, newest first."""
    post_ids = id_filter(request.params, "post_id")
    source = ListSource(
        page=lambda work, offset, limit: serializers.COMMENTS.page(work, offset=offset, limit=limit, post_ids=post_ids),
        ids=lambda work, offset, limit: serializers.COMMENTS.ids(work, offset=offset, limit=limit, post_ids=post_ids),
        by_ids=serializers.COMMENTS.by_ids,
        serialize=serializers.serialize_comment,
        slow=post_ids is not None and len(post_ids) > 1,
    )
    return await list_response(request, source, default=100)


@router.get("/comments/{id}", response_model=CommentOut, parameters=[COMMENT_ID], errors=[404])
async def show_comment(request: ApiRequest) -> ApiResponse:
    """One comment."""
    segment = request.path_params["id"]

    def get(work: UnitOfWork) -> bytes:
        with errors.replace_not_found("comment", NotFound("comment", segment)):
            row = serializers.COMMENTS.by_id(work, path_id(segment))
        return orjson.dumps(serializers.serialize_comment(row))

    return responses.ok(await request.read(get))


@router.post(
    "/comments",
    response_model=Id,
    status_code=201,
    errors=[422],
    request_body=object_body(
        ["body", "post_id"],
        body=TEXT,
        post_id=INTEGER,
        parent_id=with_description(INTEGER_OR_NULL, "The comment that this one replies to, on any post"),
        is_post_update=with_description(BOOLEAN_OR_NULL, "Whether it is an update by the team; null is false"),
        impersonated_user_id=IMPERSONATED,
    ),
)
async def create_comment(request: ApiRequest) -> ApiResponse:
    """Write a comment. An administrator's key may impersonate another user."""
    values = request.params

    def write(work: UnitOfWork) -> int:
        author_id = resolve_acting_user(work, values)
        parent = params.to_int(values.get("parent_id", MISSING))
        official = params.to_bool(values.get("is_post_update", MISSING))
        with errors.replace_not_found("comment", params.InvalidParam()):
            return comments.create(
                work,
                post_id=params.to_lookup_id(values.get("post_id", MISSING)) or 0,
                author_id=author_id,
                body=str_or(values.get("body", MISSING), None) or "",
                # No comment has the id 0, so a number past 64 bits is rejected as an unknown parent.
                parent_id=0 if parent is OVERFLOW else None if parent is MISSING else parent,
                official=official is True,
                same_post_parent=False,
                internal_parent=False,
                follow=False,
            )

    return responses.created(await request.write(write))


@router.api_route(
    "/comments/{id}",
    methods=["PUT", "PATCH"],
    response_model=Id,
    parameters=[COMMENT_ID],
    errors=[404, 422],
    request_body=object_body(body=with_description(TEXT, "If absent, nothing changes")),
)
async def update_comment(request: ApiRequest) -> ApiResponse:
    """Change the text of a comment."""
    text = str_or_unset(request.params.get("body", MISSING))
    body = text if text is UNSET else text or ""
    return await _change_comment(request, lambda work, comment_id: comments.edit(work, comment_id, body=body))


@router.delete("/comments/{id}", response_model=Id, parameters=[COMMENT_ID], errors=[404])
async def delete_comment(request: ApiRequest) -> ApiResponse:
    """Delete a comment with all replies to it, and their replies."""
    return await _change_comment(
        request, lambda work, comment_id: comments.delete(work, comment_id, with_replies=True), in_thread=True
    )


@router.put("/comments/{id}/mark_as_post_update", response_model=Id, parameters=[COMMENT_ID], errors=[404])
async def mark_comment_as_post_update(request: ApiRequest) -> ApiResponse:
    """Mark a comment as an update by the team."""
    return await _change_comment(request, lambda work, comment_id: comments.edit(work, comment_id, official=True))


@router.put("/comments/{id}/unmark_as_post_update", response_model=Id, parameters=[COMMENT_ID], errors=[404])
async def unmark_comment_as_post_update(request: ApiRequest) -> ApiResponse:
    """Unmark a comment as an update by the team."""
    return await _change_comment(request, lambda work, comment_id: comments.edit(work, comment_id, official=False))


async def _change_comment(
    request: ApiRequest, change: Callable[[UnitOfWork, int], object], *, in_thread: bool = False
) -> ApiResponse:
    """Change the comment in the path, unless it is an internal one."""
    segment = request.path_params["id"]
    comment_id = path_id(segment)

    def operation(work: UnitOfWork) -> None:
        with errors.replace_not_found("comment", NotFound("comment", segment)):
            serializers.COMMENTS.by_id(work, comment_id)
            change(work, comment_id)

    await request.write(operation, in_thread=in_thread)
    return responses.updated(comment_id)
