"""Where a post stands, in Astuto's dialect: its board, its status, its approval. docs/contracts/astuto.md, 2.3."""

from collections.abc import Callable

from app.api.astuto import errors, params, responses
from app.api.astuto.openapi_params import IMPERSONATED, INTEGER, INTEGER_OR_NULL, POST_ID, described, members
from app.api.astuto.params import ABSENT
from app.api.astuto.responses import chapter
from app.api.astuto.routes.inputs import acting_user, path_id
from app.api.astuto.schemas import Id
from app.api.request import AskedCall, Call
from app.domain.errors import NotFound
from app.domain.permissions import Act
from app.domain.posts import moderation, update
from app.domain.unit_of_work import Work
from app.http.request import Answer

post_states_chapter = chapter("Posts")


@post_states_chapter.route(
    "PUT",
    "/posts/{id}/update_board",
    answers=Id,
    parameters=[POST_ID],
    may_refuse=[404],
    body=members(["board_id"], board_id=INTEGER),
)
async def update_post_board(call: Call) -> Answer:
    """Put a post on another board."""
    asked = call.asked.get("board_id", ABSENT)

    def move(work: Work, post_id: int) -> None:
        work.require(Act.WRITE_POST)
        if params.missing(asked) or isinstance(asked, list | dict):
            raise errors.Missing
        with errors.reworded("board", params.Wrong()):
            update.move(work, post_id, params.lookup(asked) or 0)

    return await _changed(call, move)


@post_states_chapter.route(
    "PUT",
    "/posts/{id}/update_status",
    answers=Id,
    parameters=[POST_ID],
    may_refuse=[404],
    body=members(
        post_status_id=described(INTEGER_OR_NULL, "Null clears the status; when absent, nothing changes"),
        impersonated_user_id=IMPERSONATED,
    ),
)
async def update_post_status(call: Call) -> Answer:
    """Give a post another status, or none. An administrator's key may do so in another user's name."""
    asked = call.asked

    def change(work: Work, post_id: int) -> None:
        work.require(Act.MODERATE)
        user_id = acting_user(work, asked)
        status_id = params.reference(asked.get("post_status_id", ABSENT))
        if status_id is ABSENT:
            return
        with errors.reworded("status", params.Wrong()):
            update.change_status(work, post_id, status_id, user_id=user_id)

    return await _changed(call, change)


@post_states_chapter.route("PUT", "/posts/{id}/approve", answers=Id, parameters=[POST_ID], may_refuse=[404, 422])
async def approve_post(call: Call) -> Answer:
    """Approve a post that is pending."""
    return await _changed(call, moderation.approve)


@post_states_chapter.route("PUT", "/posts/{id}/reject", answers=Id, parameters=[POST_ID], may_refuse=[404, 422])
async def reject_post(call: Call) -> Answer:
    """Reject a post that is pending."""
    return await _changed(call, moderation.reject)


async def _changed(call: AskedCall, change: Callable[[Work, int], None]) -> Answer:
    """Change the post that the path names. Whether it is there comes before anything else."""
    segment = call.path["id"]
    post_id = path_id(segment)

    def act(work: Work) -> None:
        with errors.reworded("post", NotFound("post", segment)):
            update.ensure(work, post_id)
            change(work, post_id)

    await call.writing(act)
    return responses.written(post_id)
