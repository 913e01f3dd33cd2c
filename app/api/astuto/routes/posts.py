"""Posts in Astuto's dialect: list, show, create, edit, delete. docs/contracts/astuto.md, section 2.3."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from app.api.astuto import errors, responses, schemas, serializers
from app.api.astuto.conversions import lookup_id
from app.api.astuto.forms import FILTER_IDS, ID, IMPERSONATED_ID, LIMIT, REQUIRED_TEXT, TEXT, TEXT_OR_NULL, Form
from app.api.astuto.pagination import ListForm, list_response
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import acting_user_id, validate_text
from app.api.astuto.routes.rows import change_row, show_row
from app.api.request import ApiRequest
from app.domain.errors import FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.models import Board, Post
from app.domain.permissions import Permission
from app.domain.posts import create, update
from app.domain.posts.create import NewPost
from app.domain.posts.filters import PostFilter, has_own_index
from app.domain.posts.update import PostUpdate
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset
from app.domain.users import users
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Posts"])

MIN_TITLE: Final = 4
MAX_TITLE: Final = 128
_TITLE_LIMITS: Final = f"{MIN_TITLE} to {MAX_TITLE} characters"


class ListPosts(ListForm):
    limit: Annotated[int, LIMIT, Field(description="Maximum number of rows; any value is allowed", examples=[20])] = 20
    board_id: Annotated[list[int] | None, FILTER_IDS, Field(description="Only those of this board", examples=[1])] = (
        None
    )
    user_id: Annotated[list[int] | None, FILTER_IDS, Field(description="Only those of this author", examples=[2])] = (
        None
    )


class CreatePost(Form, json_schema_extra={"required": ["title", "board_id"]}):
    json_example: ClassVar[tuple[str, ...]] = ("title", "description", "board_id")

    title: Annotated[
        str, REQUIRED_TEXT, Field(description=_TITLE_LIMITS, examples=["Copy entries from the day before"])
    ]
    description: Annotated[
        str | None,
        TEXT_OR_NULL,
        Field(description="The text in Markdown", examples=["Most of my days look like the **day before**."]),
    ] = None
    board_id: Annotated[int | None, ID, Field(description="The board of the post", examples=[1])] = None
    impersonated_user_id: Annotated[int | None, IMPERSONATED_ID] = None


class UpdatePost(Form):
    title: Annotated[
        str | Unset | None,
        TEXT,
        Field(description=f"{_TITLE_LIMITS}; if absent, it stays", examples=["Larger text in all apps"]),
    ] = UNSET
    description: Annotated[
        str | Unset | None,
        TEXT_OR_NULL,
        Field(
            description="The text in Markdown; if absent, it stays",
            examples=["The text should follow the size that is set on the device."],
        ),
    ] = UNSET


@router.get("/posts", response_model=list[schemas.Post], form=ListPosts)
async def list_posts(request: ApiRequest) -> ApiResponse:
    """All posts, newest first, whatever their approval status."""
    form = ListPosts.parse(request.params)
    filters = PostFilter(board_ids=form.board_id, user_ids=form.user_id)
    active = tuple(filters.active_filters())
    return await list_response(
        request,
        form,
        serializers.POSTS,
        serializers.serialize_post,
        slow=bool(active) and not has_own_index(active, "created_at"),
        filters=filters,
        order="created_at",
        descending=True,
    )


@router.get("/posts/{id}", response_model=schemas.Post)
async def show_post(request: ApiRequest) -> ApiResponse:
    """One post, whatever its approval status."""
    return await show_row(request, "post", serializers.POSTS.by_id, serializers.serialize_post)


@router.post("/posts", response_model=schemas.Id, status_code=201, errors=[422], form=CreatePost)
async def create_post(request: ApiRequest) -> ApiResponse:
    """Create a post, which is approved. An administrator's key may impersonate another user."""
    form = CreatePost.parse(request.params)
    board_id = form.board_id or 0

    def submit(work: UnitOfWork) -> int:
        author_id = acting_user_id(work, form.impersonated_user_id)
        field_errors = _validate_title(form.title)
        if field_errors:
            users.resolve_impersonation(work, form.impersonated_user_id)
            mandatory = [] if work.exists(Board, board_id) else [FieldError("board", "mandatory")]
            raise ValidationFailed([*mandatory, *field_errors])
        new_post = NewPost(title=form.title, description=form.description, board_id=board_id, author=author_id)
        with errors.ReplaceNotFound("user", Forbidden(Permission.IMPERSONATE, "unknown")):
            return create.create_post(work, new_post).id

    with errors.require_reference("board"):
        return responses.created(await request.write(submit, single_statement=True))


@router.api_route("/posts/{id}", methods=["PUT", "PATCH"], response_model=schemas.Id, errors=[422], form=UpdatePost)
async def update_post(request: ApiRequest) -> ApiResponse:
    """Change title or description; a field that is not sent is neither changed nor validated."""
    form = UpdatePost.parse(request.params)
    title = form.title or ""

    def edit(work: UnitOfWork, post_id: int) -> None:
        work.require_exists(Post, post_id)
        field_errors = [] if title is UNSET else _validate_title(title)
        if field_errors:
            raise ValidationFailed(field_errors)
        update.update_post(work, post_id, PostUpdate(title=title, description=form.description))

    return await change_row(request, "post", edit)


@router.delete("/posts/{id}", response_model=schemas.Id)
async def delete_post(request: ApiRequest) -> ApiResponse:
    """Delete a post with its votes, its comments, and all replies to them."""
    segment = request.path_params["id"]
    post_id = lookup_id(segment)

    def delete(work: UnitOfWork) -> list[str]:
        with errors.ReplaceNotFound("post", NotFound("post", segment)):
            return update.delete(work, post_id)

    files = await request.write(delete, in_thread=True)
    await request.services.uploads.delete(files)
    return responses.updated(post_id)


def _validate_title(title: str) -> list[FieldError]:
    return validate_text("title", title, MIN_TITLE, MAX_TITLE)
