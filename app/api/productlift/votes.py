"""Votes in ProductLift's dialect. docs/contracts/productlift.md, sections 7.22 to 7.24."""

from app.api.calls import Answer, Call
from app.api.productlift import answers, shapes
from app.api.productlift.answers import chapter
from app.api.productlift.shapes import VoteData
from app.domain import votes
from app.domain.post_views import key_of
from app.domain.votes import Ballot
from app.domain.work import Work

votes_chapter = chapter("Votes")


@votes_chapter.route("POST", "/posts/{post}/votes/{user}", answers=VoteData, may_refuse=[404, 422])
async def create_vote(call: Call) -> Answer:
    """Vote for a post in a user's name."""
    ballot = Ballot(post=key_of(call.path["post"]), voter=call.path["user"].lower(), strict=True)

    def cast(work: Work) -> Answer:
        return answers.data(shapes.fresh_vote(votes.cast(work, ballot), work.now))

    return await call.writing(cast, at_once=True)
