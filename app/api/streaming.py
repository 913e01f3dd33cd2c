"""Answers of more than a thousand rows, or with long texts, written in pieces: they must neither stop the loop nor
fill the memory.

The ids come first and are the plan; the rows follow, some at a time, each piece read by itself. A row that goes away
meanwhile is left out. Without the plan's rows at hand there is no tag of the whole, so such an answer has no `ETag`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import orjson

from app.api.request import ApiRequest
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import UnitOfWork

STREAM_THRESHOLD: Final = 1000
"""Longer lists are answered in pieces."""
MAX_CHUNK_ROWS: Final = 250
"""Rows of one piece, for as long as they are short."""
FIRST_CHUNK_ROWS: Final = 10
"""Rows of the first piece, whose length nobody knows yet."""
CHUNK_BYTES: Final = 256 * 1024
"""About how long a piece may be: some of them wait in memory for each client that reads slowly."""

Serializer = Callable[[UnitOfWork, Sequence[int]], Sequence[Any]]
"""The rows with these ids, as they are shown."""


async def stream_json_array(
    request: ApiRequest, ids: Sequence[int], shaped: Serializer, *, before: bytes = b"[", after: bytes = b"]"
) -> AsyncIterator[bytes]:
    """The body of an answer: a JSON array of the rows, between `before` and `after`, which hold its brackets.

    The first piece is read before this returns, so that a database that is away is an error and not half an answer.
    """
    rows = FIRST_CHUNK_ROWS
    try:
        first = await _chunk(request, ids[:rows], shaped)
    except TextsTooLong:
        rows = 1
        first = await _chunk(request, ids[:rows], shaped)
    return _stream(request, ids, shaped, first, rows, before, after)


async def _stream(
    request: ApiRequest, ids: Sequence[int], shaped: Serializer, piece: bytes, start: int, before: bytes, after: bytes
) -> AsyncIterator[bytes]:
    yield before + piece
    begun = bool(piece)
    rows = start
    while start < len(ids):
        rows = max(1, min(MAX_CHUNK_ROWS, rows * CHUNK_BYTES // (len(piece) or 1)))
        try:
            piece = await _chunk(request, ids[start : start + rows], shaped)
        except TextsTooLong:
            rows = 1
            piece = await _chunk(request, ids[start : start + rows], shaped)
        start += rows
        if piece:
            yield b"," + piece if begun else piece
            begun = True
    yield after


async def _chunk(request: ApiRequest, ids: Sequence[int], shaped: Serializer) -> bytes:
    """The rows as JSON without the brackets around them.
    Raises TextsTooLong; a single row may be as long as it likes.
    """
    most = max_text_bytes(len(ids)) if len(ids) > 1 else None
    return await request.read(lambda work: orjson.dumps(shaped(work, ids))[1:-1], in_thread=True, max_text=most)
