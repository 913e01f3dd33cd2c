"""All posts of a tab in one response. docs/contracts/productlift.md, section 9.8."""

from contextlib import suppress
from typing import Annotated, Any

from pydantic import Field

from app.api.productlift import responses, serializers
from app.api.productlift.field_types import TextOrNumber
from app.api.productlift.forms import Form
from app.api.productlift.post_links import PostLinks
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.routes.tabs import find_tab
from app.api.productlift.schemas import Post, list_of
from app.api.request import ApiRequest
from app.api.streaming import MAX_TEXT_OF_MANY, STREAM_THRESHOLD
from app.domain.posts.filters import PostFilter
from app.domain.sql.text_limits import TextsTooLong
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Posts"])


class ListAllPosts(Form):
    tab: Annotated[
        TextOrNumber | None, Field(description="Only posts on this tab, by number or URL key", examples=["roadmap"])
    ] = None


@router.get("/posts/all", response_model=list_of(Post), form=ListAllPosts, errors=[404])
async def list_all_posts(request: ApiRequest) -> ApiResponse:
    """All posts of the portal or of a tab, in their manual order."""
    form = ListAllPosts.parse(request.params)
    links = PostLinks.of(request)

    def find_ids(work: UnitOfWork) -> list[int]:
        tab_url = None if form.tab is None else str(find_tab(work, form.tab)["url"])
        return serializers.POST_IDS.ids(
            work, PostFilter(tab_url=tab_url), order="order", descending=False, offset=0, limit=2**62
        )

    def serialize(row: Row) -> dict[str, Any]:
        return serializers.serialize_post(row, links)

    def read_posts(work: UnitOfWork) -> ApiResponse:
        return responses.data_response([serialize(row) for row in serializers.POSTS.by_ids(work, ids)])

    ids = await request.read(find_ids, in_thread=True)
    if len(ids) <= STREAM_THRESHOLD:
        with suppress(TextsTooLong):
            return await request.read(read_posts, in_thread=True, max_text=MAX_TEXT_OF_MANY)
    return await responses.stream_rows(request, ids, serializers.POSTS.by_ids, serialize)
