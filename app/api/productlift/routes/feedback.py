"""The inbox of feedback in ProductLift's dialect. docs/contracts/productlift.md, section 9.12."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from app.api.productlift import errors, path_params, portal_serializers, responses, serializers
from app.api.productlift.field_types import Text, TextOrNumber, Uuid
from app.api.productlift.forms import Form
from app.api.productlift.path_params import EXAMPLE_USER
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.routes import post_list
from app.api.productlift.schemas import Feedback, Nothing, data_of, page_of
from app.api.request import ApiRequest
from app.domain import feedback
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Feedback"])

FeedbackStatus = Literal["new", "reviewed", "archived"]
Title = Annotated[
    Text, Field(min_length=2, max_length=180, description="The title", examples=["Invoices take too long"])
]
Description = Annotated[Text, Field(description="The text", examples=["It takes me an hour at the end of each month."])]
PostId = Annotated[TextOrNumber, Field(description="The code or number of the post that it is about", examples=["1"])]


class ListFeedback(Form):
    status: Annotated[FeedbackStatus | None, Field(description="Only feedback with this status", examples=["new"])] = (
        None
    )
    limit: post_list.Limit | None = None
    skip: post_list.Skip | None = None


class CreateFeedback(Form):
    json_example: ClassVar[tuple[str, ...]] = ("title", "description", "user_id")

    title: Title
    description: Description | None = None
    user_id: Annotated[
        Uuid | None, Field(description="The user who gave it; by default none", examples=[EXAMPLE_USER])
    ] = None
    post_id: Annotated[PostId | None, Field(description="The post that it is about, by code or number")] = None


class UpdateFeedback(Form):
    json_example: ClassVar[tuple[str, ...]] = ("status",)

    title: Annotated[Title | None, Field(examples=["Invoices should take less time"])] = None
    description: Annotated[Description | None, Field(description="The text; null empties it")] = None
    status: Annotated[
        FeedbackStatus | None, Field(description="What the team has done with it", examples=["reviewed"])
    ] = None
    post_id: Annotated[
        PostId | None, Field(description="The post that it is about, by code or number; null is none")
    ] = None


@router.get("/feedback", response_model=page_of(Feedback), form=ListFeedback)
async def list_feedback(request: ApiRequest) -> ApiResponse:
    """Feedback, newest first, a page at a time."""
    form = ListFeedback.parse(request.params)
    offset, limit = post_list.offset_and_limit(form.skip, form.limit)

    def read_page(work: UnitOfWork) -> ApiResponse:
        rows = portal_serializers.FEEDBACK.page(work, status=form.status, offset=offset, limit=limit)
        payloads = [portal_serializers.serialize_feedback(row) for row in rows]
        total = portal_serializers.FEEDBACK.total(work, status=form.status)
        return responses.page_response(payloads, total=total, offset=offset, limit=limit)

    def read_ids(work: UnitOfWork) -> tuple[list[int], int]:
        ids = portal_serializers.FEEDBACK.ids(work, status=form.status, offset=offset, limit=limit)
        return ids, portal_serializers.FEEDBACK.total(work, status=form.status)

    try:
        return await request.read(read_page, in_thread=True, snapshot=True, max_text=max_text_bytes(limit))
    except TextsTooLong:
        ids, total = await request.read(read_ids, in_thread=True, snapshot=True)
    before, after = responses.page_envelope(len(ids), total=total, offset=offset, limit=limit)
    by_ids, serialize = portal_serializers.FEEDBACK.by_ids, portal_serializers.serialize_feedback
    return await responses.stream_rows(request, ids, by_ids, serialize, before=before, after=after)


@router.post("/feedback", response_model=data_of(Feedback), form=CreateFeedback, errors=[404])
async def create_feedback(request: ApiRequest) -> ApiResponse:
    """Add feedback to the inbox, with the status `new`."""
    form = CreateFeedback.parse(request.params)

    def create(work: UnitOfWork) -> ApiResponse:
        user_id = None if form.user_id is None else serializers.USERS.by_uuid(work, form.user_id)[0]
        with errors.report_as_sent(user=form.user_id, post=form.post_id):
            feedback_id = feedback.create(
                work,
                title=form.title,
                description=form.description or "",
                user_id=user_id,
                post_id=_find_post(work, form.post_id),
            )
        return _feedback_response(portal_serializers.FEEDBACK.by_id(work, feedback_id))

    return await request.write(create)


@router.patch_or_put("/feedback/{id}", response_model=data_of(Feedback), form=UpdateFeedback)
async def update_feedback(request: ApiRequest) -> ApiResponse:
    """Change feedback. Fields that are absent stay; null empties `description` and `post_id`."""
    feedback_id = path_params.number(request.path_params["id"])

    def change(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(feedback=request.path_params["id"]):
            portal_serializers.FEEDBACK.by_id(work, feedback_id)
        form = UpdateFeedback.parse(request.params)
        sent = form.model_fields_set
        with errors.report_as_sent(feedback=request.path_params["id"], post=form.post_id):
            feedback.edit(
                work,
                feedback_id,
                title=form.title or UNSET,
                description=(form.description or "") if "description" in sent else UNSET,
                status=form.status or UNSET,
                post_id=_find_post(work, form.post_id) if "post_id" in sent else UNSET,
            )
        return _feedback_response(portal_serializers.FEEDBACK.by_id(work, feedback_id))

    return await request.write(change)


@router.delete("/feedback/{id}", response_model=Nothing)
async def delete_feedback(request: ApiRequest) -> ApiResponse:
    """Delete feedback. Its post and its user stay."""

    def delete(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(feedback=request.path_params["id"]):
            feedback.delete(work, path_params.number(request.path_params["id"]))
        return responses.DELETED

    return await request.write(delete)


def _find_post(work: UnitOfWork, key: str | None) -> int | None:
    """The id of the post with this code or number. Raises NotFound("post")."""
    return None if key is None else int(serializers.POST_IDS.by_code_or_id(work, key)[0])


def _feedback_response(row: Row) -> ApiResponse:
    return responses.data_response(portal_serializers.serialize_feedback(row))
