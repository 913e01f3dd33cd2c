"""Votes in ProductLift's dialect. docs/contracts/productlift.md, sections 7.22 to 7.24."""

from collections.abc import Sequence
from typing import Any

from app.api.calls import Answer, Call
from app.api.pieces import MOST_IN_ONE_PIECE, in_pieces
from app.api.productlift import answers, errors, paths, shapes
from app.api.productlift.answers import chapter
from app.api.productlift.models import Nothing, VoteData, VoteList
from app.domain import votes
from app.domain.post_views import named_by
from app.domain.votes import Ballot
from app.domain.work import Work

votes_chapter = chapter("Votes")


@votes_chapter.route("GET", "/posts/{post}/votes", answers=VoteList, parameters=[paths.POST], may_refuse=[404])
async def list_votes(call: Call) -> Answer:
    """All votes for a post, newest first."""

    def plan(work: Work) -> tuple[int, int]:
        row = shapes.POSTS.by_key(work, call.path["post"])
        return row[0], row[8]

    post_id, many = await call.reading(plan)
    if many <= MOST_IN_ONE_PIECE:
        return await call.reading(
            lambda work: answers.data([shapes.vote(row) for row in shapes.VOTES.of_post(work, post_id, many=many)])
        )

    def shown(work: Work, ids: Sequence[int]) -> list[Any]:
        return [shapes.vote(row) for row in shapes.VOTES.by_ids(work, ids)]

    # A few may come between the count and this; all that stand now are told.
    ids = await call.reading(lambda work: shapes.VOTES.ids(work, skip=0, limit=2**62, post_ids=[post_id]), slow=True)
    return answers.in_pieces(await in_pieces(call, ids, shown, before=b'{"data":[', after=b"]}"))


@votes_chapter.route(
    "POST",
    "/posts/{post}/votes/{user}",
    answers=VoteData,
    parameters=[paths.POST, paths.USER],
    may_refuse=[404, 422],
)
async def create_vote(call: Call) -> Answer:
    """Vote for a post in a user's name."""

    def cast(work: Work) -> Answer:
        with errors.asked_as(**call.path):
            return answers.data(shapes.fresh_vote(votes.cast(work, _ballot(work, call)), work.now))

    return await call.writing(cast, at_once=True)


@votes_chapter.route(
    "DELETE",
    "/posts/{post}/votes/{user}",
    answers=Nothing,
    parameters=[paths.POST, paths.USER],
    may_refuse=[404, 422],
)
async def delete_vote(call: Call) -> Answer:
    """Take a user's vote back."""

    def retract(work: Work) -> Answer:
        with errors.asked_as(**call.path):
            votes.retract(work, _ballot(work, call))
        return answers.EMPTY

    return await call.writing(retract)


def _ballot(work: Work, call: Call) -> Ballot:
    return Ballot(post=named_by(work, call.path["post"]), voter=paths.uuid(call.path["user"]), strict=True)
