"""The OpenAPI documents: FastAPI makes them from the routes of each dialect."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from app.adapters.rate_limiter import RateLimit

SECURITY_SCHEME: Final = "key"
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class OpenApiDocument(FastAPI):
    """The FastAPI application that documents one dialect. It serves no requests.

    `servers` are (URL, description); the interactive page sends its requests to the first.
    """

    def __init__(
        self,
        *,
        dialect: str,
        title: str,
        description: str,
        key: str,
        servers: Sequence[tuple[str, str]],
        tags: Mapping[str, str],
        routers: Sequence[APIRouter],
    ) -> None:
        used = {tag for router in routers for tag in router.tags}
        super().__init__(
            title=title,
            version=version("earshot"),
            description=description,
            servers=[{"url": url, "description": text} for url, text in servers],
            openapi_tags=[{"name": tag, "description": text} for tag, text in tags.items() if tag in used],
            openapi_url=None,
        )
        self.dialect = dialect
        self._scheme = {"type": "http", "scheme": "bearer", "description": key}
        for router in routers:
            self.include_router(router)

    def openapi(self) -> dict[str, Any]:
        """The document; made at the first call, which takes some tenths of a second."""
        document = super().openapi()
        # At each call, since another thread may have made the document and not yet completed it.
        document.setdefault("components", {})["securitySchemes"] = {SECURITY_SCHEME: self._scheme}
        document["security"] = [{SECURITY_SCHEME: []}]
        return document


def describe_rate_limit(limit: RateLimit | None) -> str:
    """`60 requests a minute`, `100 requests in 5 minutes`, `as many requests as they like`."""
    if limit is None:
        return "as many requests as they like"
    size, unit = next((size, unit) for size, unit in _UNITS if limit.seconds % size == 0)
    count = limit.seconds // size
    window = f"{'an' if unit == 'hour' else 'a'} {unit}" if count == 1 else f"in {count} {unit}s"
    return f"{limit.limit:,} requests {window}".replace(",", " ")
