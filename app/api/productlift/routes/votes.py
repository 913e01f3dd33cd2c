"""Votes in ProductLift's dialect. docs/contracts/productlift.md, sections 7.22 to 7.24."""

from collections.abc import Sequence
from typing import Any

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.responses import chapter
from app.api.productlift.schemas import Nothing, VoteData, VoteList
from app.api.request import Call
from app.api.streaming import MOST_IN_ONE_PIECE, in_pieces
from app.domain.posts import votes
from app.domain.posts.queries import named_by
from app.domain.posts.votes import Ballot
from app.domain.unit_of_work import Work
from app.http.request import Answer

votes_chapter = chapter("Votes")


@votes_chapter.route("GET", "/posts/{post}/votes", answers=VoteList, parameters=[path_params.POST], may_refuse=[404])
async def list_votes(call: Call) -> Answer:
    """All votes for a post, newest first."""

    def plan(work: Work) -> tuple[int, int]:
        row = serializers.POSTS.by_key(work, call.path["post"])
        return row[0], row[8]

    post_id, many = await call.reading(plan)
    if many <= MOST_IN_ONE_PIECE:
        return await call.reading(
            lambda work: responses.data(
                [serializers.vote(row) for row in serializers.VOTES.of_post(work, post_id, many=many)]
            )
        )

    def shown(work: Work, ids: Sequence[int]) -> list[Any]:
        return [serializers.vote(row) for row in serializers.VOTES.by_ids(work, ids)]

    # A few may come between the count and this; all that stand now are told.
    ids = await call.reading(
        lambda work: serializers.VOTES.ids(work, skip=0, limit=2**62, post_ids=[post_id]), slow=True
    )
    return responses.in_pieces(await in_pieces(call, ids, shown, before=b'{"data":[', after=b"]}"))


@votes_chapter.route(
    "POST",
    "/posts/{post}/votes/{user}",
    answers=VoteData,
    parameters=[path_params.POST, path_params.USER],
    may_refuse=[404, 422],
)
async def create_vote(call: Call) -> Answer:
    """Vote for a post in a user's name."""

    def cast(work: Work) -> Answer:
        with errors.asked_as(**call.path):
            return responses.data(serializers.fresh_vote(votes.cast(work, _ballot(work, call)), work.now))

    return await call.writing(cast, at_once=True)


@votes_chapter.route(
    "DELETE",
    "/posts/{post}/votes/{user}",
    answers=Nothing,
    parameters=[path_params.POST, path_params.USER],
    may_refuse=[404, 422],
)
async def delete_vote(call: Call) -> Answer:
    """Take a user's vote back."""

    def retract(work: Work) -> Answer:
        with errors.asked_as(**call.path):
            votes.retract(work, _ballot(work, call))
        return responses.EMPTY

    return await call.writing(retract)


def _ballot(work: Work, call: Call) -> Ballot:
    return Ballot(post=named_by(work, call.path["post"]), voter=path_params.uuid(call.path["user"]), strict=True)
