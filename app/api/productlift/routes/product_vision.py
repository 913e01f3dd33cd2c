"""The product vision in ProductLift's dialect. docs/contracts/productlift.md, section 9.12."""

from typing import Annotated, Final

from pydantic import Field

from app.api.productlift import portal_serializers, responses
from app.api.productlift.field_types import Text
from app.api.productlift.forms import Form
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Nothing, ProductVisionData
from app.api.request import ApiRequest
from app.domain import product_vision
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Product vision"])

MAX_TEXT: Final = 10_000
VisionText = Annotated[Text, Field(max_length=MAX_TEXT)]


class SaveVision(Form):
    title: Annotated[VisionText | None, Field(description="The title", examples=["Halyard in three years"])] = None
    content: Annotated[
        VisionText | None,
        Field(description="The whole as one text", examples=["Small studios spend a minute a day on their hours."]),
    ] = None
    vision: Annotated[
        VisionText | None, Field(description="The vision statement", examples=["No studio loses a billable hour."])
    ] = None
    target_group: Annotated[
        VisionText | None, Field(description="Who the product is for", examples=["Studios of two to twenty people"])
    ] = None
    needs: Annotated[
        VisionText | None, Field(description="What these users need", examples=["Invoices without a spreadsheet"])
    ] = None
    product: Annotated[
        VisionText | None, Field(description="What the product is", examples=["Time tracking, projects and invoices"])
    ] = None
    business_goals: Annotated[
        VisionText | None,
        Field(description="What the product is to achieve", examples=["A thousand studios by the end of the year"]),
    ] = None


@router.get("/product-vision", response_model=ProductVisionData)
async def show_vision(request: ApiRequest) -> ApiResponse:
    """The product vision of the portal; null if there is none."""

    def find(work: UnitOfWork) -> ApiResponse:
        row = product_vision.find(work)
        return responses.data_response(None if row is None else portal_serializers.serialize_vision(row))

    return await request.read(find)


@router.post("/product-vision", response_model=ProductVisionData, form=SaveVision)
async def save_vision(request: ApiRequest) -> ApiResponse:
    """Create the product vision, or replace the texts that are sent. A text that is null or empty is emptied."""
    form = SaveVision.parse(request.params)
    texts = {name: getattr(form, name) or "" for name in form.model_fields_set}
    return await request.write(
        lambda work: responses.data_response(portal_serializers.serialize_vision(product_vision.save(work, **texts)))
    )


@router.delete("/product-vision", response_model=Nothing)
async def delete_vision(request: ApiRequest) -> ApiResponse:
    """Delete the product vision. Without one nothing happens."""

    def delete(work: UnitOfWork) -> ApiResponse:
        product_vision.delete(work)
        return responses.DELETED

    return await request.write(delete)
