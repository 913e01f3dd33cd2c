"""Answers of more than a thousand rows, or with long texts, written in pieces: they must neither stop the loop nor
fill the memory.

The ids come first and are the plan; the rows follow, some at a time, each piece read by itself. A row that goes away
meanwhile is left out. Without the plan's rows at hand there is no tag of the whole, so such an answer has no `ETag`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import orjson

from app.api.request import AskedCall
from app.domain.sql.text_limits import LongTexts, max_text_bytes
from app.domain.unit_of_work import Work

MOST_IN_ONE_PIECE: Final = 1000
"""Longer lists are answered in pieces."""
MOST_ROWS: Final = 250
"""Rows of one piece, for as long as they are short."""
FIRST_ROWS: Final = 10
"""Rows of the first piece, whose length nobody knows yet."""
PIECE_BYTES: Final = 256 * 1024
"""About how long a piece may be: some of them wait in memory for each client that reads slowly."""

Shaped = Callable[[Work, Sequence[int]], Sequence[Any]]
"""The rows with these ids, as they are shown."""


async def in_pieces(
    call: AskedCall, ids: Sequence[int], shaped: Shaped, *, before: bytes = b"[", after: bytes = b"]"
) -> AsyncIterator[bytes]:
    """The body of an answer: a JSON array of the rows, between `before` and `after`, which hold its brackets.

    The first piece is read before this returns, so that a database that is away is an error and not half an answer.
    """
    rows = FIRST_ROWS
    try:
        first = await _piece(call, ids[:rows], shaped)
    except LongTexts:
        rows = 1
        first = await _piece(call, ids[:rows], shaped)
    return _written(call, ids, shaped, first, rows, before, after)


async def _written(
    call: AskedCall, ids: Sequence[int], shaped: Shaped, piece: bytes, start: int, before: bytes, after: bytes
) -> AsyncIterator[bytes]:
    yield before + piece
    begun = bool(piece)
    rows = start
    while start < len(ids):
        rows = max(1, min(MOST_ROWS, rows * PIECE_BYTES // (len(piece) or 1)))
        try:
            piece = await _piece(call, ids[start : start + rows], shaped)
        except LongTexts:
            rows = 1
            piece = await _piece(call, ids[start : start + rows], shaped)
        start += rows
        if piece:
            yield b"," + piece if begun else piece
            begun = True
    yield after


async def _piece(call: AskedCall, ids: Sequence[int], shaped: Shaped) -> bytes:
    """The rows as JSON without the brackets around them. Raises LongTexts; a single row may be as long as it likes."""
    most = max_text_bytes(len(ids)) if len(ids) > 1 else None
    return await call.reading(lambda work: orjson.dumps(shaped(work, ids))[1:-1], slow=True, max_text=most)
