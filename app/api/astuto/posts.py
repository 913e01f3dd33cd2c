"""Posts in Astuto's dialect. docs/contracts/astuto.md, section 2.3."""

import orjson

from app.api.astuto import answers, errors, manners, shapes
from app.api.astuto.answers import chapter
from app.api.astuto.inputs import impersonated, key_user, text_or, title_problems
from app.api.astuto.manners import ABSENT
from app.api.astuto.shapes import Id, PostOut
from app.api.calls import Answer, Call
from app.domain import people, posts
from app.domain.policy import Act
from app.domain.post_views import PostFilter
from app.domain.posts import Submission
from app.domain.refusals import Forbidden, Invalid, Problem
from app.domain.work import Work

posts_chapter = chapter("Posts")

@posts_chapter.route("GET", "/posts", answers=list[PostOut])
async def list_posts(call: Call) -> Answer:
    """All posts, newest first, whatever their approval status."""
    asked = call.asked

    def page(work: Work) -> bytes:
        work.require(Act.READ)
        limit = manners.limit(asked.get("limit", ABSENT), 20)
        skip = manners.offset(asked.get("offset", ABSENT))
        wanted = PostFilter(board_ids=manners.any_of(asked.get("board_id")), user_ids=manners.any_of(asked.get("user_id")))
        rows = shapes.POSTS.page(work, wanted, order="created_at", descending=True, skip=skip, limit=limit)
        return orjson.dumps([shapes.post(row) for row in rows])

    return answers.ok(await call.reading(page))


@posts_chapter.route("GET", "/posts/{id}", answers=PostOut)
async def show_post(call: Call) -> Answer:
    """One post, whatever its approval status."""
    asked_id = call.path["id"]

    def get(work: Work) -> bytes:
        row = shapes.POSTS.by_id(work, manners.leading_integer(asked_id) or 0)
        work.require(Act.READ)
        return orjson.dumps(shapes.post(row))

    return answers.ok(await call.reading(get))


@posts_chapter.route("POST", "/posts", answers=Id, status=201)
async def create_post(call: Call) -> Answer:
    """Submit a post. An administrator's key may submit it in another user's name."""
    asked = call.asked

    def submit(work: Work) -> int:
        if manners.missing(asked.get("title", ABSENT)):
            raise errors.Missing
        work.require(Act.WRITE_POST)
        author_id = impersonated(asked)
        if author_id is not None:
            work.require(Act.IMPERSONATE)
        title = text_or(asked.get("title", ABSENT), "") or ""
        board_id = manners.lookup(asked.get("board_id", ABSENT)) or 0
        problems = title_problems(title)
        if problems:
            people.acting_as(work, author_id)
            mandatory = [] if posts.board_exists(work, board_id) else [Problem("board", "mandatory")]
            raise Invalid([*mandatory, *problems])
        wish = Submission(
            title=title,
            description=text_or(asked.get("description", ABSENT), None),
            board_id=board_id,
            author=key_user(work) if author_id is None else author_id,
        )
        with errors.reworded("user", Forbidden(Act.IMPERSONATE, "unknown")):
            return posts.submit(work, wish)

    return answers.created(await call.writing(submit, at_once=True))

