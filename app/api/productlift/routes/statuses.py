"""Statuses in ProductLift's dialect. docs/contracts/productlift.md, sections 7.13 and 9.6."""

from collections.abc import Callable

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.field_types import COLOR, ID, STRING
from app.api.productlift.forms import REQUIRED, TAKEN, Form, max_length
from app.api.productlift.responses import chapter, takes
from app.api.productlift.schemas import Nothing, StatusData, StatusList
from app.api.request import Call
from app.api.router import in_path
from app.domain.portals import statuses
from app.domain.unit_of_work import Work
from app.http.request import Answer

statuses_chapter = chapter("Statuses")

MAX_NAME = 191
CREATE = Form(name=(REQUIRED, STRING, max_length(MAX_NAME)), color=(COLOR,), tab_id=(REQUIRED, ID))
UPDATE = Form(name=(STRING, max_length(MAX_NAME)), color=(COLOR,), tab_id=(ID,))
STATUS = in_path("status", {"type": "integer"}, "The status's number")


def free_name(work: Work, but_for: int | None = None) -> Callable[[str], str | None]:
    """The check that no other status has the name."""
    return lambda name: TAKEN if statuses.named(work, name) not in (None, but_for) else None


@statuses_chapter.route("GET", "/statuses", answers=StatusList)
async def list_statuses(call: Call) -> Answer:
    """All statuses: by tab, then in their own order."""

    def every(work: Work) -> Answer:
        return responses.data([serializers.status(row) for row in statuses.every(work)])

    return await call.reading(every)


@statuses_chapter.route("POST", "/statuses", answers=StatusData, body=takes(CREATE), may_refuse=[404, 422])
async def create_status(call: Call) -> Answer:
    """Add a status to a tab."""

    def add(work: Work) -> Answer:
        wanted = CREATE.read_checked(call.asked, name=free_name(work))
        status_id = statuses.add(work, name=wanted["name"], color=wanted.get("color"), tab_id=wanted["tab_id"])
        return responses.data(serializers.status(statuses.get(work, status_id)))

    return await call.writing(add)


@statuses_chapter.route(
    ["PATCH", "PUT"],
    "/statuses/{status}",
    answers=StatusData,
    parameters=[STATUS],
    body=takes(UPDATE),
    may_refuse=[404, 422],
)
async def update_status(call: Call) -> Answer:
    """Change a status. What is left out or null stays as it is."""
    status_id = path_params.number(call.path["status"])

    def change(work: Work) -> Answer:
        with errors.asked_as(status=call.path["status"]):
            statuses.get(work, status_id)
        wanted = UPDATE.read_checked(call.asked, name=free_name(work, but_for=status_id))
        with errors.asked_as(status=call.path["status"]):
            statuses.edit(work, status_id, **{name: wanted.get(name) for name in ("name", "color", "tab_id")})
        return responses.data(serializers.status(statuses.get(work, status_id)))

    return await call.writing(change)


@statuses_chapter.route("DELETE", "/statuses/{status}", answers=Nothing, parameters=[STATUS], may_refuse=[404, 422])
async def delete_status(call: Call) -> Answer:
    """Take a status away; its posts come to the default one. The default one can not be deleted."""

    def delete(work: Work) -> Answer:
        with errors.asked_as(status=call.path["status"]):
            statuses.delete(work, path_params.number(call.path["status"]))
        return responses.EMPTY

    return await call.writing(delete, slow=True)
