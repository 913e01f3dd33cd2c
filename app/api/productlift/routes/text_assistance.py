"""The operations of ProductLift that need a language model, which this server does not have.

docs/contracts/productlift.md, section 9.8.
"""

from app.api.productlift import errors, serializers
from app.api.productlift.responses import Message, ProductLiftRouter
from app.api.request import ApiRequest
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Text assistance"])


@router.post("/posts/{post}/adjust", response_model=Message, status_code=501)
async def adjust_post(request: ApiRequest) -> ApiResponse:
    """Propose another text for a post. Not available on this server."""
    return await _refuse_for_post(request)


@router.post("/posts/{post}/improve", response_model=Message, status_code=501)
async def improve_post(request: ApiRequest) -> ApiResponse:
    """Propose a better text for a post. Not available on this server."""
    return await _refuse_for_post(request)


@router.post("/feedback/summarize", response_model=Message, status_code=501)
async def summarize_feedback(request: ApiRequest) -> ApiResponse:
    """Summarize the feedback. Not available on this server."""
    return errors.NO_TEXT_ASSISTANCE


@router.post("/product-vision/generate", response_model=Message, status_code=501)
async def generate_product_vision(request: ApiRequest) -> ApiResponse:
    """Propose a product vision. Not available on this server."""
    return errors.NO_TEXT_ASSISTANCE


async def _refuse_for_post(request: ApiRequest) -> ApiResponse:
    """The 404 of an unknown post comes first."""
    await request.read(lambda work: serializers.POST_CODES.by_code_or_id(work, request.path_params["post"]))
    return errors.NO_TEXT_ASSISTANCE
