"""The list of posts: its filters, its orders, its page. docs/contracts/productlift.md, section 7.15."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.api.productlift import responses, serializers
from app.api.productlift.field_types import ID, INTEGER, REFERENCE, STRING, choice, list_of
from app.api.productlift.forms import Form, Rule, maximum, minimum
from app.api.request import ApiRequest
from app.api.streaming import stream_json_array
from app.domain.posts.filters import PostFilter, has_own_index
from app.domain.posts.queries import INDEXED, ORDERS
from app.domain.sql.pagination import DEEP_OFFSET
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

PAGE: Final[dict[str, tuple[Rule, ...]]] = {"limit": (INTEGER, minimum(1), maximum(100)), "skip": (INTEGER,)}
DEFAULT_LIMIT: Final = 10
_FILTERS: Final[dict[str, tuple[Rule, ...]]] = {
    "category": (REFERENCE,),
    "section": (REFERENCE,),
    **PAGE,
    "status": (list_of(ID),),
    "order_by": (choice(*ORDERS),),
    "order_direction": (choice("asc", "desc"),),
}
LIST: Final = Form(tab=(STRING,), **_FILTERS)
OF_A_TAB: Final = Form(**_FILTERS)

_ASCENDING: Final = ("title", "order")


def offset_and_limit(wanted: Mapping[str, Any]) -> tuple[int, int]:
    """The skip and limit in force."""
    limit = wanted.get("limit")
    return max(0, wanted.get("skip") or 0), DEFAULT_LIMIT if limit is None else limit


async def page(request: ApiRequest, wanted: Mapping[str, Any]) -> ApiResponse:
    """One page of the posts that meet all filters, in the paged envelope."""
    base_url, signer = request.context.base_url or "", request.services.signer
    order = wanted.get("order_by") or "created_at"
    direction = wanted.get("order_direction")
    descending = direction == "desc" if direction else order not in _ASCENDING
    offset, limit = offset_and_limit(wanted)
    narrowed = PostFilter(
        tab_url=wanted.get("tab"),
        # An empty list asks for nothing in particular, as an empty text does.
        status_ids=wanted.get("status") or None,
        category_ids=None if wanted.get("category") is None else [wanted["category"]],
        section_ids=None if wanted.get("section") is None else [wanted["section"]],
    )

    def read(work: UnitOfWork) -> ApiResponse:
        found = serializers.POSTS.page_with_total(
            work, narrowed, order=order, descending=descending, offset=offset, limit=limit
        )
        shown = [serializers.serialize_post(row, base_url, signer) for row in found.rows]
        return responses.page_response(shown, total=found.total, offset=offset, limit=limit)

    # Of several statements, or counted from the end: the page and its total must be of one moment.
    snapshot = offset >= DEEP_OFFSET or len(narrowed.active_filters()) > 1
    slow = _is_slow(narrowed, order, offset)
    try:
        return await request.read(read, in_thread=slow, snapshot=snapshot, max_text=max_text_bytes(limit))
    except TextsTooLong:
        pass
    found = await request.read(
        lambda work: serializers.POST_IDS.page_with_total(
            work, narrowed, order=order, descending=descending, offset=offset, limit=limit
        ),
        in_thread=True,
        snapshot=snapshot,
    )

    def some(work: UnitOfWork, ids: Sequence[int]) -> list[Any]:
        return [serializers.serialize_post(row, base_url, signer) for row in serializers.POSTS.by_ids(work, ids)]

    ids = [row[0] for row in found.rows]
    before, after = responses.page_envelope(len(ids), total=found.total, offset=offset, limit=limit)
    return responses.streamed(await stream_json_array(request, ids, some, before=before, after=after))


def _is_slow(narrowed: PostFilter, order: str, offset: int) -> bool:
    """Whether the database must pass over or sort many rows, instead of walking an index to the page."""
    given = narrowed.active_filters()
    if offset >= DEEP_OFFSET or order not in INDEXED:
        return True
    return bool(given) and not has_own_index(tuple(given), order)
