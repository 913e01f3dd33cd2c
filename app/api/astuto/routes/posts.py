"""Posts in Astuto's dialect: list, show, create, edit, delete. docs/contracts/astuto.md, section 2.3."""

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import (
    IMPERSONATED,
    INTEGER,
    POST_ID,
    TEXT,
    TEXT_OR_NULL,
    described,
    members,
    narrowed,
    window,
)
from app.api.astuto.pagination import Listed, listed
from app.api.astuto.params import ABSENT
from app.api.astuto.responses import chapter
from app.api.astuto.routes.inputs import (
    any_of,
    impersonated,
    named_user,
    path_id,
    text_or,
    text_or_keep,
    title_problems,
)
from app.api.astuto.schemas import Id, PostOut
from app.api.request import Call
from app.domain.errors import Forbidden, Invalid, NotFound, Problem, ReferenceMissing
from app.domain.permissions import Act
from app.domain.posts import create, update
from app.domain.posts.create import Submission
from app.domain.posts.filters import PostFilter, has_own_index
from app.domain.posts.update import Changes
from app.domain.unit_of_work import Work
from app.domain.unset import KEEP
from app.domain.users import users
from app.http.request import Answer

posts_chapter = chapter("Posts")

_TITLE = described(TEXT, "4 to 128 characters")


@posts_chapter.route(
    "GET",
    "/posts",
    answers=list[PostOut],
    parameters=[*window(20), narrowed("board_id", "board"), narrowed("user_id", "author")],
)
async def list_posts(call: Call) -> Answer:
    """All posts, newest first, whatever their approval status."""
    asked = call.asked
    wanted = PostFilter(board_ids=any_of(asked, "board_id"), user_ids=any_of(asked, "user_id"))
    given = tuple(wanted.given())
    rows = Listed(
        page=lambda work, skip, limit: serializers.POSTS.page(
            work, wanted, order="created_at", descending=True, skip=skip, limit=limit
        ),
        ids=lambda work, skip, limit: serializers.POSTS.ids(
            work, wanted, order="created_at", descending=True, skip=skip, limit=limit
        ),
        by_ids=serializers.POSTS.by_ids,
        shape=serializers.post,
        slow=bool(given) and not has_own_index(given, "created_at"),
    )
    return await listed(call, rows, default=20)


@posts_chapter.route("GET", "/posts/{id}", answers=PostOut, parameters=[POST_ID], may_refuse=[404])
async def show_post(call: Call) -> Answer:
    """One post, whatever its approval status."""
    segment = call.path["id"]

    def get(work: Work) -> bytes:
        with errors.reworded("post", NotFound("post", segment)):
            row = serializers.POSTS.by_id(work, path_id(segment))
        work.require(Act.READ)
        return orjson.dumps(serializers.post(row))

    return responses.ok(await call.reading(get))


@posts_chapter.route(
    "POST",
    "/posts",
    answers=Id,
    status=201,
    may_refuse=[422],
    body=members(
        ["title", "board_id"],
        title=_TITLE,
        description=TEXT_OR_NULL,
        board_id=INTEGER,
        impersonated_user_id=IMPERSONATED,
    ),
)
async def create_post(call: Call) -> Answer:
    """Submit a post, approved at once. An administrator's key may submit it in another user's name."""
    asked = call.asked
    if params.missing(asked.get("title", ABSENT)):
        raise errors.Missing

    def submit(work: Work) -> int:
        work.require(Act.WRITE_POST)
        author_id = named_user(work, asked)
        title = text_or(asked.get("title", ABSENT), "") or ""
        board_id = params.lookup(asked.get("board_id", ABSENT)) or 0
        problems = title_problems(title)
        if problems:
            users.acting_as(work, impersonated(asked))
            mandatory = [] if create.board_exists(work, board_id) else [Problem("board", "mandatory")]
            raise Invalid([*mandatory, *problems])
        description = text_or(asked.get("description", ABSENT), None)
        wish = Submission(title=title, description=description, board_id=board_id, author=author_id)
        with errors.reworded("user", Forbidden(Act.IMPERSONATE, "unknown")):
            return create.submit(work, wish).id

    try:
        return responses.created(await call.writing(submit, at_once=True))
    except ReferenceMissing as gone:
        # The board was deleted between being found and being pointed to.
        raise errors.mandatory("board_id") from gone


@posts_chapter.route(
    ("PUT", "PATCH"),
    "/posts/{id}",
    answers=Id,
    parameters=[POST_ID],
    may_refuse=[404, 422],
    body=members(title=_TITLE, description=TEXT_OR_NULL),
)
async def update_post(call: Call) -> Answer:
    """Change title or description; what is not sent stays, and is not checked."""
    asked, segment = call.asked, call.path["id"]
    post_id = path_id(segment)

    def edit(work: Work) -> int:
        with errors.reworded("post", NotFound("post", segment)):
            update.ensure(work, post_id)
            title = text_or_keep(asked.get("title", ABSENT))
            if title is not KEEP:
                title = title or ""
                problems = title_problems(title)
                if problems:
                    raise Invalid(problems)
            description = text_or_keep(asked.get("description", ABSENT))
            update.edit(work, post_id, Changes(title=title, description=description))
        return post_id

    return responses.written(await call.writing(edit))


@posts_chapter.route("DELETE", "/posts/{id}", answers=Id, parameters=[POST_ID], may_refuse=[404])
async def delete_post(call: Call) -> Answer:
    """Delete a post with its votes, its comments, and all replies to them."""
    segment = call.path["id"]
    post_id = path_id(segment)

    def delete(work: Work) -> list[str]:
        with errors.reworded("post", NotFound("post", segment)):
            return update.delete(work, post_id)

    files = await call.writing(delete, slow=True)
    await call.services.uploads.discard(files)
    return responses.written(post_id)
