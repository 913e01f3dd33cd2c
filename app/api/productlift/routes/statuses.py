"""Statuses in ProductLift's dialect. docs/contracts/productlift.md, sections 7.13 and 9.6."""

from functools import partial
from typing import Annotated

from pydantic import Field

from app.api.productlift import errors, path_params, portal_serializers, responses
from app.api.productlift.field_types import Color, Id, Text
from app.api.productlift.forms import Form, reject_taken
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Nothing, Status, data_of, list_of
from app.api.request import ApiRequest
from app.domain.portals import statuses
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Statuses"])

Name = Annotated[
    Text,
    Field(max_length=191, description="The name, unique in the portal regardless of case", examples=["Under review"]),
]


class UpdateStatus(Form):
    name: Annotated[Name | None, Field(examples=["Planned"])] = None
    color: Annotated[Color | None, Field(description="The color", examples=["#7C5CDB"])] = None
    tab_id: Annotated[Id | None, Field(description="The tab that shows the posts", examples=[2])] = None


class CreateStatus(UpdateStatus):
    name: Name
    tab_id: Annotated[Id, Field(description="The tab that shows the posts", examples=[1])]


@router.get("/statuses", response_model=list_of(Status))
async def list_statuses(request: ApiRequest) -> ApiResponse:
    """All statuses: by tab, then in their own order."""
    return await responses.list_rows(request, statuses.list_all, portal_serializers.serialize_status)


@router.post("/statuses", response_model=data_of(Status), form=CreateStatus, errors=[404])
async def create_status(request: ApiRequest) -> ApiResponse:
    """Add a status to a tab."""

    def add(work: UnitOfWork) -> ApiResponse:
        form = CreateStatus.parse(request.params, name=reject_taken(partial(statuses.find_id_by_name, work)))
        status_id = statuses.add(work, name=form.name, color=form.color, tab_id=form.tab_id)
        return responses.data_response(portal_serializers.serialize_status(statuses.get(work, status_id)))

    return await request.write(add)


@router.patch_or_put("/statuses/{status}", response_model=data_of(Status), form=UpdateStatus)
async def update_status(request: ApiRequest) -> ApiResponse:
    """Change a status. A field that is absent or null is not changed."""
    status_id = path_params.number(request.path_params["status"])

    def change(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(status=request.path_params["status"]):
            statuses.get(work, status_id)
        check_name = reject_taken(partial(statuses.find_id_by_name, work), except_id=status_id)
        form = UpdateStatus.parse(request.params, name=check_name)
        with errors.report_as_sent(status=request.path_params["status"]):
            statuses.edit(work, status_id, name=form.name, color=form.color, tab_id=form.tab_id)
        return responses.data_response(portal_serializers.serialize_status(statuses.get(work, status_id)))

    return await request.write(change)


@router.delete("/statuses/{status}", response_model=Nothing, errors=[422])
async def delete_status(request: ApiRequest) -> ApiResponse:
    """Delete a status; its posts get the default status, which can not be deleted."""

    def delete(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(status=request.path_params["status"]):
            statuses.delete(work, path_params.number(request.path_params["status"]))
        return responses.DELETED

    return await request.write(delete, in_thread=True)
