"""Comments in ProductLift's dialect. docs/contracts/productlift.md, section 9.1."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.field_types import BOOLEAN, ID, STRING, UUID
from app.api.productlift.forms import REQUIRED, Form, max_length
from app.api.productlift.responses import chapter, takes
from app.api.productlift.schemas import CommentData, CommentList, Nothing
from app.api.request import Call
from app.api.router import in_path
from app.api.streaming import MOST_ROWS, in_pieces
from app.domain.errors import NotFound
from app.domain.posts import comments
from app.domain.sql.text_limits import LongTexts, max_text_bytes
from app.domain.unit_of_work import Row, Work
from app.domain.unset import KEEP
from app.http.request import Answer

comments_chapter = chapter("Comments")

MAX_COMMENT: Final = 10_000
MAX_SHORT_COMMENT: Final = max_text_bytes(MOST_ROWS)
"""Bytes; a list with a longer one is written in pieces."""
CREATE: Final = Form(
    comment=(REQUIRED, STRING, max_length(MAX_COMMENT)), user_id=(UUID,), parent_id=(ID,), internal=(BOOLEAN,)
)
UPDATE: Final = Form(
    comment=(STRING, max_length(MAX_COMMENT)), pinned_to_top=(BOOLEAN,), tagged_for_changelog=(BOOLEAN,)
)
COMMENT: Final = in_path("comment", {"type": "integer"}, "The comment's number")


@comments_chapter.route(
    "GET", "/posts/{post}/comments", answers=CommentList, parameters=[path_params.POST], may_refuse=[404]
)
async def list_comments(call: Call) -> Answer:
    """All comments on a post, the team's own ones included, oldest first."""

    def plan(work: Work, most: int = 2**62) -> tuple[Row, str, list[int]]:
        post = serializers.POSTS.by_key(work, call.path["post"])
        return post, _url(call, post), serializers.COMMENTS.ids(work, skip=0, limit=most, post_ids=[post[0]])

    def begin(work: Work) -> Answer | None:
        post, url, ids = plan(work, MOST_ROWS + 1)
        if len(ids) > MOST_ROWS:
            return None
        rows = serializers.COMMENTS.of_post(work, post[0], many=len(ids), oldest_first=True)
        return responses.data([serializers.comment(row, url) for row in rows])

    with suppress(LongTexts):
        whole = await call.reading(begin, max_text=MAX_SHORT_COMMENT)
        if whole is not None:
            return whole
    _, url, ids = await call.reading(plan, slow=True)

    def shown(work: Work, some: Sequence[int]) -> list[Any]:
        return [serializers.comment(row, url) for row in serializers.COMMENTS.by_ids(work, some)]

    return responses.in_pieces(await in_pieces(call, ids[::-1], shown, before=b'{"data":[', after=b"]}"))


@comments_chapter.route(
    "POST",
    "/posts/{post}/comments",
    answers=CommentData,
    parameters=[path_params.POST],
    body=takes(CREATE),
    may_refuse=[404, 422],
)
async def create_comment(call: Call) -> Answer:
    """Comment on a post, in a user's name or the token's user's own. Internal ones are for the team."""

    def write(work: Work) -> Answer:
        post = serializers.POSTS.by_key(work, call.path["post"])
        wanted = CREATE.read(call.asked)
        sent_user: str | None = wanted.get("user_id")
        author_id = call.admission.user_id
        if sent_user is not None:
            author_id = serializers.USERS.by_uuid(work, sent_user)[0]
        with errors.asked_as(comment=call.asked.get("parent_id"), user=sent_user):
            comment_id = comments.write(
                work,
                post_id=post[0],
                author_id=author_id,
                body=wanted["comment"],
                parent_id=wanted.get("parent_id"),
                internal=bool(wanted.get("internal")),
                same_post_parent=True,
                deleted_author=False,
                follow=True,
            )
        return responses.data(serializers.comment(serializers.COMMENTS.by_id(work, comment_id), _url(call, post)))

    return await call.writing(write)


@comments_chapter.route(
    ["PATCH", "PUT"],
    "/posts/{post}/comments/{comment}",
    answers=CommentData,
    parameters=[path_params.POST, COMMENT],
    body=takes(UPDATE),
    may_refuse=[404, 422],
)
async def update_comment(call: Call) -> Answer:
    """Change a comment. What is left out or null stays as it is."""

    def change(work: Work) -> Answer:
        post, comment_id = _found(work, call)
        wanted = {name: value for name, value in UPDATE.read(call.asked).items() if value is not None}
        with errors.asked_as(comment=call.path["comment"]):
            comments.edit(
                work,
                comment_id,
                body=wanted.get("comment", KEEP),
                pinned=wanted.get("pinned_to_top", KEEP),
                official=wanted.get("tagged_for_changelog", KEEP),
            )
        return responses.data(serializers.comment(serializers.COMMENTS.by_id(work, comment_id), _url(call, post)))

    return await call.writing(change)


@comments_chapter.route(
    "DELETE",
    "/posts/{post}/comments/{comment}",
    answers=Nothing,
    parameters=[path_params.POST, COMMENT],
    may_refuse=[404],
)
async def delete_comment(call: Call) -> Answer:
    """Take a comment away. Its replies stay, without a parent."""

    def delete(work: Work) -> Answer:
        _, comment_id = _found(work, call)
        with errors.asked_as(comment=call.path["comment"]):
            comments.delete(work, comment_id, with_replies=False)
        return responses.EMPTY

    # Each of its replies is written, too.
    return await call.writing(delete, slow=True)


def _found(work: Work, call: Call) -> tuple[Row, int]:
    """The post's row, and the id of its comment. Raises NotFound("post"), NotFound("comment")."""
    post = serializers.POSTS.by_key(work, call.path["post"])
    with errors.asked_as(comment=call.path["comment"]):
        comment_id, post_id, *_ = serializers.COMMENTS.by_id(work, path_params.number(call.path["comment"]))
        if post_id != post[0]:
            raise NotFound("comment", comment_id)
    return post, comment_id


def _url(call: Call, post: Row) -> str:
    return serializers.post_url(post[2], post[1], call.standing.base_url or "")
