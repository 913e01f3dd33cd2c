"""The responses of the dialects, served by any ASGI application."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.http.response import ApiResponse, StreamedResponse

JSON = (b"content-type", b"application/json")
api = FastAPI()


@api.api_route("/whole", methods=["GET", "HEAD"])
async def whole() -> ApiResponse:
    return ApiResponse(201, b'{"id":1}', (JSON,))


@api.api_route("/streamed", methods=["GET", "HEAD"])
async def streamed() -> StreamedResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"[1,"
        yield b"2]"

    return StreamedResponse(200, chunks(), (JSON,))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://localhost") as client:
        yield client


async def test_a_response_is_sent_unchanged(client: httpx.AsyncClient) -> None:
    response = await client.get("/whole")

    assert (response.status_code, response.content) == (201, b'{"id":1}')
    assert dict(response.headers) == {"content-type": "application/json", "content-length": "8"}


async def test_a_streamed_response_has_no_length(client: httpx.AsyncClient) -> None:
    response = await client.get("/streamed")

    assert (response.status_code, response.content) == (200, b"[1,2]")
    assert dict(response.headers) == {"content-type": "application/json"}


@pytest.mark.parametrize("path", ["/whole", "/streamed"])
async def test_a_response_to_head_has_the_same_headers_and_no_body(client: httpx.AsyncClient, path: str) -> None:
    head, get = await client.head(path), await client.get(path)

    assert (head.status_code, head.headers, head.content) == (get.status_code, get.headers, b"")


def test_adding_headers_returns_a_copy() -> None:
    response = ApiResponse(200, b"", (JSON,))

    copy = response.with_headers((b"x-request-id", b"1"))

    assert (copy.raw_headers, response.raw_headers) == ([JSON, (b"x-request-id", b"1")], [JSON])
