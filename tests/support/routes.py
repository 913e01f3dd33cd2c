"""Every route of both dialects, as they are declared, so that a new one is met by the tests that go over all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import APIRoute

from app.api.astuto.app import ROUTERS as ASTUTO_CHAPTERS
from app.api.productlift.app import ROUTERS as PRODUCTLIFT_CHAPTERS

DIALECTS = ("astuto", "productlift")
_CHAPTERS = {"astuto": ASTUTO_CHAPTERS, "productlift": PRODUCTLIFT_CHAPTERS}


@dataclass(frozen=True)
class Route:
    """A verb and an address of a dialect, such as `GET /posts/{id}`, and what its document says of it."""

    dialect: str
    method: str
    path: str
    status: int
    """The status of success."""
    inputs: tuple[str, ...] = field(repr=False, compare=False)
    """The names of what may be sent, in the query or in the body; files are left out."""
    schemas: Mapping[str, Any] = field(repr=False, compare=False)
    """What each of them may be, as JSON Schema."""

    def __str__(self) -> str:
        return f"{self.dialect} {self.method} {self.path}"

    def at(self, **places: object) -> str:
        """The address with its places filled."""
        return self.path.format(**places)

    @property
    def places(self) -> list[str]:
        """The names of the parts of the address that vary."""
        return [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]


def of_dialect(dialect: str) -> Sequence[Route]:
    """All routes of one dialect."""
    return [
        _route(dialect, method, declared)
        for chapter in _CHAPTERS[dialect]
        for declared in chapter.router.routes
        if isinstance(declared, APIRoute)
        for method in sorted(declared.methods or ())
    ]


def every() -> list[Route]:
    """All routes of both dialects."""
    return [route for dialect in DIALECTS for route in of_dialect(dialect)]


def _route(dialect: str, method: str, declared: APIRoute) -> Route:
    said: Mapping[str, Any] = declared.openapi_extra or {}
    schemas = {given["name"]: given["schema"] for given in said.get("parameters", []) if given["in"] == "query"}
    content = said.get("requestBody", {}).get("content", {})
    schemas |= content.get("application/json", {}).get("schema", {}).get("properties", {})
    return Route(dialect, method, declared.path, declared.status_code or 200, tuple(schemas), schemas)
