"""Boards in Astuto's dialect. docs/contracts/astuto.md, section 2.1."""

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import BOARD_ID, TEXT, TEXT_OR_NULL, object_body, with_description
from app.api.astuto.params import MISSING
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import path_id, str_or
from app.api.astuto.schemas import BoardOut, Id
from app.api.request import ApiRequest
from app.domain.errors import NotFound
from app.domain.portals import boards
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Boards"])


@router.get("/boards", response_model=list[BoardOut])
async def list_boards(request: ApiRequest) -> ApiResponse:
    """All boards."""

    def read_all(work: UnitOfWork) -> bytes:
        return orjson.dumps([serializers.serialize_board(row) for row in serializers.BOARDS.all(work)])

    return responses.ok(await request.read(read_all))


@router.get("/boards/{id}", response_model=BoardOut, parameters=[BOARD_ID], errors=[404])
async def show_board(request: ApiRequest) -> ApiResponse:
    """One board, by its number or else by its slug."""
    segment = request.path_params["id"]

    def get(work: UnitOfWork) -> bytes:
        row = _find_board(work, segment)
        return orjson.dumps(serializers.serialize_board(row))

    return responses.ok(await request.read(get))


def _find_board(work: UnitOfWork, segment: str) -> Row:
    number = path_id(segment)
    if number:
        try:
            return serializers.BOARDS.by_id(work, number)
        except NotFound:
            # No board has this id, but one may have it as its slug.
            pass
    if "\0" in segment:
        raise NotFound("board", segment)
    return serializers.BOARDS.by_slug(work, segment)


@router.post(
    "/boards",
    response_model=Id,
    status_code=201,
    errors=[422],
    request_body=object_body(
        ["name"],
        name=with_description(TEXT, "Unique in the portal, case-sensitive"),
        slug=with_description(TEXT_OR_NULL, "Normalized; if null, in use or empty, made from the name"),
        description=with_description(TEXT_OR_NULL, "At most 1024 characters"),
    ),
)
async def create_board(request: ApiRequest) -> ApiResponse:
    """Add a board at the end. For administrators' keys."""
    values = request.params
    if params.is_missing(values.get("name", MISSING)):
        raise errors.MissingParam

    def add(work: UnitOfWork) -> int:
        return boards.add(
            work,
            name=str_or(values.get("name", MISSING), None) or "",
            slug=str_or(values.get("slug", MISSING), None),
            description=str_or(values.get("description", MISSING), None),
        )

    return responses.created(await request.write(add))
