"""Astuto's lists: newest first, of any length; long ones are streamed. docs/contracts/astuto.md, 1.8."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.api.astuto import params, responses
from app.api.astuto.params import MISSING
from app.api.request import ApiRequest
from app.api.streaming import STREAM_THRESHOLD, stream_json_array
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

INLINE_MAX_ROWS: Final = 100
"""A longer list, or one with a larger offset, may take long enough to block the event loop."""
MAX_TEXT_OF_MANY: Final = 20 * 1024
"""Bytes of a text in a list of up to a thousand ids; the ids themselves are one text, too."""


@dataclass(frozen=True, slots=True)
class ListSource:
    """How a list is read: the rows of a page, the ids of a page, and the rows of ids; and how a row is serialized."""

    page: Callable[[UnitOfWork, int, int], Sequence[Row]]
    ids: Callable[[UnitOfWork, int, int], Sequence[int]]
    by_ids: Callable[[UnitOfWork, Sequence[int]], Sequence[Row]]
    serialize: Callable[[Row], dict[str, Any]]
    slow: bool = False
    """Whether even the first page may need all rows of the portal, because no index has its order."""


async def list_response(request: ApiRequest, source: ListSource, *, default: int) -> ApiResponse:
    """The response of a list with `limit` and `offset`."""
    limit = params.parse_limit(request.params.get("limit", MISSING), default)
    offset = params.parse_offset(request.params.get("offset", MISSING))
    serialize = source.serialize
    if limit <= STREAM_THRESHOLD:
        slow = source.slow or limit > INLINE_MAX_ROWS or offset > INLINE_MAX_ROWS
        with suppress(TextsTooLong):
            body = await request.read(
                lambda work: orjson.dumps([serialize(row) for row in source.page(work, offset, limit)]),
                in_thread=slow,
                max_text=max_text_bytes(limit),
            )
            return responses.ok(body)

    def serialize_ids(work: UnitOfWork, ids: Sequence[int]) -> list[dict[str, Any]]:
        return [serialize(row) for row in source.by_ids(work, ids)]

    ids = await request.read(lambda work: source.ids(work, offset, limit), in_thread=True)
    if len(ids) <= STREAM_THRESHOLD < limit:
        with suppress(TextsTooLong):
            return responses.ok(
                await request.read(
                    lambda work: orjson.dumps(serialize_ids(work, ids)), in_thread=True, max_text=MAX_TEXT_OF_MANY
                )
            )
    return responses.stream(await stream_json_array(request, ids, serialize_ids))
