"""Astuto's lists: newest first, of any length; long ones are streamed. docs/contracts/astuto.md, 1.8."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from pydantic import Field

from app.api.astuto import responses
from app.api.astuto.forms import FILTER_IDS, LIMIT, OFFSET, Form
from app.api.request import ApiRequest
from app.api.streaming import MAX_TEXT_OF_MANY, STREAM_THRESHOLD, stream_json_array
from app.domain.posts.queries import PostQuery
from app.domain.posts.reply_queries import PostChildQuery
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users.queries import UserQuery
from app.http.response import ApiResponse, StreamedResponse

INLINE_MAX_ROWS: Final = 100
"""A longer list, or one with a larger offset, may take long enough to block the event loop."""


class ListForm(Form):
    """`limit` and `offset` of a list. A subclass may override the default of `limit`."""

    limit: Annotated[int, LIMIT, Field(description="Maximum number of rows; any value is allowed", examples=[20])] = 100
    offset: Annotated[int, OFFSET, Field(description="Number of rows to skip", examples=[0])] = 0


class ChildListForm(ListForm):
    """A blank filter is no filter; an unknown id gives an empty list; `post_id[]` may be repeated."""

    post_id: Annotated[list[int] | None, FILTER_IDS, Field(description="Only those of this post", examples=[1])] = None


async def child_list_response(
    request: ApiRequest, query: PostChildQuery, serialize: Callable[[Row], dict[str, Any]]
) -> ApiResponse:
    """The response of a list of comments or votes."""
    form = ChildListForm.parse(request.params)
    slow = form.post_id is not None and len(form.post_id) > 1
    return await list_response(request, form, query, serialize, slow=slow, post_ids=form.post_id)


async def list_response(
    request: ApiRequest,
    form: ListForm,
    query: PostQuery | PostChildQuery | UserQuery,
    serialize: Callable[[Row], dict[str, Any]],
    *,
    slow: bool = False,
    **options: Any,
) -> ApiResponse:
    """The response of a list with `limit` and `offset`; `options` are passed to the query's `page` and `ids`.

    `slow`: whether even the first page may need all rows of the portal, because no index has its order.
    """
    limit = form.limit
    options |= {"offset": form.offset, "limit": limit}
    if limit <= STREAM_THRESHOLD:
        with suppress(TextsTooLong):
            body = await request.read(
                lambda work: orjson.dumps([serialize(row) for row in query.page(work, **options)]),
                in_thread=slow or limit > INLINE_MAX_ROWS or form.offset > INLINE_MAX_ROWS,
                max_text=max_text_bytes(limit),
            )
            return responses.ok(body)

    def serialize_ids(work: UnitOfWork, ids: Sequence[int]) -> list[dict[str, Any]]:
        return [serialize(row) for row in query.by_ids(work, ids)]

    ids = await request.read(lambda work: query.ids(work, **options), in_thread=True)
    if len(ids) <= STREAM_THRESHOLD < limit:
        with suppress(TextsTooLong):
            return responses.ok(
                await request.read(
                    lambda work: orjson.dumps(serialize_ids(work, ids)), in_thread=True, max_text=MAX_TEXT_OF_MANY
                )
            )
    return StreamedResponse(200, await stream_json_array(request, ids, serialize_ids), responses.JSON)
