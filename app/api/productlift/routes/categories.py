"""Categories in ProductLift's dialect. docs/contracts/productlift.md, sections 7.1 to 7.4."""

from functools import partial
from typing import Annotated

from pydantic import Field

from app.api.productlift import errors, path_params, portal_serializers, responses
from app.api.productlift.field_types import Color, Text
from app.api.productlift.forms import Form, reject_taken
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Category, Nothing, data_of, list_of
from app.api.request import ApiRequest
from app.domain.identifiers import MAX_UNIQUE_NAME
from app.domain.portals import categories
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Categories"])

UniqueName = Annotated[
    Text, Field(max_length=MAX_UNIQUE_NAME, description="The name, unique in the portal regardless of case")
]


class CreateCategory(Form):
    name: Annotated[UniqueName, Field(examples=["Onboarding"])]
    color: Annotated[
        Color | None,
        Field(description="The color; by default the next unused color of a palette", examples=["#CDE7BE"]),
    ] = None


class UpdateCategory(Form):
    name: Annotated[UniqueName | None, Field(description="The new name", examples=["Speed"])] = None
    color: Annotated[Color, Field(description="The new color", examples=["#FFAEA5"])]


@router.get("/categories", response_model=list_of(Category))
async def list_categories(request: ApiRequest) -> ApiResponse:
    """All categories of the portal, by number."""
    return await responses.list_rows(request, categories.list_all, portal_serializers.serialize_label)


@router.post("/categories", response_model=data_of(Category), form=CreateCategory)
async def create_category(request: ApiRequest) -> ApiResponse:
    """Add a category. Without a color it gets the next unused color of a pastel palette."""

    def add(work: UnitOfWork) -> ApiResponse:
        form = CreateCategory.parse(request.params, name=reject_taken(partial(categories.find_id_by_name, work)))
        category_id = categories.add(work, name=form.name, color=form.color)
        return responses.data_response(portal_serializers.serialize_label(categories.get(work, category_id)))

    return await request.write(add)


@router.patch_or_put("/categories/{id}", response_model=data_of(Category), form=UpdateCategory)
async def update_category(request: ApiRequest) -> ApiResponse:
    """Change the color of a category, and optionally its name."""
    category_id = path_params.number(request.path_params["id"])

    def change(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(category=request.path_params["id"]):
            categories.get(work, category_id)
        check_name = reject_taken(partial(categories.find_id_by_name, work), except_id=category_id)
        form = UpdateCategory.parse(request.params, name=check_name)
        with errors.report_as_sent(category=request.path_params["id"]):
            categories.edit(work, category_id, name=form.name, color=form.color)
        return responses.data_response(portal_serializers.serialize_label(categories.get(work, category_id)))

    return await request.write(change)


@router.delete("/categories/{id}", response_model=Nothing)
async def delete_category(request: ApiRequest) -> ApiResponse:
    """Delete a category. Its posts stay, without it."""

    def delete(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(category=request.path_params["id"]):
            categories.delete(work, path_params.number(request.path_params["id"]))
        return responses.DELETED

    return await request.write(delete, in_thread=True)
