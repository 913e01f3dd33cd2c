"""Style sheets and scripts, Earshot's own and those under `static/vendor`, served from the package."""

import gzip
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from app.web.compression import accepts_gzip

STATIC: Final = Path(__file__).parents[1] / "static"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""The types that pages use; no other file is served."""


@cache
def _load(path: Path) -> tuple[bytes, str]:
    """The content of a file, and its version."""
    content = path.read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]


@cache
def _compress(path: Path) -> bytes:
    return gzip.compress(_load(path)[0], mtime=0)


class Assets(StaticFiles):
    """The files under `static`, compressed once; an address with the file's version may be cached forever."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def address(self, name: str) -> str:
        """The path of the file on the server. Another content has another address."""
        return f"/static/{name}?v={_load(STATIC / name)[1]}"

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """See StaticFiles, which calls this in a thread; so the file is compressed here, too."""
        full_path, stat_result = super().lookup_path(path)
        if stat_result is None or Path(full_path).suffix not in TYPES:
            return "", None
        _compress(Path(full_path))
        return full_path, stat_result

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """See StaticFiles."""
        path, request = Path(full_path), Request(scope)
        content, version = _load(path)
        gzipped = accepts_gzip(request.headers.get("accept-encoding", ""))
        # Without its version an address may have another content after the next update.
        is_versioned = request.query_params.get("v") == version
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if is_versioned else "no-cache",
            "ETag": f'"{version}{"-gzip" if gzipped else ""}"',
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            **({"Content-Encoding": "gzip"} if gzipped else {}),
        }
        response = Response(_compress(path) if gzipped else content, status_code, headers, TYPES[path.suffix])
        if self.is_not_modified(response.headers, request.headers):
            return NotModifiedResponse(response.headers)
        return response


def router(assets: Assets) -> APIRouter:
    """GET and HEAD /static/{name}."""
    routes = APIRouter()

    @routes.api_route("/static/{name:path}", methods=["GET", "HEAD"])
    async def static(request: Request, name: str) -> Response:
        return await assets.get_response(name, request.scope)

    return routes
