"""Answers of more than a thousand rows, written in pieces: a long list must neither stop the loop nor fill the memory.

The ids come first and are the plan; the rows follow, some at a time, each piece read by itself. A row that goes away
meanwhile is left out. Without the plan's rows at hand there is no tag of the whole, so such an answer has no `ETag`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import orjson

from app.api.calls import AskedCall
from app.domain.work import Work

MOST_IN_ONE_PIECE: Final = 1000
"""Longer lists are answered in pieces."""
PIECE: Final = 250

Shaped = Callable[[Work, Sequence[int]], Sequence[Any]]
"""The rows with these ids, as they are shown."""


async def in_pieces(
    call: AskedCall, ids: Sequence[int], shaped: Shaped, *, before: bytes = b"[", after: bytes = b"]"
) -> AsyncIterator[bytes]:
    """The body of an answer: a JSON array of the rows, between `before` and `after`, which hold its brackets.

    The first piece is read before this returns, so that a database that is away is an error and not half an answer.
    """
    first = await _piece(call, ids[:PIECE], shaped)
    return _written(call, ids, shaped, first, before, after)


async def _written(
    call: AskedCall, ids: Sequence[int], shaped: Shaped, first: bytes, before: bytes, after: bytes
) -> AsyncIterator[bytes]:
    yield before + first
    begun = bool(first)
    for start in range(PIECE, len(ids), PIECE):
        piece = await _piece(call, ids[start : start + PIECE], shaped)
        if piece:
            yield b"," + piece if begun else piece
            begun = True
    yield after


async def _piece(call: AskedCall, ids: Sequence[int], shaped: Shaped) -> bytes:
    """The rows as JSON without the brackets around them."""
    return await call.reading(lambda work: orjson.dumps(shaped(work, ids))[1:-1], slow=True)
