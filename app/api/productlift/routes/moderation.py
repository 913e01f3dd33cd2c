"""Moderation in ProductLift's dialect. docs/contracts/productlift.md, section 9.11."""

from collections.abc import Callable

from app.api.productlift import errors, responses, serializers
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Decision, Moderated, data_of, list_of
from app.api.request import ApiRequest
from app.api.streaming import STREAM_THRESHOLD
from app.domain.errors import NotFound
from app.domain.posts import moderation
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Moderation"])


@router.get("/moderation/pending", response_model=list_of(Moderated))
async def list_pending(request: ApiRequest) -> ApiResponse:
    """Posts that are pending approval, newest first."""
    return await _list_posts(request, "pending")


@router.get("/moderation/rejected", response_model=list_of(Moderated))
async def list_rejected(request: ApiRequest) -> ApiResponse:
    """Rejected posts, newest first."""
    return await _list_posts(request, "rejected")


@router.post(
    "/moderation/approve/{type}/{id}", response_model=data_of(Decision), errors=[422], path_examples={"id": "167"}
)
async def approve(request: ApiRequest) -> ApiResponse:
    """Approve a pending post."""
    return await _decide(request, moderation.approve, "approved")


@router.post(
    "/moderation/reject/{type}/{id}", response_model=data_of(Decision), errors=[422], path_examples={"id": "170"}
)
async def reject(request: ApiRequest) -> ApiResponse:
    """Reject a pending post."""
    return await _decide(request, moderation.reject, "rejected")


async def _list_posts(request: ApiRequest, state: str) -> ApiResponse:
    rows = await request.read(
        lambda work: moderation.page(work, state, offset=0, limit=STREAM_THRESHOLD + 1), in_thread=True
    )

    def serialize(row: Row) -> dict[str, str]:
        return {"id": row[1], "type": "post", "status": state, "title": row[2]}

    if len(rows) <= STREAM_THRESHOLD:
        return responses.data_response([serialize(row) for row in rows])

    ids = await request.read(lambda work: moderation.ids(work, state), in_thread=True)
    return await responses.stream_rows(request, ids, lambda work, ids: moderation.by_ids(work, state, ids), serialize)


async def _decide(request: ApiRequest, decide: Callable[[UnitOfWork, int], None], state: str) -> ApiResponse:
    kind, key = request.path_params["type"], request.path_params["id"]
    if kind == "comment":
        # Comments have no state of moderation.
        raise NotFound("comment", key)
    if kind != "post":
        return errors.NO_ROUTE

    def change(work: UnitOfWork) -> ApiResponse:
        post_id, code, *_ = serializers.POSTS.by_code_or_id(work, key)
        decide(work, post_id)
        return responses.data_response(
            {"id": code, "type": "post", "status": state, "message": f"The post has been {state}."}
        )

    return await request.write(change)
