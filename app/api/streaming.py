"""Streams responses of more than a thousand rows, or with long texts, which would block the event loop or fill the
memory.

The ids are read first, then the rows in chunks, each in a transaction of its own. A row that is deleted meanwhile is
left out. The whole body is never in memory, so such a response has no `ETag`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import orjson

from app.api.request import PortalRequest
from app.domain.sql.text_limits import TextsTooLong, max_text_bytes
from app.domain.unit_of_work import UnitOfWork

STREAM_THRESHOLD: Final = 1000
"""Longer lists are streamed."""
MAX_TEXT_OF_MANY: Final = 20 * 1024
"""Bytes of a text in a list of up to STREAM_THRESHOLD ids; the ids themselves are one text, too."""
MAX_CHUNK_ROWS: Final = 250
"""Rows of a chunk when they are short."""
FIRST_CHUNK_ROWS: Final = 10
"""Rows of the first chunk, whose length is not known yet."""
CHUNK_BYTES: Final = 256 * 1024
"""The approximate length of a chunk: a few are in memory for each client that reads slowly."""

Serializer = Callable[[UnitOfWork, Sequence[int]], Sequence[Any]]
"""The payloads of the rows with these ids."""


async def stream_json_array(
    request: PortalRequest, ids: Sequence[int], serialize: Serializer, *, before: bytes = b"[", after: bytes = b"]"
) -> AsyncIterator[bytes]:
    """The body of a response: a JSON array of the rows, between `before` and `after`, which have its brackets.

    The first chunk is read before this returns, so that an unavailable database causes an error response.
    """
    first, first_rows = await _read_chunk(request, ids[:FIRST_CHUNK_ROWS], serialize)

    async def stream() -> AsyncIterator[bytes]:
        yield before + first
        chunk, rows, start, has_rows = first, first_rows, first_rows, bool(first)
        while start < len(ids):
            rows = max(1, min(MAX_CHUNK_ROWS, rows * CHUNK_BYTES // (len(chunk) or 1)))
            chunk, rows = await _read_chunk(request, ids[start : start + rows], serialize)
            start += rows
            if chunk:
                yield b"," + chunk if has_rows else chunk
                has_rows = True
        yield after

    return stream()


async def _read_chunk(request: PortalRequest, ids: Sequence[int], serialize: Serializer) -> tuple[bytes, int]:
    """The rows as JSON without the brackets around them, and how many ids were read: one if the texts are too long."""
    limit = max_text_bytes(len(ids)) if len(ids) > 1 else None
    try:
        array = await request.read(lambda work: orjson.dumps(serialize(work, ids)), in_thread=True, max_text=limit)
    except TextsTooLong:
        return await _read_chunk(request, ids[:1], serialize)
    return array[1:-1], len(ids)
