"""Astuto's lists: newest first, of any length; long ones are streamed. docs/contracts/astuto.md, 1.8."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

import orjson
from pydantic import Field

from app.api.astuto import responses
from app.api.astuto.forms import FILTER_IDS, LIMIT, OFFSET, Form
from app.api.request import ApiRequest
from app.api.streaming import STREAM_THRESHOLD, stream_json_array
from app.domain.posts.reply_queries import PostChildQuery
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

INLINE_MAX_ROWS: Final = 100
"""A longer list, or one with a larger offset, may take long enough to block the event loop."""
MAX_TEXT_OF_MANY: Final = 20 * 1024
"""Bytes of a text in a list of up to a thousand ids; the ids themselves are one text, too."""


class ListForm(Form):
    """`limit` and `offset` of a list. A list with another default overrides `limit`."""

    limit: Annotated[int, LIMIT, Field(description="Maximum number of rows; any value is allowed")] = 100
    offset: Annotated[int, OFFSET, Field(description="Number of rows to skip")] = 0


class ChildListForm(ListForm):
    """A blank filter is no filter; an unknown id gives an empty list; `post_id[]` may be repeated."""

    post_id: Annotated[list[int] | None, FILTER_IDS, Field(description="Only those of this post")] = None


@dataclass(frozen=True, slots=True)
class ListSource:
    """How a list is read: the rows of a page, the ids of a page, and the rows of ids; and how a row is serialized.

    `page` and `ids` are called with a unit of work, and with `offset` and `limit` by keyword.
    """

    page: Callable[..., Sequence[Row]]
    ids: Callable[..., Sequence[int]]
    by_ids: Callable[[UnitOfWork, Sequence[int]], Sequence[Row]]
    serialize: Callable[[Row], dict[str, Any]]
    slow: bool = False
    """Whether even the first page may need all rows of the portal, because no index has its order."""


async def child_list_response(
    request: ApiRequest, query: PostChildQuery, serialize: Callable[[Row], dict[str, Any]]
) -> ApiResponse:
    """The response of a list of comments or votes."""
    form = ChildListForm.parse(request.params)
    post_ids = form.post_id
    source = ListSource(
        page=partial(query.page, post_ids=post_ids),
        ids=partial(query.ids, post_ids=post_ids),
        by_ids=query.by_ids,
        serialize=serialize,
        slow=post_ids is not None and len(post_ids) > 1,
    )
    return await list_response(request, source, form)


async def list_response(request: ApiRequest, source: ListSource, form: ListForm) -> ApiResponse:
    """The response of a list with `limit` and `offset`."""
    limit, offset = form.limit, form.offset
    serialize = source.serialize
    if limit <= STREAM_THRESHOLD:
        slow = source.slow or limit > INLINE_MAX_ROWS or offset > INLINE_MAX_ROWS
        with suppress(TextsTooLong):
            body = await request.read(
                lambda work: orjson.dumps([serialize(row) for row in source.page(work, offset=offset, limit=limit)]),
                in_thread=slow,
                max_text=max_text_bytes(limit),
            )
            return responses.ok(body)

    def serialize_ids(work: UnitOfWork, ids: Sequence[int]) -> list[dict[str, Any]]:
        return [serialize(row) for row in source.by_ids(work, ids)]

    ids = await request.read(lambda work: source.ids(work, offset=offset, limit=limit), in_thread=True)
    if len(ids) <= STREAM_THRESHOLD < limit:
        with suppress(TextsTooLong):
            return responses.ok(
                await request.read(
                    lambda work: orjson.dumps(serialize_ids(work, ids)), in_thread=True, max_text=MAX_TEXT_OF_MANY
                )
            )
    return responses.stream(await stream_json_array(request, ids, serialize_ids))
