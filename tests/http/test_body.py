"""Reading a request body: chunks, limits, and multipart bodies with errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.body import Body, ClientGone, body_kind, close, is_json, read_body
from app.http.multipart import MAX_FIELDS, MAX_FILES, BodyTooLarge, Upload

CAP = 4 * 1024 * 1024
JSON_CAP = 1024
FORM = "application/x-www-form-urlencoded"
MULTIPART = 'multipart/form-data; boundary="edge"'


class Wire:
    """Hands out ASGI messages and counts how many were asked for."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        return self.messages.pop(0)


def sent(*pieces: bytes) -> Wire:
    last = len(pieces) - 1
    return Wire(
        *({"type": "http.request", "body": piece, "more_body": at < last} for at, piece in enumerate(pieces)),
    )


async def read(wire: Callable[[], Awaitable[dict[str, Any]]], content_type: str, length: int | None = None) -> Body:
    return await read_body(
        wire, content_type=content_type, content_length=length, max_bytes=CAP, max_json_bytes=JSON_CAP
    )


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return b'--edge\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
        name.encode(),
        file.encode(),
        value,
    )


END = b"--edge--\r\n"


async def contents(body: Body) -> list[tuple[str, str | tuple[str | None, bytes, bool]]]:
    found: list[tuple[str, str | tuple[str | None, bytes, bool]]] = []
    for name, value in body.fields:
        if isinstance(value, Upload):
            found.append((name, (value.filename, await value.read(), value.is_complete)))
        else:
            found.append((name, value))
    await close(body)
    return found


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", "json"),
        ("application/json; charset=utf-8", "json"),
        ("Application/JSON", "json"),
        ("application/vnd.api+json", "json"),
        ("text/json", "json"),
        (FORM, "form"),
        (f"{FORM}; charset=utf-8", "form"),
        ("", "form"),
        (MULTIPART, "multipart"),
        ("Multipart/Form-Data", "multipart"),
        ("text/plain", "other"),
        ("application/xml", "other"),
        ("multipart/mixed; boundary=x", "other"),
    ],
)
def test_the_content_type_determines_how_a_body_is_read(content_type: str, kind: str) -> None:
    assert body_kind(content_type) == kind
    assert is_json(content_type) is (kind == "json")


@pytest.mark.parametrize("content_type", ["application/json", FORM])
async def test_a_small_body_is_read_in_one_message(content_type: str) -> None:
    wire = sent(b'{"a":1}')

    body = await read(wire, content_type, 7)

    assert body == Body(body_kind(content_type), b'{"a":1}')
    assert wire.asked == 1


async def test_the_chunks_of_a_body_are_joined() -> None:
    assert await read(sent(b'{"a"', b"", b":1}", b""), "application/json") == Body("json", b'{"a":1}')


async def test_a_request_without_length_and_content_has_no_body() -> None:
    for content_type in ("application/json", FORM, MULTIPART, "multipart/form-data", "text/plain"):
        assert await read(sent(b""), content_type) == Body("none")


async def test_a_body_of_length_zero_is_not_read() -> None:
    wire = sent(b"")

    assert await read(wire, "application/json", 0) == Body("none")
    assert wire.asked == 0


async def test_a_body_of_another_type_is_discarded_except_its_beginning() -> None:
    wire = sent(b"<a>", b"</a>")

    assert await read(wire, "application/xml") == Body("other", b"<a>")
    assert wire.asked == 2


LIMITS = pytest.mark.parametrize(
    ("content_type", "limit"), [("application/json", JSON_CAP), (FORM, CAP), (MULTIPART, CAP), ("text/plain", CAP)]
)


@LIMITS
async def test_a_length_over_the_limit_is_rejected_before_reading(content_type: str, limit: int) -> None:
    wire = sent(b"x")

    with pytest.raises(BodyTooLarge):
        await read(wire, content_type, limit + 1)

    assert wire.asked == 0


@LIMITS
async def test_a_body_without_length_is_rejected_at_the_limit(content_type: str, limit: int) -> None:
    wire = sent(b"x" * limit, b"x", b"never asked for")

    with pytest.raises(BodyTooLarge):
        await read(wire, content_type)
    with pytest.raises(BodyTooLarge):
        await read(sent(b"x" * (limit + 1)), content_type)

    assert wire.asked == 2


async def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    assert len((await read(sent(b"x" * JSON_CAP), "application/json", JSON_CAP)).raw) == JSON_CAP
    assert len((await read(sent(b"x" * (JSON_CAP - 1), b"x"), "application/json")).raw) == JSON_CAP


@pytest.mark.parametrize("content_type", ["application/json", FORM, MULTIPART, "multipart/form-data", "text/plain"])
@pytest.mark.parametrize("before", [[], [b"--edge\r\n"]])
async def test_a_disconnected_client_raises_clientgone(content_type: str, before: list[bytes]) -> None:
    came = [{"type": "http.request", "body": piece, "more_body": True} for piece in before]

    with pytest.raises(ClientGone):
        await read(Wire(*came, {"type": "http.disconnect"}), content_type, 100)


async def test_multipart_fields_and_files_are_read_in_order() -> None:
    whole = part("title", b"Dark m\xc3\xb6de") + part("image", b"\x89PNG", "a.png") + part("title", b"again") + END

    body = await read(sent(whole), MULTIPART, len(whole))

    assert (body.kind, body.is_malformed) == ("multipart", False)
    assert await contents(body) == [("title", "Dark möde"), ("image", ("a.png", b"\x89PNG", True)), ("title", "again")]


async def test_multipart_may_be_split_into_chunks_anywhere() -> None:
    whole = b"\r\n" + part("title", b"Dark") + part("image", b"\r\n--edg\r\n", "a.png") + END + b"epilogue"
    expected = [("title", "Dark"), ("image", ("a.png", b"\r\n--edg\r\n", True))]

    for at in range(len(whole)):
        assert await contents(await read(sent(whole[:at], whole[at:]), MULTIPART)) == expected
    assert await contents(await read(sent(*(whole[at : at + 1] for at in range(len(whole)))), MULTIPART)) == expected


async def test_a_large_upload_is_stored_on_disk_until_it_is_closed() -> None:
    pieces = [part("attachment", b"", "big.bin")[:-2], *[b"12345678" * 8192] * 32, b"\r\n" + END]

    body = await read(sent(*pieces), MULTIPART)

    (_, upload), *_ = body.fields
    assert isinstance(upload, Upload)
    assert (upload.size, upload._in_memory, await upload.read(8)) == (2 * 1024 * 1024, False, b"12345678")
    await close(body)
    await close(body)
    assert upload.file.closed


async def test_a_missing_boundary_is_read_from_the_first_line() -> None:
    whole = part("title", b"Dark") + END

    for pieces in ([whole], [whole[:3], whole[3:]], [b"\r\n", whole], [whole[at : at + 1] for at in range(len(whole))]):
        body = await read(sent(*pieces), "multipart/form-data")
        assert (await contents(body), body.is_malformed) == ([("title", "Dark")], False)


@pytest.mark.parametrize(
    "raw", [b"title=Dark", b"--", b"--\r\n", b"--edge", b"\r\n" * 5000, b"x" * 5000 + b"\n", b"--" + b"x" * 300 + b"\n"]
)
async def test_without_a_boundary_there_are_no_fields(raw: bytes) -> None:
    body = await read(sent(raw, b"more"), "multipart/form-data")

    assert (body.kind, body.fields, body.is_malformed) == ("multipart", (), True)


@pytest.mark.parametrize(
    "raw", [b"--other\r\n", b"preamble", b"--edge\rX", b"--edge\r\nno colon\r\n\r\n", b"--edge\r\n"]
)
async def test_invalid_multipart_is_malformed(raw: bytes) -> None:
    assert await read(sent(raw), MULTIPART) == Body("multipart", raw, fields=[], is_malformed=True)


async def test_a_multipart_body_with_a_too_long_boundary_is_malformed() -> None:
    assert (await read(sent(END), f"multipart/form-data; boundary={'x' * 300}")).is_malformed


async def test_bytes_after_a_multipart_error_are_discarded_and_counted() -> None:
    with pytest.raises(BodyTooLarge):
        await read(sent(b"nonsense", b"x" * CAP), MULTIPART)


@pytest.mark.parametrize(
    ("last", "kept"),
    [
        (part("image", b"\x89PNG and mo", "a.png")[:-2], [("image", ("a.png", b"\x89PNG and mo", False))]),
        (part("description", b"We would")[:-2], []),
        (b"--edge\r\n", []),
    ],
    ids=["in a file", "in a text", "before the last line"],
)
async def test_a_truncated_body_keeps_complete_fields_and_all_files(
    last: bytes, kept: list[tuple[str, object]]
) -> None:
    body = await read(sent(part("title", b"Dark") + last), MULTIPART)

    assert (body.is_malformed, await contents(body)) == (True, [("title", "Dark"), *kept])


@pytest.mark.parametrize(
    ("parts", "fields"),
    [
        (part("image", b"", ""), []),
        (part("a", b"", "a.txt"), [("a", ("a.txt", b"", True))]),
        (
            b"--edge\r\nContent-Disposition: form-data; name=\"image\"; filename*=utf-8''%C3%B6.png\r\n\r\nx\r\n",
            [("image", ("upload", b"x", True))],
        ),
        (b"--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge\r\nX-Other: 1\r\n\r\ny\r\n", []),
        (part("title", b"D\xff"), [("title", "D\ufffd")]),
    ],
    ids=["no file chosen", "an empty file", "a file name outside ASCII", "no name", "not UTF-8"],
)
async def test_unusual_parts_are_read(parts: bytes, fields: list[tuple[str, object]]) -> None:
    body = await read(sent(parts + part("title", b"Dark") + END), MULTIPART)

    assert (body.is_malformed, await contents(body)) == (False, [*fields, ("title", "Dark")])


async def test_a_body_with_too_many_fields_or_files_is_malformed() -> None:
    fields = await read(sent(part("a", b"") * (MAX_FIELDS + 1) + END), MULTIPART)
    files = await read(sent(part("a", b"x", "a") * (MAX_FILES + 1) + END), MULTIPART)
    most = await read(sent(part("a", b"") * MAX_FIELDS + part("a", b"x", "a") * MAX_FILES + END), MULTIPART)

    assert (fields.is_malformed, len(await contents(fields))) == (True, MAX_FIELDS)
    assert (files.is_malformed, len(await contents(files))) == (True, MAX_FILES)
    assert (most.is_malformed, len(await contents(most))) == (False, MAX_FIELDS + MAX_FILES)


async def test_multipart_fields_have_the_same_size_limit_as_json() -> None:
    half = part("a", b"x" * (JSON_CAP // 2))
    await close(await read(sent(half * 2 + part("file", b"x" * JSON_CAP * 4, "a") + END), MULTIPART))

    with pytest.raises(BodyTooLarge):
        await read(sent(part("file", b"x", "a") + half * 2 + part("a", b"x") + END), MULTIPART)


SCRAPS = st.sampled_from(
    [part("title", b"a"), part("image", b"\x89PNG", "a"), END, b"--edge", b"\r\n", b"--", b"--edge\r\n"]
)


@given(
    pieces=st.lists(st.one_of(st.binary(max_size=60), SCRAPS), min_size=1, max_size=8),
    content_type=st.one_of(
        st.sampled_from([MULTIPART, "multipart/form-data", "multipart/form-data; boundary=", FORM, "a/json"]),
        st.text(st.characters(max_codepoint=255), max_size=40).map("multipart/form-data; boundary={}".format),
        st.text(st.characters(max_codepoint=255), max_size=40),
    ),
    length=st.one_of(st.none(), st.integers(0, CAP + 1)),
)
async def test_any_bytes_are_read_without_an_error(pieces: list[bytes], content_type: str, length: int | None) -> None:
    try:
        body = await read(sent(*pieces), content_type, length)
    except BodyTooLarge:
        return
    await close(body)
