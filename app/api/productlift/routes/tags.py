"""Tags in ProductLift's dialect. docs/contracts/productlift.md, section 9.2."""

from functools import partial
from typing import Annotated

from pydantic import Field

from app.api.productlift import errors, path_params, portal_serializers, responses
from app.api.productlift.field_types import Color
from app.api.productlift.forms import Form, reject_taken
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.routes.categories import UniqueName
from app.api.productlift.schemas import Nothing, Tag, data_of, list_of
from app.api.request import ApiRequest
from app.domain.portals import tags
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Tags"])


class CreateTag(Form):
    name: Annotated[UniqueName, Field(examples=["Needs research"])]
    color: Annotated[
        Color | None,
        Field(description="The color; by default the next unused color of a palette", examples=["#CDE7BE"]),
    ] = None


class UpdateTag(Form):
    name: Annotated[UniqueName | None, Field(description="The new name", examples=["Most wanted"])] = None
    color: Annotated[Color | None, Field(description="The new color", examples=["#FFAEA5"])] = None


@router.get("/tags", response_model=list_of(Tag))
async def list_tags(request: ApiRequest) -> ApiResponse:
    """All tags of the portal, by number."""
    return await responses.list_rows(request, tags.list_all, portal_serializers.serialize_label)


@router.post("/tags", response_model=data_of(Tag), form=CreateTag)
async def create_tag(request: ApiRequest) -> ApiResponse:
    """Add a tag. Without a color it gets the next unused color of a pastel palette."""

    def add(work: UnitOfWork) -> ApiResponse:
        form = CreateTag.parse(request.params, name=reject_taken(partial(tags.find_id_by_name, work)))
        tag_id = tags.add(work, name=form.name, color=form.color)
        return responses.data_response(portal_serializers.serialize_label(tags.get(work, tag_id)))

    return await request.write(add)


@router.patch_or_put("/tags/{tag}", response_model=data_of(Tag), form=UpdateTag)
async def update_tag(request: ApiRequest) -> ApiResponse:
    """Change the name or the color of a tag; fields that are absent or null stay."""
    tag_id = path_params.number(request.path_params["tag"])

    def change(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(tag=request.path_params["tag"]):
            tags.get(work, tag_id)
        check_name = reject_taken(partial(tags.find_id_by_name, work), except_id=tag_id)
        form = UpdateTag.parse(request.params, name=check_name)
        with errors.report_as_sent(tag=request.path_params["tag"]):
            tags.edit(work, tag_id, name=form.name, color=form.color)
        return responses.data_response(portal_serializers.serialize_label(tags.get(work, tag_id)))

    return await request.write(change)


@router.delete("/tags/{tag}", response_model=Nothing)
async def delete_tag(request: ApiRequest) -> ApiResponse:
    """Delete a tag. Its posts stay, without it."""

    def delete(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(tag=request.path_params["tag"]):
            tags.delete(work, path_params.number(request.path_params["tag"]))
        return responses.DELETED

    return await request.write(delete, in_thread=True)
