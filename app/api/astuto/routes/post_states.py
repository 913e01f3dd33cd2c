"""The states of a post in Astuto's dialect: its board, its status, its approval. docs/contracts/astuto.md, 2.3."""

from collections.abc import Callable

from app.api.astuto import errors, params, responses
from app.api.astuto.openapi_params import IMPERSONATED, INTEGER, INTEGER_OR_NULL, POST_ID, object_body, with_description
from app.api.astuto.params import MISSING
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import path_id, resolve_acting_user
from app.api.astuto.schemas import Id
from app.api.request import ApiRequest
from app.domain.errors import NotFound
from app.domain.posts import moderation, update
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Posts"])


@router.put(
    "/posts/{id}/update_board",
    response_model=Id,
    parameters=[POST_ID],
    errors=[404],
    request_body=object_body(["board_id"], board_id=INTEGER),
)
async def update_post_board(request: ApiRequest) -> ApiResponse:
    """Move a post to another board."""
    value = request.params.get("board_id", MISSING)

    def move(work: UnitOfWork, post_id: int) -> None:
        if params.is_missing(value) or isinstance(value, list | dict):
            raise errors.MissingParam
        with errors.replace_not_found("board", params.InvalidParam()):
            update.move_to_board(work, post_id, params.to_lookup_id(value) or 0)

    return await _change_post(request, move)


@router.put(
    "/posts/{id}/update_status",
    response_model=Id,
    parameters=[POST_ID],
    errors=[404],
    request_body=object_body(
        post_status_id=with_description(INTEGER_OR_NULL, "Null clears the status; if absent, nothing changes"),
        impersonated_user_id=IMPERSONATED,
    ),
)
async def update_post_status(request: ApiRequest) -> ApiResponse:
    """Change or clear the status of a post. An administrator's key may impersonate another user."""
    values = request.params

    def change(work: UnitOfWork, post_id: int) -> None:
        user_id = resolve_acting_user(work, values)
        status_id = params.to_stored_id(values.get("post_status_id", MISSING))
        if status_id is MISSING:
            return
        with errors.replace_not_found("status", params.InvalidParam()):
            update.change_status(work, post_id, status_id, user_id=user_id)

    return await _change_post(request, change)


@router.put("/posts/{id}/approve", response_model=Id, parameters=[POST_ID], errors=[404, 422])
async def approve_post(request: ApiRequest) -> ApiResponse:
    """Approve a post that is pending."""
    return await _change_post(request, moderation.approve)


@router.put("/posts/{id}/reject", response_model=Id, parameters=[POST_ID], errors=[404, 422])
async def reject_post(request: ApiRequest) -> ApiResponse:
    """Reject a post that is pending."""
    return await _change_post(request, moderation.reject)


async def _change_post(request: ApiRequest, change: Callable[[UnitOfWork, int], None]) -> ApiResponse:
    """Change the post in the path. The 404 comes before any other error."""
    segment = request.path_params["id"]
    post_id = path_id(segment)

    def operation(work: UnitOfWork) -> None:
        with errors.replace_not_found("post", NotFound("post", segment)):
            update.require_exists(work, post_id)
            change(work, post_id)

    await request.write(operation)
    return responses.updated(post_id)
