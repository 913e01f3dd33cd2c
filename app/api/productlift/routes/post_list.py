"""The list of posts: its filters, its orders, its page. docs/contracts/productlift.md, section 7.15."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from app.api.productlift import responses, serializers
from app.api.productlift.field_types import Id, Integer, ListOf, Reference, Text
from app.api.productlift.forms import Form
from app.api.productlift.post_links import PostLinks
from app.api.request import PortalRequest
from app.domain.posts.filters import PostFilter, has_own_index
from app.domain.posts.queries import INDEXED, PostQuery
from app.domain.sql.pagination import DEEP_OFFSET
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

DEFAULT_LIMIT: Final = 10
_ASCENDING: Final = ("title", "order")
Limit = Annotated[
    Integer, Field(ge=1, le=100, description=f"Maximum number of rows; by default {DEFAULT_LIMIT}", examples=[10])
]
Skip = Annotated[Integer, Field(description="Number of rows to skip; by default none", examples=[0])]


class ListPosts(Form):
    tab: Annotated[Text | None, Field(description="Only posts on the tab with this URL key", examples=["roadmap"])] = (
        None
    )
    category: Annotated[
        Reference | None, Field(description="Only posts with this category, by number", examples=[8])
    ] = None
    section: Annotated[Reference | None, Field(description="Only posts in this section, by number", examples=[10])] = (
        None
    )
    tag_id: Annotated[
        ListOf[Reference] | None, Field(description="Only posts with one of these tags, by number", examples=[[1, 2]])
    ] = None
    title: Annotated[
        Text | None,
        Field(description="Only posts whose title contains this text, in any letter case", examples=["dark"]),
    ] = None
    limit: Limit | None = None
    skip: Skip | None = None
    status: Annotated[
        ListOf[Id] | None, Field(description="Only posts with one of these statuses, by number", examples=[[2, 3]])
    ] = None
    order_by: Annotated[
        Literal["title", "created_at", "updated_at", "votes_count", "comments_count", "latest_status_change", "order"]
        | None,
        Field(description="The field to sort by; by default `created_at`", examples=["votes_count"]),
    ] = None
    order_direction: Annotated[
        Literal["asc", "desc"] | None,
        Field(description="By default `asc` for `title` and `order`, otherwise `desc`", examples=["desc"]),
    ] = None


def offset_and_limit(skip: int | None, limit: int | None) -> tuple[int, int]:
    """The effective offset and limit, with defaults."""
    return max(0, skip or 0), DEFAULT_LIMIT if limit is None else limit


async def page(request: PortalRequest, form: ListPosts) -> ApiResponse:
    """One page of the posts that match all filters."""
    return await _page(request, form, _filters(form), serializers.serialize_post)


async def public_page(request: PortalRequest, form: ListPosts) -> ApiResponse:
    """As `page`, with the posts and members that everybody may see. Section 9.13."""
    return await _page(request, form, replace(_filters(form), public=True), serializers.serialize_public_post)


def _filters(form: ListPosts) -> PostFilter:
    return PostFilter(
        tab_url=form.tab,
        # An empty list is no filter, like an empty text.
        status_ids=form.status or None,
        category_ids=None if form.category is None else [form.category],
        section_ids=None if form.section is None else [form.section],
        tag_ids=form.tag_id or None,
        title=form.title,
    )


async def _page(
    request: PortalRequest,
    form: ListPosts,
    filters: PostFilter,
    serialize_post: Callable[[Row, PostLinks], dict[str, Any]],
) -> ApiResponse:
    links = PostLinks.of(request)
    order = form.order_by or "created_at"
    descending = form.order_direction == "desc" if form.order_direction else order not in _ASCENDING
    offset, limit = offset_and_limit(form.skip, form.limit)

    def serialize(row: Row) -> dict[str, Any]:
        return serialize_post(row, links)

    def fetch(work: UnitOfWork, query: PostQuery) -> tuple[Sequence[Row], int]:
        return query.page_with_total(work, filters, order=order, descending=descending, offset=offset, limit=limit)

    def read_page(work: UnitOfWork) -> ApiResponse:
        rows, total = fetch(work, serializers.POSTS)
        payloads = [serialize(row) for row in rows]
        return responses.page_response(payloads, total=total, offset=offset, limit=limit)

    # These pages take several statements, which must see the same rows.
    snapshot = offset >= DEEP_OFFSET or len(filters.active_filters()) > 1
    slow = _is_slow(filters, order, offset)
    try:
        return await request.read(read_page, in_thread=slow, snapshot=snapshot, max_text=max_text_bytes(limit))
    except TextsTooLong:
        pass
    rows, total = await request.read(lambda work: fetch(work, serializers.POST_IDS), in_thread=True, snapshot=snapshot)
    ids = [row[0] for row in rows]
    before, after = responses.page_envelope(len(ids), total=total, offset=offset, limit=limit)
    return await responses.stream_rows(request, ids, serializers.POSTS.by_ids, serialize, before=before, after=after)


def _is_slow(filters: PostFilter, order: str, offset: int) -> bool:
    """Whether the database must skip or sort many rows, instead of reading the page from an index."""
    active = filters.active_filters()
    if offset >= DEEP_OFFSET or order not in INDEXED:
        return True
    return bool(active) and not has_own_index(tuple(active), order)
