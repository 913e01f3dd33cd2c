"""Style sheets and scripts, our own and those vendored under `static/vendor`, straight from the package."""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import anyio.to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

STATIC: Final = Path(__file__).parents[1] / "static"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


class Asset(NamedTuple):
    """A file as it goes over the wire."""

    content: bytes
    packed: bytes
    media_type: str
    version: str


class Assets:
    """The files that may be asked for: all under `static` of a type that pages use."""

    def __init__(self) -> None:
        self._paths = {
            path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.suffix in TYPES
        }
        self._read = cache(self._load)

    def address(self, name: str) -> str:
        """Where the server has the file; another content has another address. Raises KeyError."""
        return f"/static/{name}?v={_version(self._paths[name])}"

    async def find(self, name: str) -> Asset | None:
        """The file, or None."""
        if name not in self._paths:
            return None
        return await anyio.to_thread.run_sync(self._read, name)

    def _load(self, name: str) -> Asset:
        path = self._paths[name]
        content = path.read_bytes()
        return Asset(content, gzip.compress(content, mtime=0), TYPES[path.suffix], _version(path))


@cache
def _version(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def router(assets: Assets) -> APIRouter:
    """GET and HEAD /static/{name}."""
    routes = APIRouter()

    @routes.api_route("/static/{name:path}", methods=["GET", "HEAD"])
    async def static(request: Request, name: str) -> Response:
        asset = await assets.find(name)
        if asset is None:
            return Response(status_code=404, headers={"X-Content-Type-Options": "nosniff"})
        # Without its version an address may mean another content after the next update.
        fresh = _FOR_EVER if request.query_params.get("v") == asset.version else "no-cache"
        etag = f'W/"{asset.version}"'
        headers = {
            "Cache-Control": fresh,
            "ETag": etag,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if etag in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        content = asset.content
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            content = asset.packed
        return Response(content, media_type=asset.media_type, headers=headers)

    return routes


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
