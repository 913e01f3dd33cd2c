"""The OpenAPI documents: FastAPI makes them from the routes of each dialect."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from app.adapters.rate_limiter import RateLimit
from app.api.dialect import MAX_BODY_BYTES, MAX_JSON_BYTES
from app.public_url import PublicUrl

SECURITY_SCHEME: Final = "key"
ORIGIN: Final = "https://origin.invalid"
"""Stands for scheme, host and port of the server in a document. The page that serves the document replaces it."""
_BASE_PATH: Final = "/api/v1"
_MEBIBYTE: Final = 1024 * 1024
_TOO_LARGE: Final = (
    f"The request is larger than {MAX_BODY_BYTES // _MEBIBYTE} MiB, or its JSON or the texts of its multipart form are "
    f"larger than {MAX_JSON_BYTES // _MEBIBYTE} MiB"
)
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class OpenApiDocument(FastAPI):
    """The FastAPI application that documents the dialect of one product. It serves no requests.

    `description` may contain `{address}` and `{path}`: ORIGIN with the path of `public`, and that path. `key` is an
    example. `too_many` describes the response 429.
    """

    def __init__(
        self,
        *,
        product: str,
        description: str,
        key: str,
        too_many: str,
        public: PublicUrl,
        tags: Mapping[str, str],
        routers: Sequence[APIRouter],
    ) -> None:
        self.dialect = product.lower()
        address = ORIGIN + public.path
        super().__init__(
            title=f"Earshot: {product}'s API",
            version=version("earshot"),
            description=description.replace("{address}", address).replace("{path}", public.path),
            # The interactive page sends its requests to the first.
            servers=[
                {"url": public.link(f"/{self.dialect}{_BASE_PATH}"), "description": f"Always {product}'s dialect"},
                {"url": public.link(_BASE_PATH), "description": "For existing clients: the key determines the dialect"},
            ],
            openapi_tags=[{"name": tag, "description": text} for tag, text in tags.items()],
            openapi_url=None,
        )
        key = f"A key of the {product} dialect, such as `{key}`."
        self._scheme = {"type": "http", "scheme": "bearer", "description": key}
        self._limits = {"413": _TOO_LARGE, "429": too_many}
        for router in routers:
            self.include_router(router)

    def openapi(self) -> dict[str, Any]:
        """The document; made at the first call, which takes some tenths of a second."""
        document = super().openapi()
        # At each call, since another thread may have made the document and not yet completed it.
        document.setdefault("components", {})["securitySchemes"] = {SECURITY_SCHEME: self._scheme}
        document["security"] = [{SECURITY_SCHEME: []}]
        for item in document["paths"].values():
            for operation in item.values():
                for status, description in self._limits.items():
                    operation["responses"][status]["description"] = description
        return document

    def openapi_with_full_paths(self) -> dict[str, Any]:
        """The document with the paths that existing clients have, such as `/api/v1/posts`; otherwise the same."""
        document = self.openapi()
        # The first server is the one that generated clients use.
        servers = [
            {**server, "url": server["url"].removesuffix(_BASE_PATH)} for server in reversed(document["servers"])
        ]
        paths = {_BASE_PATH + path: item for path, item in document["paths"].items()}
        return {**document, "servers": servers, "paths": paths}


def describe_rate_limit(limit: RateLimit | None) -> str:
    """`60 requests a minute`, `100 requests in 5 minutes`, `as many requests as they like`."""
    if limit is None:
        return "as many requests as they like"
    size, unit = next((size, unit) for size, unit in _UNITS if limit.seconds % size == 0)
    count = limit.seconds // size
    window = f"{'an' if unit == 'hour' else 'a'} {unit}" if count == 1 else f"in {count} {unit}s"
    return f"{limit.limit:,} requests {window}".replace(",", " ")
