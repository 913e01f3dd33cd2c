"""Comments in ProductLift's dialect. docs/contracts/productlift.md, section 9.1."""

from contextlib import suppress
from typing import Annotated, ClassVar, Final

from pydantic import Field

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.field_types import Boolean, Id, Text, Uuid
from app.api.productlift.forms import Form
from app.api.productlift.path_params import EXAMPLE_USER
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Comment, Nothing, data_of, list_of
from app.api.request import ApiRequest
from app.api.streaming import MAX_CHUNK_ROWS
from app.domain.errors import NotFound
from app.domain.posts import comments
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Comments"])

MAX_COMMENT: Final = 10_000
MAX_INLINE_COMMENT_BYTES: Final = max_text_bytes(MAX_CHUNK_ROWS)
"""Bytes; a list with a longer one is streamed."""
CommentText = Annotated[
    Text,
    Field(max_length=MAX_COMMENT, description="The text in Markdown", examples=["This would save us an hour a week."]),
]


class CreateComment(Form):
    json_example: ClassVar[tuple[str, ...]] = ("comment", "internal")

    comment: CommentText
    user_id: Annotated[
        Uuid | None, Field(description="The author; by default the user of the key", examples=[EXAMPLE_USER])
    ] = None
    parent_id: Annotated[
        Id | None, Field(description="The comment on the same post that this one replies to", examples=[3])
    ] = None
    internal: Annotated[
        Boolean | None, Field(description="Whether only the team can see the comment", examples=[False])
    ] = None


class UpdateComment(Form):
    comment: CommentText | None = None
    pinned_to_top: Annotated[
        Boolean | None, Field(description="Whether the comment is above all others", examples=[True])
    ] = None
    tagged_for_changelog: Annotated[
        Boolean | None, Field(description="Whether the comment is an official update", examples=[True])
    ] = None


@router.get("/posts/{post}/comments", response_model=list_of(Comment))
async def list_comments(request: ApiRequest) -> ApiResponse:
    """All comments on a post, including internal ones, oldest first."""

    def plan(work: UnitOfWork, limit: int = 2**62) -> tuple[Row, str, list[int]]:
        post = serializers.POSTS.by_code_or_id(work, request.path_params["post"])
        return post, _url(request, post), serializers.COMMENTS.ids(work, offset=0, limit=limit, post_ids=[post[0]])

    def read_short(work: UnitOfWork) -> ApiResponse | None:
        post, url, ids = plan(work, MAX_CHUNK_ROWS + 1)
        if len(ids) > MAX_CHUNK_ROWS:
            return None
        rows = serializers.COMMENTS.for_post(work, post[0], limit=len(ids), oldest_first=True)
        return responses.data_response([serializers.serialize_comment(row, url) for row in rows])

    with suppress(TextsTooLong):
        response = await request.read(read_short, max_text=MAX_INLINE_COMMENT_BYTES)
        if response is not None:
            return response
    _, url, ids = await request.read(plan, in_thread=True)
    return await responses.stream_rows(
        request, ids[::-1], serializers.COMMENTS.by_ids, lambda row: serializers.serialize_comment(row, url)
    )


@router.post("/posts/{post}/comments", response_model=data_of(Comment), form=CreateComment)
async def create_comment(request: ApiRequest) -> ApiResponse:
    """Comment on a post, as a user or as the user of the token. Internal comments are for the team."""

    def write(work: UnitOfWork) -> ApiResponse:
        post = serializers.POSTS.by_code_or_id(work, request.path_params["post"])
        form = CreateComment.parse(request.params)
        author_id = request.principal.user_id
        if form.user_id is not None:
            author_id = serializers.USERS.by_uuid(work, form.user_id)[0]
        with errors.report_as_sent(comment=request.params.get("parent_id"), user=form.user_id):
            comment_id = comments.create(
                work,
                post_id=post[0],
                author_id=author_id,
                body=form.comment,
                parent_id=form.parent_id,
                internal=bool(form.internal),
                same_post_parent=True,
                deleted_author=False,
                follow=True,
            )
        return responses.data_response(
            serializers.serialize_comment(serializers.COMMENTS.by_id(work, comment_id), _url(request, post))
        )

    return await request.write(write)


@router.patch_or_put("/posts/{post}/comments/{comment}", response_model=data_of(Comment), form=UpdateComment)
async def update_comment(request: ApiRequest) -> ApiResponse:
    """Change a comment. A field that is absent or null is not changed."""

    def change(work: UnitOfWork) -> ApiResponse:
        post, comment_id = _find_comment(work, request)
        form = UpdateComment.parse(request.params)
        with errors.report_as_sent(comment=request.path_params["comment"]):
            comments.edit(
                work,
                comment_id,
                body=UNSET if form.comment is None else form.comment,
                pinned=UNSET if form.pinned_to_top is None else form.pinned_to_top,
                official=UNSET if form.tagged_for_changelog is None else form.tagged_for_changelog,
            )
        return responses.data_response(
            serializers.serialize_comment(serializers.COMMENTS.by_id(work, comment_id), _url(request, post))
        )

    return await request.write(change)


@router.delete("/posts/{post}/comments/{comment}", response_model=Nothing)
async def delete_comment(request: ApiRequest) -> ApiResponse:
    """Delete a comment. Its replies stay, without a parent."""

    def delete(work: UnitOfWork) -> ApiResponse:
        _, comment_id = _find_comment(work, request)
        with errors.report_as_sent(comment=request.path_params["comment"]):
            comments.delete(work, comment_id, with_replies=False)
        return responses.DELETED

    # Each of its replies is updated, too.
    return await request.write(delete, in_thread=True)


def _find_comment(work: UnitOfWork, request: ApiRequest) -> tuple[Row, int]:
    """The post's row, and the id of its comment. Raises NotFound("post"), NotFound("comment")."""
    post = serializers.POSTS.by_code_or_id(work, request.path_params["post"])
    with errors.report_as_sent(comment=request.path_params["comment"]):
        comment_id, post_id, *_ = serializers.COMMENTS.by_id(work, path_params.number(request.path_params["comment"]))
        if post_id != post[0]:
            raise NotFound("comment", comment_id)
    return post, comment_id


def _url(request: ApiRequest, post: Row) -> str:
    return serializers.post_url(post[2], post[1], request.context.base_url or "")
