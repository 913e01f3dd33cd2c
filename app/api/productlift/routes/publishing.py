"""Publishing in ProductLift's dialect. docs/contracts/productlift.md, section 9.8."""

from app.api.productlift import errors, responses, serializers
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Publication, data_of
from app.api.request import ApiRequest
from app.domain.posts import publishing
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Posts"])


@router.put("/posts/{post}/toggle-publish", response_model=data_of(Publication))
async def toggle_publish(request: ApiRequest) -> ApiResponse:
    """Hide a published post from visitors, or show an unpublished one again."""
    key = request.path_params["post"]

    def toggle(work: UnitOfWork) -> ApiResponse:
        post_id, code = serializers.POST_CODES.by_code_or_id(work, key)
        with errors.report_as_sent(post=key):
            published = publishing.toggle(work, post_id)
        return responses.data_response({"id": code, "key": code, "published": published})

    return await request.write(toggle)
