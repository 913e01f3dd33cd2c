"""Votes in ProductLift's dialect. docs/contracts/productlift.md, sections 7.22 to 7.24 and 9.3."""

from collections.abc import Callable

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Nothing, Vote, data_of, list_of
from app.api.request import ApiRequest
from app.api.streaming import STREAM_THRESHOLD
from app.domain.posts import anonymous_votes, votes
from app.domain.posts.queries import resolve_code_or_id
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Votes"])


@router.get("/posts/{post}/votes", response_model=list_of(Vote))
async def list_votes(request: ApiRequest) -> ApiResponse:
    """All votes for a post, newest first; the voter of an anonymous vote is null."""

    def count_votes(work: UnitOfWork) -> tuple[int, int]:
        post_id, votes_count = serializers.VOTE_COUNTS.by_code_or_id(work, request.path_params["post"])
        return post_id, votes_count

    post_id, votes_count = await request.read(count_votes)
    if votes_count <= STREAM_THRESHOLD:
        return await responses.list_rows(
            request,
            lambda work: serializers.VOTES.for_post(work, post_id, limit=votes_count),
            serializers.serialize_vote,
        )
    # Votes may be cast since they were counted; all votes at this moment are listed.
    ids = await request.read(
        lambda work: serializers.VOTES.ids(work, offset=0, limit=2**62, post_ids=[post_id]), in_thread=True
    )
    return await responses.stream_rows(request, ids, serializers.VOTES.by_ids, serializers.serialize_vote)


@router.post("/posts/{post}/votes/{user}", response_model=data_of(Vote), errors=[422], path_examples={"post": "4"})
async def create_vote(request: ApiRequest) -> ApiResponse:
    """Vote for a post as a user."""

    def cast(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(**request.path_params):
            return responses.data_response(
                serializers.serialize_created_vote(votes.cast(work, _vote_from(work, request)), work.now)
            )

    return await request.write(cast, single_statement=True)


@router.delete("/posts/{post}/votes/{user}", response_model=Nothing, errors=[422])
async def delete_vote(request: ApiRequest) -> ApiResponse:
    """Retract the vote of a user."""

    def retract(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(**request.path_params):
            votes.retract(work, _vote_from(work, request))
        return responses.DELETED

    return await request.write(retract)


@router.post(
    "/posts/{post}/anonymous_votes/{anonymous_id}",
    response_model=data_of(Vote),
    errors=[422],
    path_examples={"post": "4"},
)
async def create_anonymous_vote(request: ApiRequest) -> ApiResponse:
    """Vote for a post in nobody's name. The client chooses a text for each voter, who has one vote for the post."""

    def cast(work: UnitOfWork, post: int | str, anonymous_id: str) -> ApiResponse:
        vote_id = anonymous_votes.cast(work, post=post, anonymous_id=anonymous_id)
        return responses.data_response(serializers.serialize_created_anonymous_vote(vote_id, work.now))

    return await _change_anonymous_vote(request, cast)


@router.delete("/posts/{post}/anonymous_votes/{anonymous_id}", response_model=Nothing, errors=[422])
async def delete_anonymous_vote(request: ApiRequest) -> ApiResponse:
    """Retract an anonymous vote."""

    def retract(work: UnitOfWork, post: int | str, anonymous_id: str) -> ApiResponse:
        anonymous_votes.retract(work, post=post, anonymous_id=anonymous_id)
        return responses.DELETED

    return await _change_anonymous_vote(request, retract)


async def _change_anonymous_vote(
    request: ApiRequest, change: Callable[[UnitOfWork, int | str, str], ApiResponse]
) -> ApiResponse:
    key, anonymous_id = request.path_params["post"], request.path_params["anonymous_id"]
    if not path_params.is_text(anonymous_id, request.scope.get("raw_path", b"")):
        return errors.NO_ROUTE

    def operation(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(post=key):
            return change(work, resolve_code_or_id(work, key), anonymous_id)

    return await request.write(operation)


def _vote_from(work: UnitOfWork, request: ApiRequest) -> NewVote:
    return NewVote(
        post=resolve_code_or_id(work, request.path_params["post"]),
        voter=path_params.uuid(request.path_params["user"]),
        voteable_only=True,
        follow=True,
    )
