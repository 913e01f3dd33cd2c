"""Boards in Astuto's dialect. docs/contracts/astuto.md, section 2.1."""

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import BOARD_ID, TEXT, TEXT_OR_NULL, described, members
from app.api.astuto.params import ABSENT
from app.api.astuto.responses import chapter
from app.api.astuto.routes.inputs import path_id, text_or
from app.api.astuto.schemas import BoardOut, Id
from app.api.request import Call
from app.domain.errors import NotFound
from app.domain.permissions import Act
from app.domain.portals import boards
from app.domain.unit_of_work import Row, Work
from app.http.request import Answer

boards_chapter = chapter("Boards")


@boards_chapter.route("GET", "/boards", answers=list[BoardOut])
async def list_boards(call: Call) -> Answer:
    """All boards."""

    def every(work: Work) -> bytes:
        work.require(Act.READ)
        return orjson.dumps([serializers.board(row) for row in serializers.BOARDS.all(work)])

    return responses.ok(await call.reading(every))


@boards_chapter.route("GET", "/boards/{id}", answers=BoardOut, parameters=[BOARD_ID], may_refuse=[404])
async def show_board(call: Call) -> Answer:
    """One board, by its number or else by its slug."""
    segment = call.path["id"]

    def get(work: Work) -> bytes:
        row = _named(work, segment)
        work.require(Act.READ)
        return orjson.dumps(serializers.board(row))

    return responses.ok(await call.reading(get))


def _named(work: Work, segment: str) -> Row:
    number = path_id(segment)
    if number:
        try:
            return serializers.BOARDS.by_id(work, number)
        except NotFound:
            # No board has the number, but one may have it as its slug.
            pass
    if "\0" in segment:
        raise NotFound("board", segment)
    return serializers.BOARDS.by_slug(work, segment)


@boards_chapter.route(
    "POST",
    "/boards",
    answers=Id,
    status=201,
    may_refuse=[422],
    body=members(
        ["name"],
        name=described(TEXT, "Unique in the portal, with case"),
        slug=described(TEXT_OR_NULL, "Cleaned; made from the name when null, taken or empty"),
        description=described(TEXT_OR_NULL, "At most 1024 characters"),
    ),
)
async def create_board(call: Call) -> Answer:
    """Add a board, in the last place. For administrators' keys."""
    asked = call.asked
    if params.missing(asked.get("name", ABSENT)):
        raise errors.Missing

    def add(work: Work) -> int:
        return boards.add(
            work,
            name=text_or(asked.get("name", ABSENT), None) or "",
            slug=text_or(asked.get("slug", ABSENT), None),
            description=text_or(asked.get("description", ABSENT), None),
        )

    return responses.created(await call.writing(add))
