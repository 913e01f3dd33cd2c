"""The search for posts in ProductLift's dialect. docs/contracts/productlift.md, section 9.8."""

from contextlib import suppress
from typing import Annotated, Any

from pydantic import Field

from app.api.productlift import responses, serializers
from app.api.productlift.field_types import Text, TextOrNumber
from app.api.productlift.forms import Form
from app.api.productlift.post_links import PostLinks
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.routes.post_list import Limit, Skip, offset_and_limit
from app.api.productlift.routes.tabs import find_tab
from app.api.productlift.schemas import Post, page_of
from app.api.request import ApiRequest
from app.domain.errors import NotFound, ServiceUnavailable
from app.domain.portals import statuses
from app.domain.search import post_index, posts
from app.domain.search.posts import SearchPage, Visibility
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Posts"])


class SearchPosts(Form):
    query: Annotated[
        Text,
        Field(
            min_length=2,
            max_length=180,
            description="Words of the title or the description; the last one may be incomplete",
            examples=["dark mo"],
        ),
    ]
    tab: Annotated[
        TextOrNumber | None,
        Field(description="Only posts on the tab with this number or URL key", examples=["feedback"]),
    ] = None
    limit: Limit | None = None
    skip: Skip | None = None


@router.get("/posts/search", response_model=page_of(Post), form=SearchPosts)
async def search_posts(request: ApiRequest) -> ApiResponse:
    """Posts that have the words of the query in the title or the description, best match first; no rejected post."""
    form = SearchPosts.parse(request.params)
    offset, limit = offset_and_limit(form.skip, form.limit)
    links = PostLinks.of(request)

    def find(work: UnitOfWork) -> SearchPage:
        status_ids = None if form.tab is None else _status_ids(work, form.tab)
        return posts.search(
            work,
            form.query,
            visibility=Visibility.NOT_REJECTED,
            status_ids=status_ids,
            offset=offset,
            limit=limit,
        )

    def serialize(row: Row) -> dict[str, Any]:
        return serializers.serialize_post(row, links)

    def read_page(work: UnitOfWork) -> ApiResponse:
        payloads = [serialize(row) for row in serializers.POSTS.by_ids(work, page.ids)] if page.ids else []
        return responses.page_response(payloads, total=page.total, offset=offset, limit=limit)

    if await request.read(post_index.has_new_posts):
        # While the database accepts no writes, the posts that are indexed can still be searched.
        with suppress(ServiceUnavailable):
            await request.write(post_index.index_new_posts, in_thread=True)
    page = await request.read(find, in_thread=True, snapshot=True)
    try:
        return await request.read(read_page, max_text=max_text_bytes(len(page.ids)))
    except TextsTooLong:
        pass
    before, after = responses.page_envelope(len(page.ids), total=page.total, offset=offset, limit=limit)
    return await responses.stream_rows(
        request, page.ids, serializers.POSTS.by_ids, serialize, before=before, after=after
    )


def _status_ids(work: UnitOfWork, tab: str) -> list[int]:
    """The ids of the statuses of a tab; none of an unknown tab."""
    try:
        return [row[0] for row in statuses.of_tab(work, find_tab(work, tab)[0])]
    except NotFound:
        return []
