"""Moderation in ProductLift's dialect. docs/contracts/productlift.md, section 9.11."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from app.api.productlift import errors, responses, serializers
from app.api.productlift.responses import chapter
from app.api.productlift.schemas import DecisionData, ModeratedList
from app.api.request import Call
from app.api.router import in_path
from app.api.streaming import MOST_IN_ONE_PIECE, in_pieces
from app.domain.errors import NotFound
from app.domain.posts import moderation
from app.domain.unit_of_work import Row, Work
from app.http.request import Answer

moderation_chapter = chapter("Moderation")

ADDRESS: Final = [
    in_path("type", {"type": "string", "enum": ["post"]}, "What is decided on: posts alone have a state"),
    in_path("id", {"type": "string"}, "The post's six-character code, or its number"),
]


@moderation_chapter.route("GET", "/moderation/pending", answers=ModeratedList)
async def list_pending(call: Call) -> Answer:
    """The posts that wait for a decision, newest first."""
    return await _listed(call, "pending")


@moderation_chapter.route("GET", "/moderation/rejected", answers=ModeratedList)
async def list_rejected(call: Call) -> Answer:
    """The posts that were rejected, newest first."""
    return await _listed(call, "rejected")


@moderation_chapter.route(
    "POST", "/moderation/approve/{type}/{id}", answers=DecisionData, parameters=ADDRESS, may_refuse=[404, 422]
)
async def approve(call: Call) -> Answer:
    """Let a waiting post be seen."""
    return await _decided(call, moderation.approve, "approved")


@moderation_chapter.route(
    "POST", "/moderation/reject/{type}/{id}", answers=DecisionData, parameters=ADDRESS, may_refuse=[404, 422]
)
async def reject(call: Call) -> Answer:
    """Keep a waiting post from being seen."""
    return await _decided(call, moderation.reject, "rejected")


async def _listed(call: Call, state: str) -> Answer:
    most = MOST_IN_ONE_PIECE
    rows = await call.reading(lambda work: moderation.page(work, state, skip=0, limit=most + 1), slow=True)

    def shown(row: Row) -> dict[str, str]:
        return {"id": row[1], "type": "post", "status": state, "title": row[2]}

    if len(rows) <= most:
        return responses.data([shown(row) for row in rows])

    def some(work: Work, ids: Sequence[int]) -> list[Any]:
        return [shown(row) for row in moderation.by_ids(work, state, ids)]

    ids = await call.reading(lambda work: moderation.ids(work, state), slow=True)
    return responses.in_pieces(await in_pieces(call, ids, some, before=b'{"data":[', after=b"]}"))


async def _decided(call: Call, decide: Callable[[Work, int], None], state: str) -> Answer:
    kind, key = call.path["type"], call.path["id"]
    if kind == "comment":
        # Comments have no state of moderation.
        raise NotFound("comment", key)
    if kind != "post":
        return errors.NO_ROUTE

    def settle(work: Work) -> Answer:
        post_id, code, *_ = serializers.POSTS.by_key(work, key)
        decide(work, post_id)
        return responses.data({"id": code, "type": "post", "status": state, "message": f"The post has been {state}."})

    return await call.writing(settle)
