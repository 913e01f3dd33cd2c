"""Uploads on their way out: under which headers, and the one route that serves them."""

import re
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from app.adapters.storage.base import FileStorage, OpenFile, StorageUnavailable, is_valid_name
from app.domain.posts.attachments import sanitize_filename

Header = tuple[bytes, bytes]

SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp", "image/webp", "image/svg+xml"})
"""What a browser may show in its place. Everything else is for downloading."""

# Colours and lines of an SVG are styles; so are those with which a browser frames a picture shown alone.
_SANDBOX = b"sandbox; default-src 'none'; style-src 'unsafe-inline'"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


@dataclass(frozen=True, slots=True)
class FileRow:
    """What the database knows of a file: the media type, what its sender called it, whether anybody may have it."""

    media_type: str
    original_name: str | None
    public: bool


def headers_for(row: FileRow, size: int) -> list[Header]:
    """The headers under which a file is harmless, whatever is in it and whatever its sender called it.

    Pictures are shown in place, and on other sites too, since clients put them there; the rest is for downloading.
    All is in a sandbox, so that an SVG that is opened runs no script and reaches nothing. The bytes under a name never
    change, but whether they may be had does: caches ask again after a minute, and keep nothing that is not public.
    """
    kind = row.media_type.lower()
    shown = kind in SHOWN
    if not _MEDIA_TYPE.fullmatch(kind):
        kind = "application/octet-stream"
    return [
        (b"content-type", kind.encode()),
        (b"content-length", str(size).encode()),
        (b"content-disposition", _disposition("inline" if shown else "attachment", row.original_name)),
        (b"content-security-policy", _SANDBOX),
        (b"x-content-type-options", b"nosniff"),
        # A link in an SVG must not tell its target the signed address.
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"cross-origin" if shown else b"same-origin"),
        (b"cache-control", b"public, max-age=60, must-revalidate" if row.public else b"private, no-store"),
    ]


def _disposition(manner: str, original_name: str | None) -> bytes:
    """RFC 6266: the name in plain ASCII for old clients and, if that is not all of it, in UTF-8 for the others."""
    name = sanitize_filename(original_name or "")
    if not name:
        return manner.encode()
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # Backslash and percent sign are read differently by different browsers, so they stay out of the plain form.
    plain = re.sub(r'["\\%]', "_", plain).strip()
    if not plain.partition(".")[0]:
        plain = f"file{plain}"
    told = f'{manner}; filename="{plain}"'
    return (told if plain == name else f"{told}; filename*=UTF-8''{quote(name, safe='')}").encode()


class _Streamed(Response):
    """A file sent chunk by chunk, and closed whatever becomes of the sending."""

    def __init__(self, stored: OpenFile, headers: list[Header], *, only_head: bool) -> None:
        super().__init__()
        self.raw_headers = headers
        self._stored = stored
        self._only_head = only_head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if not self._only_head:
                async for chunk in self._stored.chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._stored.close()


def router(
    files: FileStorage,
    find: Callable[[Request, str], Awaitable[FileRow | None]],
) -> APIRouter:
    """GET and HEAD /files/{name}. `find` says what the portal that was asked knows of a name, None if the one who asks
    may not have it.

    404 for what is unknown or gone, 304 for what the client has, 503 when the storage does not answer.
    """
    routes = APIRouter()

    async def file(request: Request, name: str) -> Response:
        row = await find(request, name) if is_valid_name(name) else None
        if row is None:
            return _refused("Not found", 404)
        etag = f'"{name}"'
        if _has(request, etag):
            kept = [header for header in headers_for(row, 0) if header[0] in _UNCHANGED]
            return _bare(304, [*kept, (b"etag", etag.encode())])
        try:
            stored = await files.open(name)
        except StorageUnavailable:
            return _refused("Service temporarily unavailable.", 503, {"Retry-After": "10"})
        if stored is None:
            return _refused("Not found", 404)
        headers = [*headers_for(row, stored.size), (b"etag", etag.encode())]
        return _Streamed(stored, headers, only_head=request.method == "HEAD")

    routes.add_api_route("/files/{name}", file, methods=["GET", "HEAD"], include_in_schema=False)
    return routes


_UNCHANGED = frozenset({b"cache-control", b"content-security-policy", b"cross-origin-resource-policy"})


def _has(request: Request, etag: str) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return etag in known or "*" in known


def _bare(status: int, headers: list[Header]) -> Response:
    answer = Response(status_code=status)
    answer.raw_headers = headers
    return answer


def _refused(words: str, status: int, headers: dict[str, str] | None = None) -> Response:
    safe = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(words, status, safe | (headers or {}))
