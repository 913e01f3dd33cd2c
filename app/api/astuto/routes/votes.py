"""Votes in Astuto's dialect, which once called them likes. docs/contracts/astuto.md, section 2.6."""

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import IMPERSONATED, INTEGER, VOTE_ID, members, narrowed, window
from app.api.astuto.pagination import Listed, listed
from app.api.astuto.params import ABSENT
from app.api.astuto.responses import chapter
from app.api.astuto.routes.inputs import any_of, named_user, path_id
from app.api.astuto.schemas import Id, VoteOut
from app.api.request import Call
from app.domain.errors import Forbidden, NotFound, ReferenceMissing
from app.domain.permissions import Act
from app.domain.posts import votes
from app.domain.posts.votes import Ballot
from app.domain.unit_of_work import Work
from app.http.request import Answer

votes_chapter = chapter("Votes")


@votes_chapter.route("GET", "/votes", answers=list[VoteOut], parameters=[*window(100), narrowed("post_id", "post")])
async def list_votes(call: Call) -> Answer:
    """All votes, newest first."""
    post_ids = any_of(call.asked, "post_id")
    rows = Listed(
        page=lambda work, skip, limit: serializers.VOTES.page(work, skip=skip, limit=limit, post_ids=post_ids),
        ids=lambda work, skip, limit: serializers.VOTES.ids(work, skip=skip, limit=limit, post_ids=post_ids),
        by_ids=serializers.VOTES.by_ids,
        shape=serializers.vote,
        slow=post_ids is not None and len(post_ids) > 1,
    )
    return await listed(call, rows, default=100)


@votes_chapter.route("GET", "/votes/{id}", answers=VoteOut, parameters=[VOTE_ID], may_refuse=[404])
async def show_vote(call: Call) -> Answer:
    """One vote."""
    segment = call.path["id"]

    def get(work: Work) -> bytes:
        with errors.reworded("vote", NotFound("vote", segment)):
            row = serializers.VOTES.by_id(work, path_id(segment))
        work.require(Act.READ)
        return orjson.dumps(serializers.vote(row))

    return responses.ok(await call.reading(get))


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
        post_id = params.lookup(asked.get("post_id", ABSENT)) or 0
        with (
            errors.reworded("user", Forbidden(Act.IMPERSONATE, "unknown")),
            errors.reworded("post", errors.mandatory("post_id")),
        ):
            return votes.cast(work, Ballot(post=post_id, voter=voter_id, strict=False)).id

    try:
        return responses.created(await call.writing(cast, at_once=True))
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
    return responses.written(vote_id)
