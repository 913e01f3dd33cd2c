"""Shows or changes the row whose id is in the path. docs/contracts/astuto.md, section 1.7."""

from collections.abc import Callable
from typing import Any

import orjson

from app.api.astuto import errors, responses
from app.api.astuto.conversions import lookup_id
from app.api.request import ApiRequest
from app.domain.errors import NotFound
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse


async def show_row(
    request: ApiRequest,
    resource: str,
    by_id: Callable[[UnitOfWork, int], Row],
    serialize: Callable[[Row], dict[str, Any]],
) -> ApiResponse:
    """Show the row in the path. `by_id` raises NotFound."""
    segment = request.path_params["id"]

    def read(work: UnitOfWork) -> bytes:
        with errors.ReplaceNotFound(resource, NotFound(resource, segment)):
            row = by_id(work, lookup_id(segment))
        return orjson.dumps(serialize(row))

    return responses.ok(await request.read(read))


async def change_row(
    request: ApiRequest, resource: str, change: Callable[[UnitOfWork, int], object], *, in_thread: bool = False
) -> ApiResponse:
    """Change the row in the path, and respond with its id."""
    segment = request.path_params["id"]
    row_id = lookup_id(segment)

    def operation(work: UnitOfWork) -> None:
        with errors.ReplaceNotFound(resource, NotFound(resource, segment)):
            change(work, row_id)

    await request.write(operation, in_thread=in_thread)
    return responses.updated(row_id)
