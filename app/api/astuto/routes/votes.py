"""Votes in Astuto's dialect, which once called them likes. docs/contracts/astuto.md, section 2.6."""

from typing import Annotated, ClassVar

from pydantic import Field

from app.api.astuto import errors, responses, schemas, serializers
from app.api.astuto.forms import ID, IMPERSONATED_ID, Form
from app.api.astuto.pagination import ChildListForm, child_list_response
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import acting_user_id
from app.api.astuto.routes.rows import change_row, show_row
from app.api.request import ApiRequest
from app.domain.errors import Forbidden
from app.domain.permissions import Permission
from app.domain.posts import votes
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Votes"])


class CreateVote(Form, json_schema_extra={"required": ["post_id"]}):
    json_example: ClassVar[tuple[str, ...]] = ("post_id",)

    post_id: Annotated[int | None, ID, Field(description="The post to vote for", examples=[1])] = None
    impersonated_user_id: Annotated[int | None, IMPERSONATED_ID] = None


@router.get("/votes", response_model=list[schemas.Vote], form=ChildListForm)
async def list_votes(request: ApiRequest) -> ApiResponse:
    """All votes, newest first."""
    return await child_list_response(request, serializers.VOTES, serializers.serialize_vote)


@router.get("/votes/{id}", response_model=schemas.Vote)
async def show_vote(request: ApiRequest) -> ApiResponse:
    """One vote."""
    return await show_row(request, "vote", serializers.VOTES.by_id, serializers.serialize_vote)


@router.post("/votes", response_model=schemas.Id, status_code=201, errors=[422], form=CreateVote)
async def create_vote(request: ApiRequest) -> ApiResponse:
    """Cast a vote; an administrator's key may impersonate another user."""
    form = CreateVote.parse(request.params)

    def cast(work: UnitOfWork) -> int:
        voter_id = acting_user_id(work, form.impersonated_user_id)
        with errors.ReplaceNotFound("user", Forbidden(Permission.IMPERSONATE, "unknown")):
            return votes.cast(work, NewVote(post=form.post_id or 0, voter=voter_id)).id

    with errors.require_reference("post"):
        return responses.created(await request.write(cast, single_statement=True))


@router.delete("/votes/{id}", response_model=schemas.Id)
async def delete_vote(request: ApiRequest) -> ApiResponse:
    """Delete the vote of any user."""
    return await change_row(request, "vote", votes.delete)
