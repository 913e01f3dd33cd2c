"""The route that serves uploads, and the headers of its responses."""

import re
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from app.adapters.image_types import MEDIA_TYPES
from app.adapters.storage.base import FileStorage, OpenFile, StorageUnavailable, is_valid_name
from app.domain.posts.attachments import sanitize_filename
from app.web import etags

SHOWN = frozenset(media_type for media_type, _ in MEDIA_TYPES.values())
"""Media types that a browser may show. Everything else is a download."""

# Colors and lines of an SVG are styles; so are those that a browser adds to an image shown alone.
_SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
_UNCHANGED = ("Cache-Control", "Content-Security-Policy", "Cross-Origin-Resource-Policy", "ETag")
"""The headers of a response without the content, which the client has."""
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


@dataclass(frozen=True, slots=True)
class FileRow:
    """The database row of a file: the media type, the original name, whether the file is public."""

    media_type: str
    original_name: str | None
    public: bool


def headers_for(row: FileRow) -> dict[str, str]:
    """The headers that make a file harmless, whatever its content and its original name.

    Images are shown inline, on other sites too, since clients embed them there; everything else is a download. All
    files are in a sandbox, so that an SVG runs no script and loads nothing. The bytes under a name never change, but
    access to them does: caches revalidate after a minute, and store nothing that is not public.
    """
    kind = row.media_type.lower()
    is_inline = kind in SHOWN
    if not _MEDIA_TYPE.fullmatch(kind):
        kind = "application/octet-stream"
    return {
        "Content-Type": kind,
        "Content-Disposition": _disposition("inline" if is_inline else "attachment", row.original_name),
        "Content-Security-Policy": _SANDBOX,
        "X-Content-Type-Options": "nosniff",
        # A link in an SVG must not send the signed URL to its target.
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "cross-origin" if is_inline else "same-origin",
        "Cache-Control": "public, max-age=60, must-revalidate" if row.public else "private, no-store",
    }


def _disposition(kind: str, original_name: str | None) -> str:
    """RFC 6266: the name in plain ASCII for old clients and, if it has other characters, in UTF-8 for the others."""
    name = sanitize_filename(original_name or "")
    if not name:
        return kind
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # Backslash and percent sign are read differently by different browsers, so they stay out of the plain form.
    plain = re.sub(r'["\\%]', "_", plain).strip()
    if not plain.partition(".")[0]:
        plain = f"file{plain}"
    header = f'{kind}; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"


class _FileResponse(Response):
    """A file sent chunk by chunk, and closed even if sending fails."""

    def __init__(self, stored: OpenFile, headers: dict[str, str], *, only_head: bool) -> None:
        super().__init__(headers={**headers, "Content-Length": str(stored.size)})
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
    """GET and HEAD /files/{name}. `find` returns the row of a name in the portal of the request, None if there is none
    or the client may not read the file.

    404 for unknown and deleted files, 304 for what the client has, 503 when the storage fails.
    """
    routes = APIRouter()

    async def file(request: Request, name: str) -> Response:
        row = await find(request, name) if is_valid_name(name) else None
        if row is None:
            return _error_response("Not found", 404)
        headers = {**headers_for(row), "ETag": f'"{name}"'}
        if etags.is_known(request, headers["ETag"]):
            return Response(status_code=304, headers={name: headers[name] for name in _UNCHANGED})
        try:
            stored = await files.open(name)
        except StorageUnavailable:
            return _error_response("Service temporarily unavailable.", 503, {"Retry-After": "10"})
        if stored is None:
            return _error_response("Not found", 404)
        return _FileResponse(stored, headers, only_head=request.method == "HEAD")

    routes.add_api_route("/files/{name}", file, methods=["GET", "HEAD"], include_in_schema=False)
    return routes


def _error_response(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    safe = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(message, status, safe | (headers or {}))
