"""Votes in Astuto's dialect, which once called them likes. docs/contracts/astuto.md, section 2.6."""

import orjson

from app.api.astuto import answers, errors, manners, shapes
from app.api.astuto.answers import chapter
from app.api.astuto.describing import IMPERSONATED, INTEGER, VOTE_ID, members, narrowed, window
from app.api.astuto.inputs import any_of, named_user, path_id
from app.api.astuto.listing import Listed, listed
from app.api.astuto.manners import ABSENT
from app.api.astuto.models import Id, VoteOut
from app.api.calls import Answer, Call
from app.domain import votes
from app.domain.policy import Act
from app.domain.refusals import Forbidden, NotFound, ReferenceMissing
from app.domain.votes import Ballot
from app.domain.work import Work

votes_chapter = chapter("Votes")


@votes_chapter.route("GET", "/votes", answers=list[VoteOut], parameters=[*window(100), narrowed("post_id", "post")])
async def list_votes(call: Call) -> Answer:
    """All votes, newest first."""
    post_ids = any_of(call.asked, "post_id")
    rows = Listed(
        page=lambda work, skip, limit: shapes.VOTES.page(work, skip=skip, limit=limit, post_ids=post_ids),
        ids=lambda work, skip, limit: shapes.VOTES.ids(work, skip=skip, limit=limit, post_ids=post_ids),
        by_ids=shapes.VOTES.by_ids,
        shape=shapes.vote,
        slow=post_ids is not None and len(post_ids) > 1,
    )
    return await listed(call, rows, default=100)


@votes_chapter.route("GET", "/votes/{id}", answers=VoteOut, parameters=[VOTE_ID], may_refuse=[404])
async def show_vote(call: Call) -> Answer:
    """One vote."""
    segment = call.path["id"]

    def get(work: Work) -> bytes:
        with errors.reworded("vote", NotFound("vote", segment)):
            row = shapes.VOTES.by_id(work, path_id(segment))
        work.require(Act.READ)
        return orjson.dumps(shapes.vote(row))

    return answers.ok(await call.reading(get))


@votes_chapter.route(
    "POST",
    "/votes",
    answers=Id,
    status=201,
    may_refuse=[422],
    body=members(["post_id"], post_id=INTEGER, impersonated_user_id=IMPERSONATED),
)
async def create_vote(call: Call) -> Answer:
    """Cast a vote; an administrator's key may cast it in another user's name."""
    asked = call.asked

    def cast(work: Work) -> int:
        work.require(Act.CAST_VOTE)
        voter_id = named_user(work, asked)
        post_id = manners.lookup(asked.get("post_id", ABSENT)) or 0
        with (
            errors.reworded("user", Forbidden(Act.IMPERSONATE, "unknown")),
            errors.reworded("post", errors.mandatory("post_id")),
        ):
            return votes.cast(work, Ballot(post=post_id, voter=voter_id, strict=False)).id

    try:
        return answers.created(await call.writing(cast, at_once=True))
    except ReferenceMissing as gone:
        # The post was deleted between being found and being pointed to.
        raise errors.mandatory("post_id") from gone


@votes_chapter.route("DELETE", "/votes/{id}", answers=Id, parameters=[VOTE_ID], may_refuse=[404])
async def delete_vote(call: Call) -> Answer:
    """Take a vote away, whoever cast it."""
    segment = call.path["id"]
    vote_id = path_id(segment)

    def delete(work: Work) -> None:
        with errors.reworded("vote", NotFound("vote", segment)):
            votes.delete_by_id(work, vote_id)

    await call.writing(delete)
    return answers.written(vote_id)
