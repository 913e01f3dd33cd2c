"""Astuto's lists: newest first, as many as the client asks for, long ones in pieces. docs/contracts/astuto.md, 1.8."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.api.astuto import params, responses
from app.api.astuto.params import ABSENT
from app.api.request import AskedCall
from app.api.streaming import MOST_IN_ONE_PIECE, in_pieces
from app.domain import permissions
from app.domain.permissions import Act
from app.domain.sql.text_limits import LongTexts, max_text_bytes
from app.domain.unit_of_work import Row, Work
from app.http.request import Answer

QUICK: Final = 100
"""A longer list, or one that begins further down, may take long enough to stop the loop for others."""
MAX_TEXT_OF_MANY: Final = 20 * 1024
"""Bytes of a text in a list of up to a thousand ids; the ids themselves are one text, too."""


@dataclass(frozen=True, slots=True)
class Listed:
    """How a list is read: a page of it, the ids of a page, and the rows of ids; and how a row is shown."""

    page: Callable[[Work, int, int], Sequence[Row]]
    ids: Callable[[Work, int, int], Sequence[int]]
    by_ids: Callable[[Work, Sequence[int]], Sequence[Row]]
    shape: Callable[[Row], dict[str, Any]]
    slow: bool = False
    """Whether even the first page may be found only behind all rows of the portal, as no index has it in its order."""


async def listed(call: AskedCall, rows: Listed, *, default: int) -> Answer:
    """The answer to a list that takes `limit` and `offset`. The role is checked before these are judged."""
    permissions.require(call.standing.actor, Act.READ)
    limit = params.limit(call.asked.get("limit", ABSENT), default)
    skip = params.offset(call.asked.get("offset", ABSENT))
    shape = rows.shape
    if limit <= MOST_IN_ONE_PIECE:
        slow = rows.slow or limit > QUICK or skip > QUICK
        with suppress(LongTexts):
            body = await call.reading(
                lambda work: orjson.dumps([shape(row) for row in rows.page(work, skip, limit)]),
                slow=slow,
                max_text=max_text_bytes(limit),
            )
            return responses.ok(body)

    def shown(work: Work, some: Sequence[int]) -> list[dict[str, Any]]:
        return [shape(row) for row in rows.by_ids(work, some)]

    ids = await call.reading(lambda work: rows.ids(work, skip, limit), slow=True)
    if len(ids) <= MOST_IN_ONE_PIECE < limit:
        with suppress(LongTexts):
            return responses.ok(
                await call.reading(lambda work: orjson.dumps(shown(work, ids)), slow=True, max_text=MAX_TEXT_OF_MANY)
            )
    return responses.in_pieces(await in_pieces(call, ids, shown))
