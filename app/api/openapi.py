"""The OpenAPI documents: made by FastAPI from the routes, completed with what it cannot know."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

from app.adapters.rate_limiter import RateLimit

SECURITY_SCHEME: Final = "key"
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class OpenApiDocument:
    """What one dialect's interface is, for people and programs to read.

    `servers` are (address, description); the first is where the interactive page sends its requests.
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
        routers: Iterable[APIRouter],
    ) -> None:
        self.dialect = dialect
        self.title = title
        self._description = description
        self._key = key
        self._servers = servers
        self._tags = tags
        self._routers = list(routers)

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """The document; made at the first call, for it takes some tenths of a second."""
        routes = [route for router in self._routers for route in router.routes]
        named = {tag for router in self._routers for tag in router.tags}
        made = get_openapi(
            title=self.title,
            version=version("earshot"),
            description=self._description,
            routes=routes,
            servers=[{"url": address, "description": words} for address, words in self._servers],
            tags=[{"name": tag, "description": words} for tag, words in self._tags.items() if tag in named],
        )
        made.setdefault("components", {})["securitySchemes"] = {
            SECURITY_SCHEME: {"type": "http", "scheme": "bearer", "description": self._key}
        }
        made["security"] = [{SECURITY_SCHEME: []}]
        return made


def describe_rate_limit(limit: RateLimit | None) -> str:
    """`60 requests a minute`, `100 requests in 5 minutes`, `as many requests as they like`."""
    if limit is None:
        return "as many requests as they like"
    size, unit = next((size, unit) for size, unit in _UNITS if limit.seconds % size == 0)
    many = limit.seconds // size
    window = f"{'an' if unit == 'hour' else 'a'} {unit}" if many == 1 else f"in {many} {unit}s"
    return f"{limit.limit:,} requests {window}".replace(",", " ")
