"""Categories in ProductLift's dialect. docs/contracts/productlift.md, sections 7.1 to 7.4."""

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.field_types import COLOR, STRING
from app.api.productlift.forms import REQUIRED, TAKEN, Form, max_length
from app.api.productlift.responses import chapter, takes
from app.api.productlift.schemas import CategoryData, CategoryList, Nothing
from app.api.request import Call
from app.api.router import in_path
from app.domain.portals import categories
from app.domain.portals.categories import MAX_NAME
from app.domain.unit_of_work import Work
from app.http.request import Answer

categories_chapter = chapter("Categories")

CREATE = Form(name=(REQUIRED, STRING, max_length(MAX_NAME)), color=(COLOR,))
UPDATE = Form(name=(STRING, max_length(MAX_NAME)), color=(REQUIRED, COLOR))
ID = in_path("id", {"type": "integer"}, "The category's number")


@categories_chapter.route("GET", "/categories", answers=CategoryList)
async def list_categories(call: Call) -> Answer:
    """All categories of the portal, by number."""

    def every(work: Work) -> Answer:
        return responses.data([serializers.category(row) for row in categories.every(work)])

    return await call.reading(every)


@categories_chapter.route("POST", "/categories", answers=CategoryData, body=takes(CREATE), may_refuse=[422])
async def create_category(call: Call) -> Answer:
    """Add a category. Without a color it gets the next free one of a pastel palette."""

    def add(work: Work) -> Answer:
        wanted = CREATE.read_checked(
            call.asked, name=lambda name: TAKEN if categories.named(work, name) is not None else None
        )
        category_id = categories.add(work, name=wanted["name"], color=wanted.get("color"))
        return responses.data(serializers.category(categories.get(work, category_id)))

    return await call.writing(add)


@categories_chapter.route(
    ["PATCH", "PUT"],
    "/categories/{id}",
    answers=CategoryData,
    parameters=[ID],
    body=takes(UPDATE),
    may_refuse=[404, 422],
)
async def update_category(call: Call) -> Answer:
    """Give a category another color, and perhaps another name."""
    category_id = path_params.number(call.path["id"])

    def change(work: Work) -> Answer:
        with errors.asked_as(category=call.path["id"]):
            categories.get(work, category_id)
        wanted = UPDATE.read_checked(
            call.asked,
            name=lambda name: TAKEN if categories.named(work, name) not in (None, category_id) else None,
        )
        with errors.asked_as(category=call.path["id"]):
            categories.edit(work, category_id, name=wanted.get("name"), color=wanted["color"])
        return responses.data(serializers.category(categories.get(work, category_id)))

    return await call.writing(change)


@categories_chapter.route("DELETE", "/categories/{id}", answers=Nothing, parameters=[ID], may_refuse=[404])
async def delete_category(call: Call) -> Answer:
    """Take a category away. Its posts stay, without it."""

    def delete(work: Work) -> Answer:
        with errors.asked_as(category=call.path["id"]):
            categories.delete(work, path_params.number(call.path["id"]))
        return responses.EMPTY

    return await call.writing(delete, slow=True)
