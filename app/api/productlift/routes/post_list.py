"""The list of posts: its filters, its orders, its page. docs/contracts/productlift.md, section 7.15."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.api.productlift import responses, serializers
from app.api.productlift.field_types import ID, INTEGER, REFERENCE, STRING, each, one_of
from app.api.productlift.forms import Form, Rule, maximum, minimum
from app.api.request import AskedCall
from app.api.streaming import in_pieces
from app.domain.posts.filters import PostFilter, has_own_index
from app.domain.posts.queries import INDEXED, ORDERS
from app.domain.sql.pagination import DEEP
from app.domain.sql.text_limits import LongTexts, max_text_bytes
from app.domain.unit_of_work import Work
from app.http.request import Answer

PAGE: Final[dict[str, tuple[Rule, ...]]] = {"limit": (INTEGER, minimum(1), maximum(100)), "skip": (INTEGER,)}
DEFAULT_LIMIT: Final = 10
_FILTERS: Final[dict[str, tuple[Rule, ...]]] = {
    "category": (REFERENCE,),
    "section": (REFERENCE,),
    **PAGE,
    "status": (each(ID),),
    "order_by": (one_of(*ORDERS),),
    "order_direction": (one_of("asc", "desc"),),
}
LIST: Final = Form(tab=(STRING,), **_FILTERS)
OF_A_TAB: Final = Form(**_FILTERS)

_ASCENDING: Final = ("title", "order")


def skip_and_limit(wanted: Mapping[str, Any]) -> tuple[int, int]:
    """The skip and limit in force."""
    limit = wanted.get("limit")
    return max(0, wanted.get("skip") or 0), DEFAULT_LIMIT if limit is None else limit


async def page(call: AskedCall, wanted: Mapping[str, Any]) -> Answer:
    """One page of the posts that meet all filters, in the paged envelope."""
    base_url, signer = call.standing.base_url or "", call.services.signer
    order = wanted.get("order_by") or "created_at"
    direction = wanted.get("order_direction")
    descending = direction == "desc" if direction else order not in _ASCENDING
    skip, limit = skip_and_limit(wanted)
    narrowed = PostFilter(
        tab_url=wanted.get("tab"),
        # An empty list asks for nothing in particular, as an empty text does.
        status_ids=wanted.get("status") or None,
        category_ids=None if wanted.get("category") is None else [wanted["category"]],
        section_ids=None if wanted.get("section") is None else [wanted["section"]],
    )

    def read(work: Work) -> Answer:
        found = serializers.POSTS.page_with_total(
            work, narrowed, order=order, descending=descending, skip=skip, limit=limit
        )
        shown = [serializers.post(row, base_url, signer) for row in found.rows]
        return responses.page(shown, total=found.total, skip=skip, limit=limit)

    # Of several statements, or counted from the end: the page and its total must be of one moment.
    snapshot = skip >= DEEP or len(narrowed.given()) > 1
    slow = _is_slow(narrowed, order, skip)
    try:
        return await call.reading(read, slow=slow, snapshot=snapshot, max_text=max_text_bytes(limit))
    except LongTexts:
        pass
    found = await call.reading(
        lambda work: serializers.POST_IDS.page_with_total(
            work, narrowed, order=order, descending=descending, skip=skip, limit=limit
        ),
        slow=True,
        snapshot=snapshot,
    )

    def some(work: Work, ids: Sequence[int]) -> list[Any]:
        return [serializers.post(row, base_url, signer) for row in serializers.POSTS.by_ids(work, ids)]

    ids = [row[0] for row in found.rows]
    before, after = responses.page_ends(len(ids), total=found.total, skip=skip, limit=limit)
    return responses.in_pieces(await in_pieces(call, ids, some, before=before, after=after))


def _is_slow(narrowed: PostFilter, order: str, skip: int) -> bool:
    """Whether the database must pass over or sort many rows, instead of walking an index to the page."""
    given = narrowed.given()
    if skip >= DEEP or order not in INDEXED:
        return True
    return bool(given) and not has_own_index(tuple(given), order)
