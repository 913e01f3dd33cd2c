"""Votes in Astuto's dialect, which once called them likes. docs/contracts/astuto.md, section 2.6."""

from app.api.astuto import answers, errors, manners
from app.api.astuto.answers import chapter
from app.api.astuto.inputs import impersonated, key_user
from app.api.astuto.manners import ABSENT
from app.api.astuto.shapes import Id
from app.api.calls import Answer, Call
from app.domain import votes
from app.domain.policy import Act
from app.domain.refusals import Forbidden
from app.domain.votes import Ballot
from app.domain.work import Work

votes_chapter = chapter("Votes")


@votes_chapter.route("POST", "/votes", answers=Id, status=201, may_refuse=[422])
async def create_vote(call: Call) -> Answer:
    """Cast a vote; an administrator's key may cast it in another user's name."""
    asked = call.asked

    def cast(work: Work) -> int:
        work.require(Act.CAST_VOTE)
        voter_id = impersonated(asked)
        if voter_id is not None:
            work.require(Act.IMPERSONATE)
        post_id = manners.lookup(asked.get("post_id", ABSENT)) or 0
        ballot = Ballot(post=post_id, voter=key_user(work) if voter_id is None else voter_id, strict=False)
        with (
            errors.reworded("user", Forbidden(Act.IMPERSONATE, "unknown")),
            errors.reworded("post", errors.mandatory("post_id")),
        ):
            return votes.cast(work, ballot).id

    return answers.created(await call.writing(cast, at_once=True))
