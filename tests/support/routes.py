"""Every declared route of both dialects, so that tests over all routes include new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import APIRoute

from app.api.astuto.app import ROUTERS as ASTUTO_ROUTERS
from app.api.productlift.app import ROUTERS as PRODUCTLIFT_ROUTERS
from app.application import Application

DIALECTS = ("astuto", "productlift")
_ROUTERS = {"astuto": ASTUTO_ROUTERS, "productlift": PRODUCTLIFT_ROUTERS}


@dataclass(frozen=True)
class Route:
    """A method and path of a dialect, such as `GET /posts/{id}`, with its part of the OpenAPI document."""

    dialect: str
    method: str
    path: str
    status: int
    """The status of success."""
    inputs: tuple[str, ...] = field(repr=False, compare=False)
    """The names of the parameters in query or body, without files."""
    schemas: Mapping[str, Any] = field(repr=False, compare=False)
    """The JSON Schema of each."""

    def __str__(self) -> str:
        return f"{self.dialect} {self.method} {self.path}"

    def at(self, **places: object) -> str:
        """The path with its parameters filled in."""
        return self.path.format(**places)

    @property
    def places(self) -> list[str]:
        """The names of the path parameters."""
        return [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]


def of_dialect(dialect: str) -> Sequence[Route]:
    """All routes of one dialect."""
    return [
        _route(dialect, method, declared)
        for router in _ROUTERS[dialect]
        for declared in router.routes
        if isinstance(declared, APIRoute)
        for method in sorted(declared.methods or ())
    ]


def every() -> list[Route]:
    """All routes of both dialects."""
    return [route for dialect in DIALECTS for route in of_dialect(dialect)]


def page_paths(server: Application) -> list[str]:
    """The paths of all pages, files and documents."""
    pages: Any = server.pages
    return [route.path for included in pages.routes for route in included.original_router.routes]


def _route(dialect: str, method: str, declared: APIRoute) -> Route:
    extra: Mapping[str, Any] = declared.openapi_extra or {}
    schemas = {param["name"]: param["schema"] for param in extra.get("parameters", []) if param["in"] == "query"}
    content = extra.get("requestBody", {}).get("content", {})
    schemas |= content.get("application/json", {}).get("schema", {}).get("properties", {})
    return Route(dialect, method, declared.path, declared.status_code or 200, tuple(schemas), schemas)
