"""Posts in Astuto's dialect: list, show, create, edit, delete. docs/contracts/astuto.md, section 2.3."""

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import (
    IMPERSONATED,
    INTEGER,
    POST_ID,
    TEXT,
    TEXT_OR_NULL,
    id_filter_param,
    object_body,
    pagination_params,
    with_description,
)
from app.api.astuto.pagination import ListSource, list_response
from app.api.astuto.params import MISSING
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import (
    acting_user_id,
    id_filter,
    parse_impersonated_id,
    path_id,
    str_or,
    str_or_unset,
    validate_title,
)
from app.api.astuto.schemas import Id, PostOut
from app.api.request import ApiRequest
from app.domain.errors import FieldError, Forbidden, NotFound, ValidationFailed
from app.domain.permissions import Permission
from app.domain.posts import create, update
from app.domain.posts.create import NewPost
from app.domain.posts.filters import PostFilter, has_own_index
from app.domain.posts.update import PostUpdate
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET
from app.domain.users import users
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Posts"])

_TITLE = with_description(TEXT, "4 to 128 characters")


@router.get(
    "/posts",
    response_model=list[PostOut],
    parameters=[*pagination_params(20), id_filter_param("board_id", "board"), id_filter_param("user_id", "author")],
)
async def list_posts(request: ApiRequest) -> ApiResponse:
    """All posts, newest first, whatever their approval status."""
    params = request.params
    filters = PostFilter(board_ids=id_filter(params, "board_id"), user_ids=id_filter(params, "user_id"))
    active = tuple(filters.active_filters())
    source = ListSource(
        page=lambda work, offset, limit: serializers.POSTS.page(
            work, filters, order="created_at", descending=True, offset=offset, limit=limit
        ),
        ids=lambda work, offset, limit: serializers.POSTS.ids(
            work, filters, order="created_at", descending=True, offset=offset, limit=limit
        ),
        by_ids=serializers.POSTS.by_ids,
        serialize=serializers.serialize_post,
        slow=bool(active) and not has_own_index(active, "created_at"),
    )
    return await list_response(request, source, default=20)


@router.get("/posts/{id}", response_model=PostOut, parameters=[POST_ID], errors=[404])
async def show_post(request: ApiRequest) -> ApiResponse:
    """One post, whatever its approval status."""
    segment = request.path_params["id"]

    def get(work: UnitOfWork) -> bytes:
        with errors.replace_not_found("post", NotFound("post", segment)):
            row = serializers.POSTS.by_id(work, path_id(segment))
        return orjson.dumps(serializers.serialize_post(row))

    return responses.ok(await request.read(get))


@router.post(
    "/posts",
    response_model=Id,
    status_code=201,
    errors=[422],
    request_body=object_body(
        ["title", "board_id"],
        title=_TITLE,
        description=TEXT_OR_NULL,
        board_id=INTEGER,
        impersonated_user_id=IMPERSONATED,
    ),
)
async def create_post(request: ApiRequest) -> ApiResponse:
    """Create a post, which is approved. An administrator's key may impersonate another user."""
    values = request.params
    if params.is_missing(values.get("title", MISSING)):
        raise errors.MissingParam

    def submit(work: UnitOfWork) -> int:
        author_id = acting_user_id(work, values)
        title = str_or(values.get("title", MISSING), "") or ""
        board_id = params.to_lookup_id(values.get("board_id", MISSING)) or 0
        field_errors = validate_title(title)
        if field_errors:
            users.resolve_impersonation(work, parse_impersonated_id(values))
            mandatory = [] if create.board_exists(work, board_id) else [FieldError("board", "mandatory")]
            raise ValidationFailed([*mandatory, *field_errors])
        description = str_or(values.get("description", MISSING), None)
        new_post = NewPost(title=title, description=description, board_id=board_id, author=author_id)
        with errors.replace_not_found("user", Forbidden(Permission.IMPERSONATE, "unknown")):
            return create.create_post(work, new_post).id

    with errors.require_reference("board"):
        return responses.created(await request.write(submit, single_statement=True))


@router.api_route(
    "/posts/{id}",
    methods=["PUT", "PATCH"],
    response_model=Id,
    parameters=[POST_ID],
    errors=[404, 422],
    request_body=object_body(title=_TITLE, description=TEXT_OR_NULL),
)
async def update_post(request: ApiRequest) -> ApiResponse:
    """Change title or description; a field that is not sent is neither changed nor validated."""
    params, segment = request.params, request.path_params["id"]
    post_id = path_id(segment)

    def edit(work: UnitOfWork) -> int:
        with errors.replace_not_found("post", NotFound("post", segment)):
            update.require_exists(work, post_id)
            title = str_or_unset(params.get("title", MISSING))
            if title is not UNSET:
                title = title or ""
                field_errors = validate_title(title)
                if field_errors:
                    raise ValidationFailed(field_errors)
            description = str_or_unset(params.get("description", MISSING))
            update.update_post(work, post_id, PostUpdate(title=title, description=description))
        return post_id

    return responses.updated(await request.write(edit))


@router.delete("/posts/{id}", response_model=Id, parameters=[POST_ID], errors=[404])
async def delete_post(request: ApiRequest) -> ApiResponse:
    """Delete a post with its votes, its comments, and all replies to them."""
    segment = request.path_params["id"]
    post_id = path_id(segment)

    def delete(work: UnitOfWork) -> list[str]:
        with errors.replace_not_found("post", NotFound("post", segment)):
            return update.delete(work, post_id)

    files = await request.write(delete, in_thread=True)
    await request.services.uploads.delete(files)
    return responses.updated(post_id)
