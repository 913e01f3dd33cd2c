"""Sections in ProductLift's dialect. docs/contracts/productlift.md, section 9.5."""

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.field_types import ID, STRING
from app.api.productlift.forms import REQUIRED, Form, max_length
from app.api.productlift.responses import chapter, takes
from app.api.productlift.schemas import Nothing, SectionData, SectionList
from app.api.request import Call
from app.api.router import in_path
from app.domain.portals import sections
from app.domain.portals.sections import MAX_TITLE
from app.domain.unit_of_work import Work
from app.http.request import Answer

sections_chapter = chapter("Sections")

CREATE = Form(title=(REQUIRED, STRING, max_length(MAX_TITLE)), tab_id=(REQUIRED, ID), parent_id=(ID,))
UPDATE = Form(title=(STRING, max_length(MAX_TITLE)), tab_id=(ID,), parent_id=(ID,))
SECTION = in_path("section", {"type": "integer"}, "The section's number")


@sections_chapter.route("GET", "/sections", answers=SectionList)
async def list_sections(call: Call) -> Answer:
    """The sections at the root, in their order."""

    def roots(work: Work) -> Answer:
        return responses.data([serializers.section(row) for row in sections.roots(work)])

    return await call.reading(roots)


@sections_chapter.route(
    "GET", "/sections/{section}/children", answers=SectionList, parameters=[SECTION], may_refuse=[404]
)
async def list_section_children(call: Call) -> Answer:
    """The sections one level below, in their order."""

    def children(work: Work) -> Answer:
        with errors.asked_as(section=call.path["section"]):
            found = sections.children(work, path_params.number(call.path["section"]))
        return responses.data([serializers.section(row) for row in found])

    return await call.reading(children)


@sections_chapter.route("POST", "/sections", answers=SectionData, body=takes(CREATE), may_refuse=[404, 422])
async def create_section(call: Call) -> Answer:
    """Add a section to a tab, at the root or below another of that tab."""
    wanted = CREATE.read(call.asked)

    def add(work: Work) -> Answer:
        with errors.asked_as(section=call.asked.get("parent_id")):
            section_id = sections.add(
                work, title=wanted["title"], tab_id=wanted["tab_id"], parent_id=wanted.get("parent_id")
            )
        return responses.data(serializers.section(sections.get(work, section_id)))

    return await call.writing(add)


@sections_chapter.route(
    ["PATCH", "PUT"],
    "/sections/{section}",
    answers=SectionData,
    parameters=[SECTION],
    body=takes(UPDATE),
    may_refuse=[404, 422],
)
async def update_section(call: Call) -> Answer:
    """Change a section. A `parent_id` of null makes it a root; whoever goes to another tab leaves his parent."""
    section_id = path_params.number(call.path["section"])

    def change(work: Work) -> Answer:
        with errors.asked_as(section=call.path["section"]):
            _, title, tab_id, parent_id = sections.get_to_change(work, section_id)
        wanted = UPDATE.read(call.asked)
        goes_to = wanted.get("tab_id")
        if "parent_id" in wanted:
            parent_id = wanted["parent_id"]
        elif goes_to is not None and goes_to != tab_id:
            parent_id = None
        with errors.asked_as(section=call.asked.get("parent_id")):
            sections.edit(
                work,
                section_id,
                title=wanted.get("title") or title,
                tab_id=tab_id if goes_to is None else goes_to,
                parent_id=parent_id,
            )
        return responses.data(serializers.section(sections.get(work, section_id)))

    return await call.writing(change)


@sections_chapter.route("DELETE", "/sections/{section}", answers=Nothing, parameters=[SECTION], may_refuse=[404])
async def delete_section(call: Call) -> Answer:
    """Take a section away. Its posts stay without one, the sections below it become roots."""

    def delete(work: Work) -> Answer:
        with errors.asked_as(section=call.path["section"]):
            sections.delete(work, path_params.number(call.path["section"]))
        return responses.EMPTY

    return await call.writing(delete, slow=True)
