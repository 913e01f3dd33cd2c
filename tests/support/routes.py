"""Every route of both dialects, as they are declared, so that a new one is met by the tests that go over all."""

from collections.abc import Sequence
from typing import NamedTuple

from fastapi.routing import APIRoute

from app.api.astuto.building import CHAPTERS as ASTUTO_CHAPTERS
from app.api.productlift.building import CHAPTERS as PRODUCTLIFT_CHAPTERS


class Route(NamedTuple):
    """A verb and an address of a dialect, such as `GET /posts/{id}`."""

    dialect: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.dialect} {self.method} {self.path}"

    def at(self, **places: object) -> str:
        """The address with its places filled."""
        return self.path.format(**places)

    @property
    def places(self) -> list[str]:
        """The names of the parts of the address that vary."""
        return [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]

    @property
    def writes(self) -> bool:
        return self.method != "GET"


def of_dialect(dialect: str) -> Sequence[Route]:
    """All routes of one dialect."""
    chapters = {"astuto": ASTUTO_CHAPTERS, "productlift": PRODUCTLIFT_CHAPTERS}[dialect]
    return [
        Route(dialect, method, route.path)
        for chapter in chapters
        for route in chapter.router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]


def every() -> list[Route]:
    """All routes of both dialects."""
    return [*of_dialect("astuto"), *of_dialect("productlift")]
