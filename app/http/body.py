"""Reads a request's body off the wire, once, within its bounds; what the fields mean is each dialect's own affair."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

from app.http.multipart import FieldsTooLarge, MultipartReader, Upload, boundary_from_header, guess_boundary

Kind = Literal["none", "json", "form", "multipart", "other"]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class BodyTooLarge(Exception):
    """The body is longer than the server takes."""


class ClientGone(Exception):
    """The client hung up before the whole body had come."""


@dataclass(frozen=True, slots=True)
class Body:
    """What came with the request.

    `raw` is set for "json" and "form", `fields` for "multipart". `broken` is a multipart body that ended early or
    couldn't be read: `fields` then has what came before. An empty body is "none", whatever its type says.
    """

    kind: Kind
    raw: bytes = b""
    fields: Sequence[tuple[str, str | Upload]] = ()
    is_malformed: bool = False


NO_BODY = Body("none")


def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON: `application/json`, `application/vnd.api+json`, with parameters or not."""
    if content_type == "application/json":
        return True
    content_type = content_type.lower()
    return "/json" in content_type or "+json" in content_type


def body_kind(content_type: str) -> Literal["json", "form", "multipart", "other"]:
    """How a body of this type is read. One without a type is taken for a form, as curl and browsers mean it."""
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

    Raises BodyTooLarge as soon as it is known: above `max_json_bytes` bytes for JSON and for the text of a multipart
    body,
    above `cap` for anything else. Raises ClientGone. Files up to 1 MiB stay in memory, larger ones lie on disk; the
    caller closes them with `close`. Nothing about the content is an error.
    """
    if content_length == 0:
        return NO_BODY
    kind = body_kind(content_type)
    most = max_json_bytes if kind == "json" else max_bytes
    if content_length is not None and content_length > most:
        raise BodyTooLarge
    if kind == "multipart":
        return await _multipart(_chunks(receive, most), boundary_from_header(content_type), max_json_bytes)
    if kind == "other":
        return await _drain(_chunks(receive, most))
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    raw: bytes = message.get("body", b"")
    if message.get("more_body", False):
        whole = bytearray(raw)
        async for piece in _chunks(receive, most - len(raw)):
            whole += piece
        raw = bytes(whole)
    elif len(raw) > most:
        raise BodyTooLarge
    return Body(kind, raw) if raw else NO_BODY


async def close(body: Body) -> None:
    """Close the uploads; those on disk are gone then. A second call does no harm."""
    for _, value in body.fields:
        if isinstance(value, Upload):
            await value.close()


async def _chunks(receive: Receive, most: int) -> AsyncIterator[bytes]:
    """The pieces of the body as they come, never more than `most` bytes together."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece: bytes = message.get("body", b"")
        most -= len(piece)
        if most < 0:
            raise BodyTooLarge
        if piece:
            yield piece
        more = message.get("more_body", False)


async def _drain(pieces: AsyncIterator[bytes]) -> Body:
    """Read without keeping: the bound holds for a body that nobody reads, too."""
    length = 0
    async for piece in pieces:
        length += len(piece)
    return Body("other") if length else NO_BODY


async def _multipart(pieces: AsyncIterator[bytes], boundary: bytes | None, text_cap: int) -> Body:
    head = b""
    if boundary is None:
        head, boundary = await _first_line(pieces)
    if boundary is None:
        await _drain(pieces)
        return Body("multipart", is_malformed=True) if head else NO_BODY
    parts = MultipartReader(boundary, text_cap=text_cap)
    with ExitStack() as unless_whole:
        unless_whole.callback(parts.close)
        try:
            await parts.feed(head)
            async for piece in pieces:
                await parts.feed(piece)
        except FieldsTooLarge:
            raise BodyTooLarge from None
        await parts.finish()
        unless_whole.pop_all()
    return Body("multipart", fields=parts.fields, is_malformed=parts.is_malformed) if parts.has_data else NO_BODY


async def _first_line(pieces: AsyncIterator[bytes]) -> tuple[bytes, bytes | None]:
    """The beginning of the body, and the boundary that its first line tells.

    Some clients set the bare type by hand, so that the header names no boundary.
    """
    head = b""
    async for piece in pieces:
        head += piece
        boundary, told = guess_boundary(head)
        if told:
            return head, boundary
    return head, None
