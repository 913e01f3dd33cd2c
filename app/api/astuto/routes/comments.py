"""Comments in Astuto's dialect; the team's internal ones do not exist here. docs/contracts/astuto.md, section 2.4."""

from collections.abc import Callable

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import (
    BOOLEAN_OR_NULL,
    COMMENT_ID,
    IMPERSONATED,
    INTEGER,
    INTEGER_OR_NULL,
    TEXT,
    described,
    members,
    narrowed,
    window,
)
from app.api.astuto.pagination import Listed, listed
from app.api.astuto.params import ABSENT, PAST
from app.api.astuto.responses import chapter
from app.api.astuto.routes.inputs import acting_user, any_of, path_id, text_or, text_or_keep
from app.api.astuto.schemas import CommentOut, Id
from app.api.request import AskedCall, Call
from app.domain.errors import NotFound
from app.domain.permissions import Act
from app.domain.posts import comments
from app.domain.unit_of_work import Work
from app.domain.unset import KEEP
from app.http.request import Answer

comments_chapter = chapter("Comments")


@comments_chapter.route(
    "GET", "/comments", answers=list[CommentOut], parameters=[*window(100), narrowed("post_id", "post")]
)
async def list_comments(call: Call) -> Answer:
    """All comments, newest first, replies among them."""
    post_ids = any_of(call.asked, "post_id")
    rows = Listed(
        page=lambda work, skip, limit: serializers.COMMENTS.page(work, skip=skip, limit=limit, post_ids=post_ids),
        ids=lambda work, skip, limit: serializers.COMMENTS.ids(work, skip=skip, limit=limit, post_ids=post_ids),
        by_ids=serializers.COMMENTS.by_ids,
        shape=serializers.comment,
        slow=post_ids is not None and len(post_ids) > 1,
    )
    return await listed(call, rows, default=100)


@comments_chapter.route("GET", "/comments/{id}", answers=CommentOut, parameters=[COMMENT_ID], may_refuse=[404])
async def show_comment(call: Call) -> Answer:
    """One comment."""
    segment = call.path["id"]

    def get(work: Work) -> bytes:
        with errors.reworded("comment", NotFound("comment", segment)):
            row = serializers.COMMENTS.by_id(work, path_id(segment))
        work.require(Act.READ)
        return orjson.dumps(serializers.comment(row))

    return responses.ok(await call.reading(get))


@comments_chapter.route(
    "POST",
    "/comments",
    answers=Id,
    status=201,
    may_refuse=[422],
    body=members(
        ["body", "post_id"],
        body=TEXT,
        post_id=INTEGER,
        parent_id=described(INTEGER_OR_NULL, "The comment that this one replies to; it may stand on another post"),
        is_post_update=described(BOOLEAN_OR_NULL, "Whether the team speaks; null is false"),
        impersonated_user_id=IMPERSONATED,
    ),
)
async def create_comment(call: Call) -> Answer:
    """Write a comment. An administrator's key may write it in another user's name."""
    asked = call.asked

    def write(work: Work) -> int:
        work.require(Act.WRITE_COMMENT)
        author_id = acting_user(work, asked)
        parent = params.integer(asked.get("parent_id", ABSENT))
        official = params.boolean(asked.get("is_post_update", ABSENT))
        with errors.reworded("comment", params.Wrong()):
            return comments.write(
                work,
                post_id=params.lookup(asked.get("post_id", ABSENT)) or 0,
                author_id=author_id,
                body=text_or(asked.get("body", ABSENT), None) or "",
                # No comment has the number 0, so what can't be a number's id is refused where the rule says so.
                parent_id=0 if parent is PAST else None if parent is ABSENT else parent,
                official=official is True,
                same_post_parent=False,
                internal_parent=False,
                follow=False,
            )

    return responses.created(await call.writing(write))


@comments_chapter.route(
    ("PUT", "PATCH"),
    "/comments/{id}",
    answers=Id,
    parameters=[COMMENT_ID],
    may_refuse=[404, 422],
    body=members(body=described(TEXT, "When absent, nothing changes")),
)
async def update_comment(call: Call) -> Answer:
    """Change what a comment says."""
    said = text_or_keep(call.asked.get("body", ABSENT))
    body = said if said is KEEP else said or ""
    return await _changed(call, lambda work, comment_id: comments.edit(work, comment_id, body=body))


@comments_chapter.route("DELETE", "/comments/{id}", answers=Id, parameters=[COMMENT_ID], may_refuse=[404])
async def delete_comment(call: Call) -> Answer:
    """Delete a comment with all replies to it, all the way down."""
    return await _changed(
        call, lambda work, comment_id: comments.delete(work, comment_id, with_replies=True), slow=True
    )


@comments_chapter.route(
    "PUT", "/comments/{id}/mark_as_post_update", answers=Id, parameters=[COMMENT_ID], may_refuse=[404]
)
async def mark_comment_as_post_update(call: Call) -> Answer:
    """Say that the team speaks in this comment."""
    return await _changed(call, lambda work, comment_id: comments.edit(work, comment_id, official=True))


@comments_chapter.route(
    "PUT", "/comments/{id}/unmark_as_post_update", answers=Id, parameters=[COMMENT_ID], may_refuse=[404]
)
async def unmark_comment_as_post_update(call: Call) -> Answer:
    """Take that back."""
    return await _changed(call, lambda work, comment_id: comments.edit(work, comment_id, official=False))


async def _changed(call: AskedCall, change: Callable[[Work, int], object], *, slow: bool = False) -> Answer:
    """Change the comment that the path names, if this dialect may see it at all."""
    segment = call.path["id"]
    comment_id = path_id(segment)

    def act(work: Work) -> None:
        with errors.reworded("comment", NotFound("comment", segment)):
            serializers.COMMENTS.by_id(work, comment_id)
            change(work, comment_id)

    await call.writing(act, slow=slow)
    return responses.written(comment_id)
