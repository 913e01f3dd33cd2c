"""Comments in Astuto's dialect; the team's internal ones do not exist here. docs/contracts/astuto.md, section 2.4."""

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
    """All comments, newest first, replies among them."""
    post_ids = id_filter(request.params, "post_id")
    rows = ListSource(
        page=lambda work, offset, limit: serializers.COMMENTS.page(work, offset=offset, limit=limit, post_ids=post_ids),
        ids=lambda work, offset, limit: serializers.COMMENTS.ids(work, offset=offset, limit=limit, post_ids=post_ids),
        by_ids=serializers.COMMENTS.by_ids,
        shape=serializers.serialize_comment,
        slow=post_ids is not None and len(post_ids) > 1,
    )
    return await list_response(request, rows, default=100)


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
        parent_id=with_description(
            INTEGER_OR_NULL, "The comment that this one replies to; it may stand on another post"
        ),
        is_post_update=with_description(BOOLEAN_OR_NULL, "Whether the team speaks; null is false"),
        impersonated_user_id=IMPERSONATED,
    ),
)
async def create_comment(request: ApiRequest) -> ApiResponse:
    """Write a comment. An administrator's key may write it in another user's name."""
    asked = request.params

    def write(work: UnitOfWork) -> int:
        author_id = resolve_acting_user(work, asked)
        parent = params.to_int(asked.get("parent_id", MISSING))
        official = params.to_bool(asked.get("is_post_update", MISSING))
        with errors.replace_not_found("comment", params.InvalidParam()):
            return comments.create(
                work,
                post_id=params.to_lookup_id(asked.get("post_id", MISSING)) or 0,
                author_id=author_id,
                body=str_or(asked.get("body", MISSING), None) or "",
                # No comment has the number 0, so what can't be a number's id is refused where the rule says so.
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
    request_body=object_body(body=with_description(TEXT, "When absent, nothing changes")),
)
async def update_comment(request: ApiRequest) -> ApiResponse:
    """Change what a comment says."""
    said = str_or_unset(request.params.get("body", MISSING))
    body = said if said is UNSET else said or ""
    return await _changed(request, lambda work, comment_id: comments.edit(work, comment_id, body=body))


@router.delete("/comments/{id}", response_model=Id, parameters=[COMMENT_ID], errors=[404])
async def delete_comment(request: ApiRequest) -> ApiResponse:
    """Delete a comment with all replies to it, all the way down."""
    return await _changed(
        request, lambda work, comment_id: comments.delete(work, comment_id, with_replies=True), slow=True
    )


@router.put("/comments/{id}/mark_as_post_update", response_model=Id, parameters=[COMMENT_ID], errors=[404])
async def mark_comment_as_post_update(request: ApiRequest) -> ApiResponse:
    """Say that the team speaks in this comment."""
    return await _changed(request, lambda work, comment_id: comments.edit(work, comment_id, official=True))


@router.put("/comments/{id}/unmark_as_post_update", response_model=Id, parameters=[COMMENT_ID], errors=[404])
async def unmark_comment_as_post_update(request: ApiRequest) -> ApiResponse:
    """Take that back."""
    return await _changed(request, lambda work, comment_id: comments.edit(work, comment_id, official=False))


async def _changed(
    request: ApiRequest, change: Callable[[UnitOfWork, int], object], *, slow: bool = False
) -> ApiResponse:
    """Change the comment that the path names, if this dialect may see it at all."""
    segment = request.path_params["id"]
    comment_id = path_id(segment)

    def operation(work: UnitOfWork) -> None:
        with errors.replace_not_found("comment", NotFound("comment", segment)):
            serializers.COMMENTS.by_id(work, comment_id)
            change(work, comment_id)

    await request.write(operation, in_thread=slow)
    return responses.updated(comment_id)
