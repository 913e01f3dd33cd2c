"""Sections in ProductLift's dialect. docs/contracts/productlift.md, section 9.5."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from app.api.productlift import errors, path_params, portal_serializers, responses
from app.api.productlift.field_types import Id, Text
from app.api.productlift.forms import Form
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Nothing, Section, data_of, list_of
from app.api.request import ApiRequest
from app.domain.portals import sections
from app.domain.portals.sections import MAX_TITLE
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Sections"])

Title = Annotated[Text, Field(max_length=MAX_TITLE, description="The title", examples=["Expenses"])]


class UpdateSection(Form):
    json_example: ClassVar[tuple[str, ...]] = ("title",)

    title: Annotated[Title | None, Field(examples=["Time tracking and timesheets"])] = None
    tab_id: Annotated[Id | None, Field(description="The tab that shows the section", examples=[1])] = None
    parent_id: Annotated[
        Id | None, Field(description="The section of the same tab that contains it; null is none", examples=[5])
    ] = None


class CreateSection(UpdateSection):
    json_example: ClassVar[tuple[str, ...]] = ("title", "tab_id")

    title: Title
    tab_id: Annotated[Id, Field(description="The tab that shows the section", examples=[1])]


@router.get("/sections", response_model=list_of(Section))
async def list_sections(request: ApiRequest) -> ApiResponse:
    """The root sections, in their order."""
    return await responses.list_rows(request, sections.roots, portal_serializers.serialize_section)


@router.get("/sections/{section}/children", response_model=list_of(Section), path_examples={"section": 5})
async def list_section_children(request: ApiRequest) -> ApiResponse:
    """The sections one level below, in their order."""

    def children(work: UnitOfWork) -> Sequence[Row]:
        with errors.report_as_sent(section=request.path_params["section"]):
            return sections.children(work, path_params.number(request.path_params["section"]))

    return await responses.list_rows(request, children, portal_serializers.serialize_section)


@router.post("/sections", response_model=data_of(Section), form=CreateSection, errors=[404])
async def create_section(request: ApiRequest) -> ApiResponse:
    """Add a section to a tab, at the root or below another of that tab."""
    form = CreateSection.parse(request.params)

    def add(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(section=request.params.get("parent_id")):
            section_id = sections.add(work, title=form.title, tab_id=form.tab_id, parent_id=form.parent_id)
        return responses.data_response(portal_serializers.serialize_section(sections.get(work, section_id)))

    return await request.write(add)


@router.patch_or_put("/sections/{section}", response_model=data_of(Section), form=UpdateSection)
async def update_section(request: ApiRequest) -> ApiResponse:
    """Change a section. A `parent_id` of null makes it a root, as does a move to another tab."""
    section_id = path_params.number(request.path_params["section"])

    def change(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(section=request.path_params["section"]):
            _, title, tab_id, parent_id = sections.get_to_change(work, section_id)
        form = UpdateSection.parse(request.params)
        if "parent_id" in form.model_fields_set:
            parent_id = form.parent_id
        elif form.tab_id is not None and form.tab_id != tab_id:
            parent_id = None
        with errors.report_as_sent(section=request.params.get("parent_id")):
            sections.edit(
                work,
                section_id,
                title=form.title or title,
                tab_id=tab_id if form.tab_id is None else form.tab_id,
                parent_id=parent_id,
            )
        return responses.data_response(portal_serializers.serialize_section(sections.get(work, section_id)))

    return await request.write(change)


@router.delete("/sections/{section}", response_model=Nothing)
async def delete_section(request: ApiRequest) -> ApiResponse:
    """Delete a section. Its posts stay without one, the sections below it become roots."""

    def delete(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(section=request.path_params["section"]):
            sections.delete(work, path_params.number(request.path_params["section"]))
        return responses.DELETED

    return await request.write(delete, in_thread=True)
