"""Boards in Astuto's dialect. docs/contracts/astuto.md, section 2.1."""

from typing import Annotated

import orjson
from pydantic import Field

from app.api.astuto import responses, schemas, serializers
from app.api.astuto.conversions import lookup_id
from app.api.astuto.forms import REQUIRED_TEXT, TEXT_OR_NULL, Form
from app.api.astuto.responses import AstutoRouter
from app.api.request import ApiRequest
from app.domain.errors import NotFound
from app.domain.portals import boards
from app.domain.portals.boards import MAX_DESCRIPTION
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Boards"])


class CreateBoard(Form):
    name: Annotated[
        str, REQUIRED_TEXT, Field(description="Unique in the portal, case-sensitive", examples=["Mobile app"])
    ]
    slug: Annotated[
        str | None,
        TEXT_OR_NULL,
        Field(description="Normalized; if null, in use or empty, made from the name", examples=["mobile-app"]),
    ] = None
    description: Annotated[
        str | None,
        TEXT_OR_NULL,
        Field(description=f"At most {MAX_DESCRIPTION} characters", examples=["Ideas for phones and tablets."]),
    ] = None


@router.get("/boards", response_model=list[schemas.Board])
async def list_boards(request: ApiRequest) -> ApiResponse:
    """All boards."""

    def read_all(work: UnitOfWork) -> bytes:
        return orjson.dumps([serializers.serialize_board(row) for row in serializers.BOARDS.all(work)])

    return responses.ok(await request.read(read_all))


@router.get("/boards/{id}", response_model=schemas.Board)
async def show_board(request: ApiRequest) -> ApiResponse:
    """One board, by its number or else by its slug."""
    segment = request.path_params["id"]

    def get(work: UnitOfWork) -> bytes:
        row = _find_board(work, segment)
        return orjson.dumps(serializers.serialize_board(row))

    return responses.ok(await request.read(get))


def _find_board(work: UnitOfWork, segment: str) -> Row:
    number = lookup_id(segment)
    if number:
        try:
            return serializers.BOARDS.by_id(work, number)
        except NotFound:
            # No board has this id, but one may have it as its slug.
            pass
    if "\0" in segment:
        raise NotFound("board", segment)
    return serializers.BOARDS.by_slug(work, segment)


@router.post("/boards", response_model=schemas.Id, status_code=201, errors=[422], form=CreateBoard)
async def create_board(request: ApiRequest) -> ApiResponse:
    """Add a board at the end. For administrators' keys."""
    form = CreateBoard.parse(request.params)

    def add(work: UnitOfWork) -> int:
        return boards.add(work, name=form.name, slug=form.slug, description=form.description)

    return responses.created(await request.write(add))
