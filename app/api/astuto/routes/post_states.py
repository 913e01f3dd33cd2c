"""The states of a post in Astuto's dialect: its board, its status, its approval. docs/contracts/astuto.md, 2.3."""

from collections.abc import Callable
from typing import Annotated, ClassVar

from pydantic import Field

from app.api.astuto import errors, schemas
from app.api.astuto.forms import ID_OR_NULL, IMPERSONATED_ID, REQUIRED_ID, Form
from app.api.astuto.rack_params import InvalidParam
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import resolve_acting_user
from app.api.astuto.routes.rows import change_row
from app.api.request import ApiRequest
from app.domain.models import Post
from app.domain.posts import moderation, update
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Posts"])


class UpdateBoard(Form):
    board_id: Annotated[int, REQUIRED_ID, Field(description="The board to move the post to", examples=[1])]


class UpdateStatus(Form):
    json_example: ClassVar[tuple[str, ...]] = ("post_status_id",)

    post_status_id: Annotated[
        int | Unset | None,
        ID_OR_NULL,
        Field(description="The new status; null clears it; if absent, nothing changes", examples=[2]),
    ] = UNSET
    impersonated_user_id: Annotated[int | None, IMPERSONATED_ID] = None


@router.put("/posts/{id}/update_board", response_model=schemas.Id, form=UpdateBoard)
async def update_post_board(request: ApiRequest) -> ApiResponse:
    """Move a post to another board."""

    def move(work: UnitOfWork, post_id: int) -> None:
        form = UpdateBoard.parse(request.params)
        with errors.ReplaceNotFound("board", InvalidParam()):
            update.move_to_board(work, post_id, form.board_id)

    return await _change_post(request, move)


@router.put("/posts/{id}/update_status", response_model=schemas.Id, form=UpdateStatus)
async def update_post_status(request: ApiRequest) -> ApiResponse:
    """Change or clear the status of a post. An administrator's key may impersonate another user."""
    form = UpdateStatus.parse(request.params)

    def change(work: UnitOfWork, post_id: int) -> None:
        user_id = resolve_acting_user(work, form.impersonated_user_id)
        if form.post_status_id is UNSET:
            return
        with errors.ReplaceNotFound("status", InvalidParam()):
            update.change_status(work, post_id, form.post_status_id, user_id=user_id)

    return await _change_post(request, change)


@router.put("/posts/{id}/approve", response_model=schemas.Id, errors=[422], path_examples={"id": 161})
async def approve_post(request: ApiRequest) -> ApiResponse:
    """Approve a post that is pending."""
    return await _change_post(request, moderation.approve)


@router.put("/posts/{id}/reject", response_model=schemas.Id, errors=[422], path_examples={"id": 164})
async def reject_post(request: ApiRequest) -> ApiResponse:
    """Reject a post that is pending."""
    return await _change_post(request, moderation.reject)


async def _change_post(request: ApiRequest, change: Callable[[UnitOfWork, int], None]) -> ApiResponse:
    """Change the post in the path. The 404 comes before any other error."""

    def change_existing(work: UnitOfWork, post_id: int) -> None:
        work.require_exists(Post, post_id)
        change(work, post_id)

    return await change_row(request, "post", change_existing)
