"""What only a real socket can send: odd methods and bytes in paths, incomplete bodies, and bytes that are not HTTP.

What parses as HTTP gets the error of its dialect, the rest a plain response of the server. Nothing is partly written.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread
from tests.support.routes import DIALECTS

PLAIN = b"This is not an HTTP request that can be read.\n"
NOT_CHUNKED = b"The only transfer coding that is understood is chunked.\n"
NO_ROUTE = {"astuto": {"status": 404, "error": "Not Found"}, "productlift": {"message": ""}}
NO_TITLE = {
    "astuto": (400, {"errors": ["Some parameters are missing from the request. Please check the documentation."]}),
    "productlift": (
        422,
        {"message": "The given data was invalid.", "errors": {"title": ["The title field is required."]}},
    ),
}
UNREADABLE = {
    "astuto": (400, {"errors": ["Some parameters are wrong in the request. Please check the documentation."]}),
    "productlift": NO_TITLE["productlift"],
}


class Wire:
    """A listening server, and a key of one dialect."""

    def __init__(self, address: str, key: str, dialect: str) -> None:
        self._address = address.removeprefix("http://")
        self.key = key
        self.dialect = dialect

    def head(self, line: str, *more: str) -> bytes:
        headers = ("Host: feedback.example.com", f"Authorization: Bearer {self.key}", "Connection: close")
        return "\r\n".join([line, *headers, *more, "", ""]).encode("latin-1")

    async def exchange(self, *pieces: bytes, responses: int) -> list[tuple[int, object]]:
        """Send bytes as they are on a new connection; read so many responses, and close it.

        A response is its status and its body, decoded if it is JSON.
        """
        host, _, port = self._address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        received: list[tuple[int, object]] = []
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            for _ in range(responses):
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
                body = await reader.readexactly(int(length[1]) if length else 0)
                received.append((int(head.split()[1]), json.loads(body) if body.startswith((b"{", b"[")) else body))
            return received
        finally:
            writer.close()
            await writer.wait_closed()

    async def send(self, *pieces: bytes) -> tuple[int, object]:
        """The only response to these bytes."""
        (response,) = await self.exchange(*pieces, responses=1)
        return response


@pytest.fixture(params=DIALECTS)
async def wire(request: pytest.FixtureRequest, make: Factory, settings: Settings) -> AsyncIterator[Wire]:
    """After the test, no row has been written, changed or deleted, and the server still responds."""
    key = await make.key(make.owner, request.param)
    await make.post(votes_by=[make.owner])
    before = await snapshot(make.server.database)
    # Nothing but the requests of the test may write.
    with serve_in_thread(settings.model_copy(update={"outbox": False})) as address:
        wire = Wire(address, key, request.param)
        yield wire
        assert (await wire.send(wire.head("GET /api/v1/posts HTTP/1.1")))[0] == 200
    after = await snapshot(make.server.database)
    # The time of the last use of a key is stored.
    assert changed(before, after) == set()


async def test_unknown_methods_get_the_error_of_the_dialect(wire: Wire) -> None:
    for verb in (
        "PURGE", "PROPFIND", "PROPPATCH", "M-SEARCH", "TRACE", "LOCK", "UNLOCK", "LINK", "UNLINK", "COPY", "MOVE",
        "MKCOL", "SEARCH", "REPORT", "MERGE", "NOTIFY", "SUBSCRIBE", "BIND", "ACL",
    ):  # fmt: skip
        unknown = await wire.send(wire.head(f"{verb} /api/v1/nothing HTTP/1.1"))
        assert unknown == (404, NO_ROUTE[wire.dialect])
        status, body = await wire.send(wire.head(f"{verb} /api/v1/posts/1 HTTP/1.1"))

        supported = "Supported methods: GET, HEAD, PUT, PATCH, DELETE."
        wrong = (405, {"message": f"The {verb} method is not supported for this route. {supported}"})
        assert (status, body) == ((404, NO_ROUTE["astuto"]) if wire.dialect == "astuto" else wrong)


async def test_bytes_that_are_not_http_get_a_plain_response(wire: Wire) -> None:
    for line in ("get /api/v1/posts HTTP/1.1", "FOO /api/v1/posts HTTP/1.1", "GET /api v1 HTTP/1.1", "GET", "\0\1\2\3",
                 "GET /api/v1/posts HTTP/9.9", "\x16\x03\x01\x02\x00"):  # fmt: skip
        assert await wire.send(wire.head(line)) == (400, PLAIN), line
    for broken in (b"no colon here", b"x: a\0b", b"Content-Length: -1", b"Content-Length: 1\r\nContent-Length: 2",
                   b"Transfer-Encoding: chunked\r\nContent-Length: 5"):  # fmt: skip
        raw = b"POST /api/v1/posts HTTP/1.1\r\nHost: x\r\n" + broken + b"\r\n\r\n"
        assert await wire.send(raw) == (400, PLAIN), broken


async def test_request_headers_over_64_kib_get_a_plain_431(wire: Wire) -> None:
    for more in (["X: " + "a" * 100_000], [f"X-{number}: {'a' * 100}" for number in range(1000)]):
        status, body = await wire.send(wire.head("GET /api/v1/posts HTTP/1.1", *more))

        assert (status, body) == (431, b"The head of the request is longer than 64 KiB.\n")
    status, body = await wire.send(wire.head(f"GET /api/v1/{'a' * 100_000} HTTP/1.1"))
    assert (status, body) == (431, b"The head of the request is longer than 64 KiB.\n")


async def test_invalid_bytes_in_a_path_return_404_or_400(wire: Wire) -> None:
    for path in ("/api/v1/nothing/\xff\xfe", "/api/v1/nothing%ff", "/api/v1/%00", "/api/v1/%ed%a0%80/x", "/api/v1/%zz"):
        assert await wire.send(wire.head(f"GET {path} HTTP/1.1")) in ((404, NO_ROUTE[wire.dialect]), (400, PLAIN)), path
    for path in ("/api/v1/posts/%ff", "/api/v1/posts/%00", "/api/v1/posts/%ed%a0%80", "/api/v1/posts/%2e%2e"):
        status, body = await wire.send(wire.head(f"DELETE {path} HTTP/1.1"))
        assert status == 404, path
        assert isinstance(body, dict), path


async def test_an_encoded_slash_does_not_separate_segments(wire: Wire) -> None:
    error = {
        "astuto": {"errors": ["Post with id no such/post< not found"]},
        "productlift": {"message": "No query results for model [App\\Post] no such/post<"},
    }[wire.dialect]
    for path in ("/api/v1/posts/no%20such%2Fpost%3C", "/api/v1/posts/no%20such%2fpost%3C/"):
        assert await wire.send(wire.head(f"GET {path} HTTP/1.1")) == (404, error)
    assert await wire.send(wire.head("GET /api/v1/posts%2F1 HTTP/1.1")) == (404, NO_ROUTE[wire.dialect])


async def test_a_truncated_body_writes_nothing(wire: Wire) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nDark mode'
    for kind, body in (
        ("application/json", b'{"title": "Dark mode", "board_id": 1'),
        ("application/x-www-form-urlencoded", b"title=Dark mode&board_id=1"),
        ("multipart/form-data; boundary=x", part + b"\r\n--x--\r\n"),
    ):
        sent = wire.head("POST /api/v1/posts HTTP/1.1", f"Content-Type: {kind}", f"Content-Length: {len(body) + 5}")
        await wire.exchange(sent, body, responses=0)
        chunked = wire.head("POST /api/v1/posts HTTP/1.1", f"Content-Type: {kind}", "Transfer-Encoding: chunked")
        await wire.exchange(chunked, b"%x\r\n%b\r\n" % (len(body), body), responses=0)


async def test_invalid_chunks_write_nothing(wire: Wire) -> None:
    chunked = wire.head("POST /api/v1/posts HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")

    for nonsense in (b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n\r\n", b"2\r\n{}xx0\r\n\r\n", b"ffffffffffffffffff\r\n"):
        assert await wire.send(chunked, nonsense) == (400, PLAIN), nonsense


async def test_chunks_of_invalid_json_get_the_error_of_the_dialect(wire: Wire) -> None:
    chunked = wire.head("POST /api/v1/posts HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")

    assert await wire.send(chunked, b"1\r\n{\r\n0\r\n\r\n") == UNREADABLE[wire.dialect]
    assert await wire.send(chunked, b"2\r\n{}\r\n0\r\n\r\n") == NO_TITLE[wire.dialect]


async def test_trailers_are_ignored(wire: Wire) -> None:
    """A key in a trailer is not accepted, and the headers at the head of the request are not replaced."""
    denied = {"astuto": {"errors": ["Access denied."]}, "productlift": {"message": "Unauthenticated."}}[wire.dialect]
    keyless = b"GET /%b/api/v1/posts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % wire.dialect.encode()
    ends = b"0\r\nAuthorization: Bearer %b\r\nX-HTTP-Method-Override: DELETE\r\n\r\n" % wire.key.encode()

    for pieces in ((keyless + ends,), (keyless, ends), (keyless, ends[:30], ends[30:])):
        assert await wire.send(*pieces) == (401, denied)
    # Nor do they belong to the next request on the connection.
    following = b"GET /%b/api/v1/posts HTTP/1.1\r\nHost: x\r\n\r\n" % wire.dialect.encode()
    for pieces in ((keyless + ends + following,), (keyless, ends, following)):
        assert await wire.exchange(*pieces, responses=2) == [(401, denied), (401, denied)]
    unsafe = keyless.replace(b"GET", b"POST").replace(b"/posts", b"/posts/1")
    assert (await wire.send(unsafe + ends))[0] in (401, 404, 405)


async def test_a_body_in_another_transfer_coding_is_rejected(wire: Wire) -> None:
    for coding in ("gzip, chunked", "identity", "xchunked", "chunked;q=1", "\tchunked\t", ",chunked",
                   "gzip\r\nTransfer-Encoding: chunked"):  # fmt: skip
        sent = wire.head("DELETE /api/v1/posts/1 HTTP/1.1", f"Transfer-Encoding: {coding}")
        assert await wire.send(sent + b"2\r\n{}\r\n0\r\n\r\n") == (501, NOT_CHUNKED), coding
    for coding in ("chunked, chunked", "chunked, gzip", "chunked,", "", "chunked\r\nTransfer-Encoding: chunked",
                   "chunked\r\nContent-Length: 5"):  # fmt: skip
        sent = wire.head("DELETE /api/v1/posts/1 HTTP/1.1", f"Transfer-Encoding: {coding}")
        status, body = await wire.send(sent + b"2\r\n{}\r\n0\r\n\r\n")
        assert (status, body) in ((400, PLAIN), (501, NOT_CHUNKED)), coding
    old = wire.head("DELETE /api/v1/posts/1 HTTP/1.0", "Transfer-Encoding: chunked")
    assert await wire.send(old + b"2\r\n{}\r\n0\r\n\r\n") == (400, PLAIN)


async def test_a_body_of_thirty_megabytes_is_rejected_without_being_read(wire: Wire) -> None:
    too_large = {"astuto": {"errors": ["The request is too large."]}, "productlift": {"message": ""}}[wire.dialect]
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        head = wire.head("POST /api/v1/posts HTTP/1.1", f"Content-Type: {kind}", "Content-Length: 30000000")

        assert await wire.send(head) == (413, too_large)
