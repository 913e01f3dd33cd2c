"""The responses of both dialects: whole ones and streamed ones, with headers as bytes."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response

from app.http.request import Header, Receive, Scope, Send


class ApiResponse(Response):
    """A Starlette response from the bytes to send.

    Neither body nor headers are encoded again, which makes one cheap to create. `content-length` is added on sending.
    """

    body: bytes

    def __init__(self, status_code: int, body: bytes, headers: tuple[Header, ...] = ()) -> None:
        self.status_code = status_code
        self.body = body
        self.raw_headers = [*headers]
        self.background = None

    def with_headers(self, *headers: Header) -> "ApiResponse":
        """A copy with more headers. The response itself, which may be a constant, does not change."""
        return ApiResponse(self.status_code, self.body, (*self.raw_headers, *headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*self.raw_headers, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


class StreamedResponse(ApiResponse):
    """A response whose body is written in chunks; it has no `content-length`."""

    def __init__(self, status_code: int, chunks: AsyncIterator[bytes], headers: tuple[Header, ...] = ()) -> None:
        super().__init__(status_code, b"", headers)
        self.chunks = chunks

    def with_headers(self, *headers: Header) -> "StreamedResponse":
        """See `ApiResponse.with_headers`."""
        return StreamedResponse(self.status_code, self.chunks, (*self.raw_headers, *headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            disconnect = asyncio.create_task(_wait_for_disconnect(receive))
            try:
                async for chunk in self.chunks:
                    if disconnect.done():
                        # The client is gone, so the remaining chunks need not be read from the database.
                        break
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            finally:
                disconnect.cancel()
        await send({"type": "http.response.body", "body": b""})


async def _wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has closed the connection; the rest of the request body is discarded."""
    while (await receive())["type"] != "http.disconnect":
        pass
