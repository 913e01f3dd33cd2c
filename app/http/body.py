"""Reads the body of a request within limits of its size. Each dialect interprets the fields by itself."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Final, Literal, Self

from python_multipart.multipart import parse_options_header

from app.http.multipart import BodyTooLarge, MultipartReader, Upload, guess_boundary
from app.http.request import Receive

Kind = Literal["none", "json", "form", "multipart", "other"]

_JSON_START: Final = re.compile(rb"\s*[{\[]")


class ClientGone(Exception):
    """The client closed the connection before the end of the body."""


class UnreadableJson(Exception):
    """The body can't be read as JSON. `line` and `column` of the first error count characters, from 1."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.line, self.column = line, column

    @classmethod
    def locate(cls, raw: bytes, error: JSONDecodeError) -> Self:
        """The error of a parser, with its position in the body."""
        try:
            raw.decode()
        except UnicodeDecodeError as undecodable:
            # orjson reports these at the beginning of the body.
            before = raw[: undecodable.start].decode()
            return cls(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return cls(error.lineno, error.colno)


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request.

    `raw` is set for "json" and "form", `fields` for "multipart". `is_malformed` means a multipart body that ended
    early or has a syntax error: `fields` then has the parts before. For such a body, and for "other", `raw` is only the
    beginning. An empty body is "none", whatever its type.
    """

    kind: Kind
    raw: bytes = b""
    fields: Sequence[tuple[str, str | Upload]] = ()
    is_malformed: bool = False

    def looks_like_json(self) -> bool:
        """Whether the body begins as a JSON object or array, whatever its type."""
        return _JSON_START.match(self.raw) is not None


NO_BODY = Body("none")


def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON: `application/json`, `application/vnd.api+json`, with parameters or not."""
    if content_type == "application/json":
        return True
    content_type = content_type.lower()
    return "/json" in content_type or "+json" in content_type


def body_kind(content_type: str) -> Literal["json", "form", "multipart", "other"]:
    """How a body of this type is read. A body without a type is a form, as curl and browsers send it."""
    if is_json(content_type):
        return "json"
    plain = content_type.lstrip().lower()
    if not plain or plain.startswith("application/x-www-form-urlencoded"):
        return "form"
    if plain.startswith("multipart/form-data"):
        return "multipart"
    return "other"


async def read_body(
    receive: Receive, *, content_type: str, content_length: int | None, max_bytes: int, max_json_bytes: int
) -> Body:
    """Read the body to its end.

    Raises BodyTooLarge as soon as it is known: above `max_json_bytes` for JSON and for the texts of a multipart body,
    above `max_bytes` for anything else. Raises ClientGone. Files up to 1 MiB stay in memory, larger ones go to disk;
    the caller closes them with `close`. Invalid content raises nothing.
    """
    if content_length == 0:
        return NO_BODY
    kind = body_kind(content_type)
    limit = max_json_bytes if kind == "json" else max_bytes
    if content_length is not None and content_length > limit:
        raise BodyTooLarge
    if kind == "multipart":
        return await _read_multipart(_chunks(receive, limit), content_type, max_json_bytes)
    if kind == "other":
        head = await _drain(_chunks(receive, limit))
        return Body(kind, head) if head else NO_BODY
    # Most bodies are one message; for these a generator would take as long as the rest of this function.
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    raw: bytes = message.get("body", b"")
    if len(raw) > limit:
        raise BodyTooLarge
    if message.get("more_body", False):
        content = bytearray(raw)
        async for chunk in _chunks(receive, limit - len(raw)):
            content += chunk
        raw = bytes(content)
    return Body(kind, raw) if raw else NO_BODY


async def close(body: Body) -> None:
    """Close the uploads, which deletes those on disk. May be called twice."""
    for _, value in body.fields:
        if isinstance(value, Upload):
            await value.close()


async def _chunks(receive: Receive, limit: int) -> AsyncGenerator[bytes, None]:
    """The chunks of the body. Raises BodyTooLarge after `limit` bytes."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        limit -= len(chunk)
        if limit < 0:
            raise BodyTooLarge
        if chunk:
            yield chunk
        more = message.get("more_body", False)


async def _drain(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """Read to the end, since the limit holds for a body that the dialects ignore, too. Return only the first chunk."""
    head = await anext(chunks, b"")
    async for _ in chunks:
        pass
    return head


async def _read_multipart(chunks: AsyncGenerator[bytes, None], content_type: str, max_text_bytes: int) -> Body:
    head = await anext(chunks, b"")
    if not head:
        return NO_BODY
    boundary = parse_options_header(content_type)[1].get(b"boundary") or None
    if boundary is None:
        # Some clients set the type by hand, without a boundary.
        while (boundary := guess_boundary(head)) is None and (chunk := await anext(chunks, b"")):
            head += chunk
    if not boundary:
        await _drain(chunks)
        return Body("multipart", head, is_malformed=True)
    reader = MultipartReader(chunks, max_text_bytes=max_text_bytes)
    try:
        await reader.read(boundary, head)
    except BaseException:
        reader.close()
        raise
    if reader.is_malformed:
        return Body("multipart", head, fields=reader.fields, is_malformed=True)
    return Body("multipart", fields=reader.fields)
