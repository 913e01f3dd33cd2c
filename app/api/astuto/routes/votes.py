"""Votes in Astuto's dialect, which once called them likes. docs/contracts/astuto.md, section 2.6."""

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import (
    IMPERSONATED,
    INTEGER,
    VOTE_ID,
    id_filter_param,
    object_body,
    pagination_params,
)
from app.api.astuto.pagination import ListSource, list_response
from app.api.astuto.params import MISSING
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import acting_user_id, id_filter, path_id
from app.api.astuto.schemas import Id, VoteOut
from app.api.request import ApiRequest
from app.domain.errors import Forbidden, NotFound
from app.domain.permissions import Permission
from app.domain.posts import votes
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Votes"])


@router.get(
    "/votes",
    response_model=list[VoteOut],
    parameters=[*pagination_params(100), id_filter_param("post_id", "post")],
)
async def list_votes(request: ApiRequest) -> ApiResponse:
    """All votes, newest first."""
    post_ids = id_filter(request.params, "post_id")
    source = ListSource(
        page=lambda work, offset, limit: serializers.VOTES.page(work, offset=offset, limit=limit, post_ids=post_ids),
        ids=lambda work, offset, limit: serializers.VOTES.ids(work, offset=offset, limit=limit, post_ids=post_ids),
        by_ids=serializers.VOTES.by_ids,
        serialize=serializers.serialize_vote,
        slow=post_ids is not None and len(post_ids) > 1,
    )
    return await list_response(request, source, default=100)


@router.get("/votes/{id}", response_model=VoteOut, parameters=[VOTE_ID], errors=[404])
async def show_vote(request: ApiRequest) -> ApiResponse:
    """One vote."""
    segment = request.path_params["id"]

    def get(work: UnitOfWork) -> bytes:
        with errors.replace_not_found("vote", NotFound("vote", segment)):
            row = serializers.VOTES.by_id(work, path_id(segment))
        return orjson.dumps(serializers.serialize_vote(row))

    return responses.ok(await request.read(get))


@router.post(
    "/votes",
    response_model=Id,
    status_code=201,
    errors=[422],
    request_body=object_body(["post_id"], post_id=INTEGER, impersonated_user_id=IMPERSONATED),
)
async def create_vote(request: ApiRequest) -> ApiResponse:
    """Cast a vote; an administrator's key may impersonate another user."""
    values = request.params

    def cast(work: UnitOfWork) -> int:
        voter_id = acting_user_id(work, values)
        post_id = params.to_lookup_id(values.get("post_id", MISSING)) or 0
        with errors.replace_not_found("user", Forbidden(Permission.IMPERSONATE, "unknown")):
            return votes.cast(work, NewVote(post=post_id, voter=voter_id)).id

    with errors.require_reference("post"):
        return responses.created(await request.write(cast, single_statement=True))


@router.delete("/votes/{id}", response_model=Id, parameters=[VOTE_ID], errors=[404])
async def delete_vote(request: ApiRequest) -> ApiResponse:
    """Delete the vote of any user."""
    segment = request.path_params["id"]
    vote_id = path_id(segment)

    def delete(work: UnitOfWork) -> None:
        with errors.replace_not_found("vote", NotFound("vote", segment)):
            votes.delete(work, vote_id)

    await request.write(delete)
    return responses.updated(vote_id)
