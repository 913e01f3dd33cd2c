"""Posts in ProductLift's dialect. docs/contracts/productlift.md, sections 7.8 to 7.12 and 7.15."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Final

import orjson
from pydantic import Field

from app.adapters.storage.stored_uploads import StoredUploads
from app.api.productlift import errors, responses, serializers
from app.api.productlift.field_types import File, Id, Image, ListOf, MaxKilobytes, Text, Uuid
from app.api.productlift.forms import Form
from app.api.productlift.path_params import EXAMPLE_USER
from app.api.productlift.post_links import PostLinks
from app.api.productlift.responses import JSON, ProductLiftRouter
from app.api.productlift.routes import post_list
from app.api.productlift.routes.uploads import store_uploads
from app.api.productlift.schemas import Duplicates, Nothing, Post, data_of, page_of
from app.api.request import ApiRequest
from app.domain.errors import NotFound
from app.domain.portals import categories, sections, statuses
from app.domain.posts import create, update
from app.domain.posts.create import NewPost
from app.domain.posts.update import PostUpdate
from app.domain.search.duplicates import find_duplicate_ids
from app.domain.search.posts import Visibility
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Posts"])

MAX_IMAGE_KILOBYTES: Final = 20480
MAX_ATTACHMENT_KILOBYTES: Final = 5240
Title = Annotated[
    Text,
    Field(min_length=2, max_length=180, description="The title", examples=["Copy the entries of the day before"]),
]
Description = Annotated[
    Text, Field(description="The text in Markdown", examples=["Most of my days look like the **day before**."])
]


class UpdatePost(Form):
    json_example: ClassVar[tuple[str, ...]] = ("title", "description")

    title: Annotated[Title | None, Field(examples=["Larger text in all apps"])] = None
    description: Annotated[
        Description | None, Field(examples=["The text should follow the size that is set on the device."])
    ] = None
    category_id: Annotated[Id | None, Field(description="The category; unknown is none", examples=[8])] = None
    status_id: Annotated[Id | None, Field(description="The status; unknown is no change", examples=[4])] = None
    section_id: Annotated[Id | None, Field(description="The section; unknown is none", examples=[12])] = None
    user_id: Annotated[
        Uuid | None, Field(description="The author; null makes the post anonymous", examples=[EXAMPLE_USER])
    ] = None
    tag_ids: Annotated[
        ListOf[Id] | None,
        Field(description="The tags, which replace all others; unknown ones are ignored", examples=[[1, 2]]),
    ] = None
    image: Annotated[
        Annotated[Image, MaxKilobytes(MAX_IMAGE_KILOBYTES)] | None,
        Field(description=f"An image of at most {MAX_IMAGE_KILOBYTES} KiB; its metadata is removed"),
    ] = None
    attachment: Annotated[
        Annotated[File, MaxKilobytes(MAX_ATTACHMENT_KILOBYTES)] | None,
        Field(description=f"Any file of at most {MAX_ATTACHMENT_KILOBYTES} KiB"),
    ] = None


class CreatePost(UpdatePost):
    json_example: ClassVar[tuple[str, ...]] = ("title", "description", "category_id", "status_id", "section_id")

    title: Title
    description: Description | None = None
    status_id: Annotated[
        Id | None, Field(description="The status; by default the portal's default status", examples=[1])
    ] = None
    section_id: Annotated[Id | None, Field(description="The section; unknown is none", examples=[1])] = None
    user_id: Annotated[
        Uuid | None, Field(description="The author; by default the user of the key", examples=[EXAMPLE_USER])
    ] = None
    tag_ids: Annotated[
        ListOf[Id] | None, Field(description="The tags; unknown ones are ignored", examples=[[1, 2]])
    ] = None


class SearchDuplicates(Form):
    title: Annotated[
        Title | None, Field(description="The title of the new post", examples=["Dark theme for the app"])
    ] = None
    description: Annotated[
        Description | None,
        Field(description="The text of the new post", examples=["The white timesheet is too bright in the evening."]),
    ] = None


@router.get("/posts", response_model=page_of(Post), form=post_list.ListPosts)
async def list_posts(request: ApiRequest) -> ApiResponse:
    """Posts of every moderation state, filtered and sorted, a page at a time."""
    return await post_list.page(request, post_list.ListPosts.parse(request.params))


@router.get("/posts/search_duplicates", response_model=Duplicates, form=SearchDuplicates)
async def search_duplicates(request: ApiRequest) -> ApiResponse:
    """Possible duplicates, the best match first: at most ten, and no rejected post."""
    form = SearchDuplicates.parse(request.params)

    def serialize(row: Row) -> dict[str, str]:
        _, code, title, text = row
        return {"id": code, "title": title, "description": text or ""}

    def search(work: UnitOfWork) -> ApiResponse:
        payloads = [serialize(row) for row in serializers.DUPLICATES.by_ids(work, ids)] if ids else []
        return ApiResponse(200, orjson.dumps({"count": len(payloads), "posts": payloads}), JSON)

    ids = await request.read(
        lambda work: find_duplicate_ids(work, form.title, form.description, visibility=Visibility.NOT_REJECTED),
        in_thread=True,
    )
    try:
        return await request.read(search, in_thread=True, max_text=max_text_bytes(len(ids)))
    except TextsTooLong:
        before = b'{"count":%d,"posts":[' % len(ids)
        return await responses.stream_rows(request, ids, serializers.DUPLICATES.by_ids, serialize, before=before)


@router.get("/posts/{post}", response_model=data_of(Post))
async def show_post(request: ApiRequest) -> ApiResponse:
    """One post."""
    key = request.path_params["post"]
    return await request.read(lambda work: _post_response(request, serializers.POSTS.by_code_or_id(work, key)))


@router.post("/posts", response_model=data_of(Post), form=CreatePost, errors=[404])
async def create_post(request: ApiRequest) -> ApiResponse:
    """Create a post as the token's user or as `user_id`. By the portal's policy it may be pending."""
    form = CreatePost.parse(request.params)
    new_post = NewPost(
        title=form.title,
        # Never null, which Astuto's dialect would return: section 7.9.
        description=form.description or "",
        author=form.user_id.lower() if form.user_id else request.principal.user_id,
        status_id=form.status_id,
        default_status=True,
        section_id=form.section_id,
        category_id=form.category_id,
        tag_ids=form.tag_ids or (),
        follow=True,
        deleted_author=False,
        moderation=None,
    )

    async with store_uploads(request, image=form.image, attachment=form.attachment) as files:

        def create_and_attach(work: UnitOfWork) -> ApiResponse:
            with errors.report_as_sent(user=form.user_id):
                created = create.create_post(work, new_post)
            if files or form.tag_ids:
                files.attach(work, created.id)
                return _post_response(request, serializers.POSTS.by_id(work, created.id))
            return responses.data_response(
                serializers.serialize_created_post(new_post, created, work.now, PostLinks.of(request))
            )

        return await request.write(create_and_attach, single_statement=not files and not form.tag_ids)


@router.patch_or_put("/posts/{post}", response_model=data_of(Post), form=UpdatePost)
async def update_post(request: ApiRequest) -> ApiResponse:
    """Change the fields that are sent. Null as `user_id` makes it anonymous, as `category_id` clears its categories."""
    key = request.path_params["post"]
    # The 404 of the post comes before validation, and before a file is stored.
    post_id = await request.read(lambda work: int(serializers.POSTS.by_code_or_id(work, key)[0]))
    form = UpdatePost.parse(request.params)

    async with store_uploads(request, image=form.image, attachment=form.attachment) as files:

        def change(work: UnitOfWork) -> ApiResponse:
            with errors.report_as_sent(post=key, user=form.user_id):
                _change(work, post_id, form, files)
                return _post_response(request, serializers.POSTS.by_id(work, post_id))

        return await request.write(change)


@router.delete("/posts/{post}", response_model=Nothing)
async def delete_post(request: ApiRequest) -> ApiResponse:
    """Delete a post, with its votes and comments."""
    key = request.path_params["post"]

    def delete(work: UnitOfWork) -> list[str]:
        post_id = serializers.POSTS.by_code_or_id(work, key)[0]
        with errors.report_as_sent(post=key):
            return update.delete(work, post_id)

    await request.services.uploads.delete(await request.write(delete, in_thread=True))
    return responses.DELETED


def _post_response(request: ApiRequest, row: Row) -> ApiResponse:
    return responses.data_response(serializers.serialize_post(row, PostLinks.of(request)))


def _change(work: UnitOfWork, post_id: int, form: UpdatePost, files: StoredUploads) -> None:
    sent = form.model_fields_set
    category_id = _existing_id(categories.get, work, form.category_id)
    update.update_post(
        work,
        post_id,
        PostUpdate(
            title=form.title or UNSET,
            description=(form.description or "") if "description" in sent else UNSET,
            author=(form.user_id and form.user_id.lower()) if "user_id" in sent else UNSET,
            category_ids=([] if category_id is None else [category_id]) if "category_id" in sent else UNSET,
            section_id=_existing_id(sections.get, work, form.section_id) if "section_id" in sent else UNSET,
            tag_ids=UNSET if form.tag_ids is None else form.tag_ids,
        ),
    )
    status_id = _existing_id(statuses.get, work, form.status_id)
    if status_id is not None:
        update.change_status(work, post_id, status_id, user_id=work.actor.user_id)
    files.attach(work, post_id)


def _existing_id(get: Callable[[UnitOfWork, int], object], work: UnitOfWork, row_id: int | None) -> int | None:
    """The id of a row; as on create, an unknown one is None."""
    if row_id is None:
        return None
    try:
        get(work, row_id)
    except NotFound:
        return None
    return row_id
